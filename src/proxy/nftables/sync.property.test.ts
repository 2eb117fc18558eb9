// The life of the table through everything that can go wrong: the kernel refuses a transaction, the acknowledgement is
// lost, the proxy is killed before or after the kernel took a plan, somebody deletes elements. The table is at any time
// one that a plan of ours left, and in the end the one that a fresh proxy would make.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../../clock/index.ts';
import { KernelError } from '../../linux/index.ts';
import { silentLogger } from '../../log/index.ts';
import { InformedTracker } from '../fixtures/informed-tracker.ts';
import { histories } from '../fixtures/random-cluster.ts';
import { service } from '../fixtures/objects.ts';
import type { TableContext } from './fixed-table.ts';
import { NftSync, type NftKernel } from './sync.ts';
import { TableModel } from './table-model.ts';

const CONTEXT: TableContext = {
  family: 'IPv4',
  detector: { kind: 'cidr', cidr: '10.0.0.0/8' },
  masqueradeAll: false,
  masqueradeMark: 0x4000,
  nodePortAddresses: ['172.31.0.11'],
  serviceCidrs: ['10.96.0.0/12'],
  nodeIp: '172.31.0.11',
};

const ENFILE = 23;

type Fault = 'none' | 'refused' | 'unacknowledged' | 'killed before' | 'killed after' | 'foreign deletion' | 'full';

/** A kernel in memory; `does` is what becomes of transactions. */
class FaultyKernel implements NftKernel {
  table = new TableModel();
  #there = false;
  does: 'take' | 'refuse' | 'take, then fail' | 'take whole tables only' = 'take';
  /** Runs before a table is read. */
  onRead: () => void = () => undefined;

  apply(ops: Parameters<NftKernel['apply']>[0]): Promise<void> {
    if (this.does === 'refuse') return Promise.reject(new Error('EBUSY'));
    if (this.does === 'take whole tables only' && ops[0]?.op !== 'delete-table') {
      return Promise.reject(new KernelError(ENFILE, 'a set is full'));
    }
    // A copy, because a refusal half way must leave the old one.
    const copy = cloneOf(this.table);
    copy.apply(ops);
    this.table = copy;
    this.#there = true;
    return this.does === 'take, then fail' ? Promise.reject(new Error('ENOBUFS')) : Promise.resolve();
  }

  read(): ReturnType<NftKernel['read']> {
    this.onRead();
    if (!this.#there) return Promise.resolve(undefined);
    const sets = new Map([...this.table.sets].map(([name, s]) => [name, new Map(s.elements)] as const));
    return Promise.resolve({ sets, chains: new Set(this.table.chains.keys()) });
  }

  exists = () => Promise.resolve(this.#there);
  amendsRules = true;
  close = () => undefined;
}

function cloneOf(table: TableModel): TableModel {
  const copy = new TableModel();
  for (const [name, { spec, elements }] of table.sets) copy.sets.set(name, { spec, elements: new Map(elements) });
  for (const [name, rules] of table.chains) copy.chains.set(name, rules);
  return copy;
}

/** What clients can notice: not the numbers of endpoints, and no chains that wait to be removed. */
function meaning(table: TableModel): unknown {
  const out: string[] = [];
  for (const [name, { elements }] of table.sets) {
    for (const [key, value] of elements) {
      const numbered = name.endsWith('endpoints');
      out.push(`${name} ${numbered ? key.slice(0, key.lastIndexOf(' . ')) : key} : ${value}`);
    }
  }
  return out.toSorted();
}

const start = (kernel: FaultyKernel, context: () => TableContext = () => CONTEXT) =>
  new NftSync({ kernel, context, clock: new ManualClock(), log: silentLogger, cleanupFailed: () => undefined });

const allOf = (tracker: InformedTracker) => () =>
  [...tracker.keys].flatMap((key) => {
    const state = tracker.stateOf(key);
    return state === undefined ? [] : [[key, state] as [string, typeof state]];
  });

const faults = fc.constantFrom<Fault>(
  'none',
  'refused',
  'unacknowledged',
  'killed before',
  'killed after',
  'foreign deletion',
  'full',
);

test('whatever fails, old rules stay until the new ones are in, and the right ones come', async () => {
  await fc.assert(
    fc.asyncProperty(histories, fc.infiniteStream(faults), fc.nat(), async (history, stream, pick) => {
      const kernel = new FaultyKernel();
      let tracker = new InformedTracker();
      let sync = start(kernel);
      const past: (typeof history)[number] = [];
      const run = async () => {
        const changes = tracker.take();
        try {
          await sync.sync(changes, allOf(tracker));
          tracker.commit(changes);
          return true;
        } catch {
          tracker.abort(changes);
          return false;
        }
      };
      for (const batch of history) {
        const fault = stream.next().value ?? 'none';
        past.push(...batch);
        for (const step of batch) tracker.apply(step);
        const before = JSON.stringify(meaning(kernel.table));
        if (fault === 'refused' || fault === 'killed before') kernel.does = 'refuse';
        if (fault === 'unacknowledged' || fault === 'killed after') kernel.does = 'take, then fail';
        if (fault === 'full') kernel.does = 'take whole tables only';
        const taken = await run();
        if (fault === 'full') assert.ok(taken, 'a table that is full is replaced at once');
        if (kernel.does === 'refuse') assert.equal(JSON.stringify(meaning(kernel.table)), before);
        kernel.does = 'take';
        if (fault.startsWith('killed')) {
          sync = start(kernel);
          tracker = new InformedTracker();
          for (const step of past) tracker.apply(step);
        }
        if (fault === 'foreign deletion') {
          const full = [...kernel.table.sets.values()].filter((s) => s.elements.size > 0);
          const elements = full[pick % Math.max(1, full.length)]?.elements;
          const victim = [...(elements?.keys() ?? [])][0];
          if (victim !== undefined) elements?.delete(victim);
          sync.requireFull();
        }
      }
      assert.ok(await run(), 'the last sync succeeds');
      const fresh = new FaultyKernel();
      const final = new InformedTracker();
      for (const step of past) final.apply(step);
      await start(fresh).sync(final.take(), allOf(final));
      assert.deepEqual(meaning(kernel.table), meaning(fresh.table));
      for (const [name, rules] of fresh.table.chains) assert.deepEqual(kernel.table.chains.get(name), rules, name);
    }),
    { numRuns: 100 },
  );
});

test('a fact that changes while a full sync runs is not lost', async () => {
  const kernel = new FaultyKernel();
  let context: TableContext = { ...CONTEXT, nodePortAddresses: [] };
  const sync = start(kernel, () => context);
  const tracker = new InformedTracker([service('ns/a', { clusterIP: '10.96.0.1', ports: [{ port: 80 }] })]);
  // The Node object arrives when the sync has asked for its addresses already.
  kernel.onRead = () => {
    context = CONTEXT;
    sync.requireFull();
    kernel.onRead = () => undefined;
  };
  await sync.sync(tracker.take(), allOf(tracker));
  assert.deepEqual([...(kernel.table.sets.get('node-ips')?.elements.keys() ?? [])], []);
  assert.deepEqual(await sync.sync(new Map(), allOf(tracker)), { kind: 'full' });
  assert.deepEqual([...(kernel.table.sets.get('node-ips')?.elements.keys() ?? [])], ['172.31.0.11']);
  assert.deepEqual(await sync.sync(new Map(), allOf(tracker)), { kind: 'none' });
});
