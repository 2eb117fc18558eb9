import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import type { PodView, Topology } from './contract.ts';
import { applyTopologyChange, diffTopology, EMPTY_TOPOLOGY } from './topology-change.ts';

const pod = (name: string, status = 'Running'): PodView => ({
  key: `default/${name}`,
  namespace: 'default',
  name,
  uid: name,
  node: 'node-1',
  addresses: [],
  status,
  ready: true,
  terminating: false,
  running: true,
  hostNetwork: false,
  workload: name,
});
const withPods = (...pods: PodView[]): Topology => ({
  ...EMPTY_TOPOLOGY,
  pods: Object.fromEntries(pods.map((p) => [p.key, p])),
});

test('diffTopology() names what changed and nothing else', () => {
  const kept = pod('kept');
  const change = diffTopology(withPods(kept, pod('old')), withPods(kept, pod('new')));
  assert.deepEqual(change, { pods: { set: [pod('new')], gone: ['default/old'] } });
});

test('diffTopology() of the same views is nothing', () => {
  const kept = pod('kept');
  assert.equal(diffTopology(withPods(kept), withPods(kept)), undefined);
});

test('a change applied to what was gives what is', () => {
  const pods = fc.uniqueArray(fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), status: fc.string() }), {
    selector: (p) => p.name,
  });
  fc.assert(
    fc.property(pods, pods, (have, want) => {
      const before = withPods(...have.map((p) => pod(p.name, p.status)));
      const after = withPods(...want.map((p) => pod(p.name, p.status)));
      assert.deepEqual(applyTopologyChange(before, diffTopology(before, after) ?? {}), after);
    }),
  );
});
