import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InformedTracker } from '../fixtures/informed-tracker.ts';
import { service, slice } from '../fixtures/objects.ts';
import { fixedChains } from './fixed-chains.ts';
import { RuleBook, nodePortTail, restoreInput, type PlanContext } from './plan.ts';
import { restoreInto, type ModelChains } from './restore-model.ts';
import { restoreParts } from './restore-parts.ts';

const CONTEXT: PlanContext = {
  family: 'IPv4',
  detector: { kind: 'cidr', cidr: '10.0.0.0/8' },
  masqueradeAll: false,
  nodeIp: undefined,
  localhostNodePorts: true,
  nfacct: false,
  fixed: fixedChains({
    family: 'IPv4',
    masqueradeMark: 0x4000,
    randomFully: true,
    localhostNodePorts: true,
    dropInvalid: true,
    nfacct: false,
  }),
  tail: nodePortTail({ family: 'IPv4', addresses: undefined, localhostNodePorts: true }),
};

const clusterOf = (services: number, endpoints: number) =>
  Array.from({ length: services }, (_, i) => [
    service(`ns/s${i}`, {
      clusterIP: `10.96.0.${i + 1}`,
      type: 'NodePort',
      externalTrafficPolicy: 'Local',
      ports: [{ port: 80, nodePort: 30_000 + i }],
    }),
    slice(
      `ns/s${i}`,
      Array.from({ length: endpoints }, (__, j) => ({ ip: `10.1.${i}.${j + 1}`, node: j === 0 ? 'node-1' : 'node-2' })),
    ),
  ]).flat();

test('restoreParts() of a small plan is one restore', () => {
  const plan = new RuleBook().plan(new InformedTracker(clusterOf(3, 2)).take(), CONTEXT);
  assert.deepEqual(restoreParts(plan, 1000), [restoreInput(plan.chains)]);
});

test('restoreParts() of a large plan: each part is accepted, none leads to a half-written service, all make the whole', () => {
  const tracker = new InformedTracker(clusterOf(20, 3));
  const book = new RuleBook();
  const first = tracker.take();
  const plan = book.plan(first, CONTEXT);
  const parts = restoreParts(plan, 10);
  assert.ok(parts.length > 5, `${parts.length} parts`);
  const chains: ModelChains = new Map();
  for (const [i, part] of parts.entries()) {
    restoreInto(chains, part);
    assert.equal(chains.has('nat KUBE-SERVICES'), i === parts.length - 1, 'what leads to the services comes last');
  }
  const whole: ModelChains = new Map();
  restoreInto(whole, restoreInput(plan.chains));
  const sorted = (c: ModelChains) => [...c].toSorted(([a], [b]) => (a < b ? -1 : 1));
  assert.deepEqual(sorted(chains), sorted(whole));
  book.commit(plan);
  tracker.commit(first);
  // Every endpoint of every service moves: chains that go are removed in the end, after nothing leads to them.
  for (let i = 0; i < 20; i++) {
    const object = slice(`ns/s${i}`, [{ ip: `10.2.${i}.1`, node: 'node-1' }]);
    tracker.apply({ kind: 'slice', key: `ns/s${i}-ipv4`, object });
  }
  const change = book.plan(tracker.take(), CONTEXT);
  const steps = restoreParts(change, 10);
  assert.ok(steps.length > 3, `${steps.length} parts`);
  for (const [i, step] of steps.entries()) {
    assert.equal(step.includes('\n-X '), i === steps.length - 1);
    restoreInto(chains, step);
  }
  book.commit(change);
  const want = [...book.chains].filter(([id]) => id.startsWith('nat KUBE-SEP-')).length;
  assert.equal([...chains.keys()].filter((id) => id.startsWith('nat KUBE-SEP-')).length, want);
  assert.equal(want, 20);
});
