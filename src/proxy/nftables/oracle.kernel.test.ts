// The nft program as oracle: what it makes of our operations, and what netlink makes of them, list alike.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { createNetns, deleteNetns, runCommand } from '../../linux/index.ts';
import { FLOW_TABLES } from '../fixtures/flow-tables.ts';
import { InformedTracker } from '../fixtures/informed-tracker.ts';
import { flowContext, objectsOf } from '../fixtures/run-flows.ts';
import { NODE_NAME, ZONE } from '../fixtures/world.ts';
import { NftBook } from './book.ts';
import { fixedOps } from './fixed-table.ts';
import { openNftKernel, type NftApply } from './kernel.ts';
import { TABLE, nftFamily } from './objects.ts';

const netnsOf = (apply: NftApply) => `test-${process.pid}-oracle-${apply}`;
const WAYS = ['netlink', 'cli'] as const;

before(() => {
  for (const apply of WAYS) createNetns(netnsOf(apply));
});
after(() => {
  for (const apply of WAYS) deleteNetns(netnsOf(apply));
});

/** Elements come in the order of the kernel's hash, which has a seed of its own in each table. */
const sortedLines = (text: string): string[] =>
  text
    .split('\n')
    .map((l) =>
      l
        .trim()
        .replace(/^elements = \{ /, '')
        .replace(/(?:,| \})$/, ''),
    )
    .flatMap((l) => l.split(', '))
    .filter((l) => l !== '')
    .toSorted();

for (const family of ['IPv4', 'IPv6'] as const) {
  test(`netlink and nft -f make the same ${family} table`, async () => {
    for (const table of FLOW_TABLES) {
      const listed: string[] = [];
      for (const apply of WAYS) {
        const kernel = openNftKernel(family, { netns: netnsOf(apply), apply });
        const context = { ...flowContext(table, family, 'primary'), masqueradeMark: 0x4000 };
        const tracker = new InformedTracker(objectsOf(table, family), family, { name: NODE_NAME, zone: ZONE });
        const plan = new NftBook().plan(tracker.take(), context);
        await kernel.apply([{ op: 'delete-table' }, ...fixedOps(context), ...plan.ops]);
        kernel.close();
        const list = ['list', 'table', nftFamily(family), TABLE];
        const { status, stdout, stderr } = await runCommand('nft', list, { netns: netnsOf(apply) });
        assert.equal(status, 0, stderr);
        listed.push(stdout);
      }
      assert.deepEqual(sortedLines(listed[0] ?? ''), sortedLines(listed[1] ?? ''), table.name);
    }
  });
}
