// Random histories against the real kernel: it takes every plan, and what it holds in the end is what was planned;
// the nft program reads all of it.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../../clock/index.ts';
import { createNetns, deleteNetns, runCommand } from '../../linux/index.ts';
import { silentLogger } from '../../log/index.ts';
import type { ServiceState } from '../contract.ts';
import { InformedTracker } from '../fixtures/informed-tracker.ts';
import { histories } from '../fixtures/random-cluster.ts';
import { NftBook } from './book.ts';
import { fixedOps, type TableContext } from './fixed-table.ts';
import { openNftKernel } from './kernel.ts';
import { SHARED_SETS } from './objects.ts';
import { NftSync } from './sync.ts';
import { TableModel } from './table-model.ts';

const NETNS = `test-${process.pid}-book`;
const CONTEXT: TableContext = {
  family: 'IPv4',
  detector: { kind: 'prefix', prefix: 'lxc' },
  masqueradeAll: false,
  masqueradeMark: 0x4000,
  nodePortAddresses: undefined,
  serviceCidrs: ['10.96.0.0/12'],
  nodeIp: '172.31.0.11',
};

before(() => createNetns(NETNS));
after(() => void deleteNetns(NETNS));

/** Contents of a set without the numbers of endpoints. */
function contents(name: string, elements: ReadonlyMap<string, string>): string[] {
  const numbered = name.endsWith('endpoints');
  return [...elements].map(([k, v]) => `${numbered ? k.slice(0, k.lastIndexOf(' . ')) : k} : ${v}`).toSorted();
}

test('the kernel takes every plan and ends where a fresh start would', async () => {
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      const clock = new ManualClock();
      const kernel = openNftKernel('IPv4', { netns: NETNS, apply: 'netlink' });
      const sync = new NftSync({
        kernel,
        context: () => CONTEXT,
        clock,
        log: silentLogger,
        cleanupFailed: () => assert.fail('the kernel refused to remove unused chains'),
      });
      const tracker = new InformedTracker();
      for (const batch of history) {
        for (const step of batch) tracker.apply(step);
        const changes = tracker.take();
        // The table of the run before stands there still: the first sync takes it over.
        const all = [...changes].flatMap(([key, c]): [string, ServiceState][] => (c.after ? [[key, c.after]] : []));
        await sync.sync(changes, () => all);
        tracker.commit(changes);
        clock.advance(2000);
      }
      await sync.sync(new Map(), () => []);
      const want = new TableModel();
      want.apply(fixedOps(CONTEXT));
      const everything = new Map([...tracker.committed].map(([key, a]) => [key, { after: a }]));
      want.apply(new NftBook().plan(everything, CONTEXT).ops);
      const have = await kernel.read();
      for (const { name } of SHARED_SETS) {
        const [h, w] = [have?.sets.get(name), want.sets.get(name)?.elements];
        assert.deepEqual(contents(name, h ?? new Map()), contents(name, w ?? new Map()), name);
      }
      assert.deepEqual([...(have?.chains ?? [])].toSorted(), [...want.chains.keys()].toSorted());
      sync.stop();
      const { status, stderr } = await runCommand('nft', ['list', 'table', 'ip', 'portico'], { netns: NETNS });
      assert.equal(status, 0, stderr);
    }),
    { numRuns: 25 },
  );
});
