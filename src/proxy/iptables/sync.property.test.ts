// The iptables rules through everything that can go wrong: restores that are refused, killed between two tables, or
// lost on the way back, proxies that are killed, rules that others flush. In the end they are a fresh proxy's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../../clock/index.ts';
import { InformedTracker } from '../fixtures/informed-tracker.ts';
import { service } from '../fixtures/objects.ts';
import { histories } from '../fixtures/random-cluster.ts';
import { nodePortTail } from './plan.ts';
import { restoreInto, saveOf, type ModelChains } from './restore-model.ts';
import { IptablesSync, type IptablesKernel } from './sync.ts';

class FaultyKernel implements IptablesKernel {
  readonly chains: ModelChains = new Map();
  readonly chainsAtOnce: number;
  /** Tables that restores still get through before one is killed. */
  tables = Infinity;

  constructor(chainsAtOnce = Infinity) {
    this.chainsAtOnce = chainsAtOnce;
  }

  restore(input: string): Promise<void> {
    // When the last of them is in, nobody hears of it.
    this.tables -= restoreInto(this.chains, input, this.tables);
    if (this.tables > 0) return Promise.resolve();
    this.tables = 0;
    return Promise.reject(new Error('killed by SIGKILL'));
  }

  save = () => Promise.resolve(saveOf(this.chains));
  ensureJump = () => Promise.resolve(true);
}

function start(kernel: FaultyKernel, nodeIp: () => string | undefined = () => '172.31.0.11'): IptablesSync {
  return new IptablesSync({
    kernel,
    clock: new ManualClock(),
    fixed: {
      family: 'IPv4',
      masqueradeMark: 0x4000,
      randomFully: true,
      localhostNodePorts: true,
      dropInvalid: true,
      nfacct: false,
    },
    context: () => ({
      family: 'IPv4',
      detector: { kind: 'cidr', cidr: '10.0.0.0/8' },
      masqueradeAll: false,
      nodeIp: nodeIp(),
      localhostNodePorts: true,
      nfacct: false,
      tail: nodePortTail({ family: 'IPv4', addresses: undefined, localhostNodePorts: true }),
    }),
  });
}

const allOf = (tracker: InformedTracker) => () =>
  [...tracker.keys].flatMap((key) => {
    const state = tracker.stateOf(key);
    return state === undefined ? [] : [[key, state] as [string, typeof state]];
  });

const sorted = (chains: ModelChains) => [...chains].toSorted(([a], [b]) => (a < b ? -1 : 1));

type Fault =
  | { readonly kind: 'none' | 'flushed' }
  | { readonly kind: 'failed' | 'killed'; /** Tables that were in. */ readonly tables: number };

const faults: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant<Fault>({ kind: 'none' }),
  fc.constant<Fault>({ kind: 'flushed' }),
  fc.record({ kind: fc.constantFrom('failed' as const, 'killed' as const), tables: fc.integer({ min: 0, max: 5 }) }),
);

/** Restores as they are, and cut into parts. */
const chainsAtOnce = fc.constantFrom(Infinity, 4);

test('whatever fails, the right rules come, and a refused restore leaves the old ones', async () => {
  await fc.assert(
    fc.asyncProperty(histories, fc.infiniteStream(faults), chainsAtOnce, async (history, stream, most) => {
      const kernel = new FaultyKernel(most);
      let tracker = new InformedTracker();
      let sync = start(kernel);
      const past: (typeof history)[number] = [];
      const run = async () => {
        const changes = tracker.take();
        try {
          await sync.sync(changes, allOf(tracker));
          tracker.commit(changes);
        } catch {
          tracker.abort(changes);
        }
      };
      for (const batch of history) {
        const fault = stream.next().value ?? { kind: 'none' };
        past.push(...batch);
        for (const step of batch) tracker.apply(step);
        const before = sorted(kernel.chains);
        if ('tables' in fault) kernel.tables = fault.tables;
        await run();
        kernel.tables = Infinity;
        if ('tables' in fault && fault.tables === 0) assert.deepEqual(sorted(kernel.chains), before);
        if (fault.kind === 'killed') {
          sync = start(kernel);
          tracker = new InformedTracker();
          for (const step of past) tracker.apply(step);
        }
        if (fault.kind === 'flushed') {
          for (const [id, rules] of kernel.chains) if (id.startsWith('nat ')) rules.length = 0;
          sync.requireFull();
        }
      }
      await run();
      // Chains that another proxy left, or that nobody needs now, go with a full sync.
      sync.requireFull();
      await run();
      const fresh = new FaultyKernel();
      const final = new InformedTracker();
      for (const step of past) final.apply(step);
      await start(fresh).sync(final.take(), allOf(final));
      assert.deepEqual(sorted(kernel.chains), sorted(fresh.chains));
    }),
    { numRuns: 60 },
  );
});

test('a fact that changes while a full sync runs is not lost', async () => {
  const kernel = new FaultyKernel();
  let nodeIp = '172.31.0.11';
  const sync = start(kernel, () => nodeIp);
  const tracker = new InformedTracker([service('ns/a', { clusterIP: '10.96.0.1', ports: [{ port: 80 }] })]);
  await sync.sync(tracker.take(), allOf(tracker));
  sync.requireFull();
  const gate = Promise.withResolvers<void>();
  const restore = kernel.restore.bind(kernel);
  kernel.restore = async (input) => {
    await gate.promise;
    await restore(input);
  };
  const running = sync.sync(new Map(), allOf(tracker));
  nodeIp = '172.31.0.12';
  sync.requireFull();
  gate.resolve();
  assert.deepEqual(await running, { kind: 'full' });
  assert.deepEqual(await sync.sync(new Map(), allOf(tracker)), { kind: 'full' });
  assert.deepEqual(await sync.sync(new Map(), allOf(tracker)), { kind: 'none' });
});
