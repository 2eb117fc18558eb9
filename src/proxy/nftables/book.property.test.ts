// The table after any history is the table that a fresh proxy would make, but for the numbering of endpoints; the
// kernel never refuses a plan; a second plan is empty.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { StateChanges } from '../contract.ts';
import { InformedTracker } from '../fixtures/informed-tracker.ts';
import { histories } from '../fixtures/random-cluster.ts';
import { NftBook } from './book.ts';
import { fixedOps, type TableContext } from './fixed-table.ts';
import { renumber } from './slots.ts';
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

const byFirst = <T>(entries: [string, T][]) => entries.toSorted(([a], [b]) => (a < b ? -1 : 1));

/** A table as text that does not depend on which number an endpoint has. */
function comparable(table: TableModel): unknown {
  const sets = [...table.sets].map(([name, { elements }]) => {
    if (!name.endsWith('endpoints')) return [name, byFirst([...elements])];
    const byKey = new Map<string, { values: string[]; numbers: number[] }>();
    for (const [key, value] of elements) {
      const at = key.lastIndexOf(' . ');
      const entry = byKey.get(key.slice(0, at)) ?? { values: [], numbers: [] };
      byKey.set(key.slice(0, at), entry);
      entry.values.push(value);
      entry.numbers.push(Number(key.slice(at + 3)));
    }
    const sorted = [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return [name, sorted.map(([k, v]) => [k, v.values.toSorted(), v.numbers.toSorted((a, b) => a - b)])];
  });
  return { sets: sets.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)), chains: byFirst([...table.chains]) };
}

function fresh(changes: StateChanges): TableModel {
  const table = new TableModel();
  table.apply(fixedOps(CONTEXT));
  table.apply(new NftBook().plan(changes, CONTEXT).ops);
  return table;
}

test('any history leads to the table of a fresh start', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const table = new TableModel();
      table.apply(fixedOps(CONTEXT));
      const tracker = new InformedTracker();
      const book = new NftBook();
      for (const [i, batch] of history.entries()) {
        for (const step of batch) tracker.apply(step);
        const changes = tracker.take();
        const plan = book.plan(changes, CONTEXT);
        table.apply(plan.ops);
        plan.commit();
        tracker.commit(changes);
        assert.equal(tracker.take().size, 0);
        assert.deepEqual(book.plan(new Map(), CONTEXT).ops, []);
        if (i % 3 === 2) {
          const garbage = book.collectGarbage();
          table.apply(garbage.ops);
          garbage.commit();
        }
      }
      const garbage = book.collectGarbage();
      table.apply(garbage.ops);
      const everything = new Map([...tracker.committed].map(([key, after]) => [key, { after }]));
      assert.deepEqual(comparable(table), comparable(fresh(everything)));
    }),
    { numRuns: 200 },
  );
});

test('renumber() has no gaps, keeps who stays where it can, and changes as little as possible', () => {
  const lists = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'));
  fc.assert(
    fc.property(lists, lists, (old, wanted) => {
      const slots = renumber(old, wanted);
      assert.deepEqual(slots.toSorted(), wanted.toSorted());
      const changed = Math.max(old.length, slots.length) - slots.filter((e, i) => old[i] === e).length;
      const left = old.filter((e) => !wanted.includes(e)).length;
      const came = wanted.filter((e) => !old.includes(e)).length;
      // A number changes for who comes, for who goes, and for who moves down to close a gap.
      assert.ok(
        changed <= Math.max(left, came) + Math.max(0, left - came),
        `${old.join()} → ${slots.join()}: ${changed}`,
      );
    }),
  );
});
