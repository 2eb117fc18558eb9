// A cluster that outgrows the room its table was made with.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { createNetns, deleteNetns, runCommand } from '../../linux/index.ts';
import { ManualClock } from '../../clock/index.ts';
import { silentLogger } from '../../log/index.ts';
import { ChangeTracker } from '../changes.ts';
import type { ServiceState } from '../contract.ts';
import { service, slice } from '../fixtures/objects.ts';
import { serviceView, sliceView } from '../views.ts';
import type { TableContext } from './fixed-table.ts';
import { openNftKernel } from './kernel.ts';
import { NftSync } from './sync.ts';

const NETNS = `test-${process.pid}-room`;
before(() => createNetns(NETNS));
after(() => void deleteNetns(NETNS));

const CONTEXT: TableContext = {
  family: 'IPv4',
  detector: { kind: 'cidr', cidr: '10.128.0.0/9' },
  masqueradeAll: false,
  masqueradeMark: 0x4000,
  nodePortAddresses: [],
  serviceCidrs: [],
  nodeIp: '172.31.0.11',
};
const EACH = 64;
const address = (first: number, n: number) => `10.${first + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;

function grow(tracker: ChangeTracker, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const ports = [{ port: 80 }];
    tracker.setService(`ns/s${i}`, serviceView(service(`ns/s${i}`, { clusterIP: address(96, i + 1), ports })));
    const endpoints = Array.from({ length: EACH }, (_, j) => ({ ip: address(128, i * EACH + j) }));
    tracker.setSlice(undefined, sliceView(slice(`ns/s${i}`, endpoints)));
  }
}

const sizeNow = async () => {
  const { stdout } = await runCommand('nft', ['--terse', 'list', 'map', 'ip', 'portico', 'endpoints'], {
    netns: NETNS,
  });
  return Number(/^\s*size (\d+)/m.exec(stdout)?.[1] ?? 0);
};

test('a large load gets room; a table that outgrows it is replaced; small changes and restarts keep it', async () => {
  const tracker = new ChangeTracker('IPv4', { name: 'node-1' });
  const start = () =>
    new NftSync({
      kernel: openNftKernel('IPv4', { netns: NETNS, apply: 'netlink' }),
      context: () => CONTEXT,
      clock: new ManualClock(),
      log: silentLogger,
      cleanupFailed: () => assert.fail('garbage was refused'),
    });
  let sync = start();
  const run = async () => {
    const changes = tracker.take();
    const { kind } = await sync.sync(changes, () =>
      [...tracker.keys].flatMap((key): [string, ServiceState][] => {
        const state = tracker.stateOf(key);
        return state === undefined ? [] : [[key, state]];
      }),
    );
    tracker.commit(changes);
    return kind;
  };
  grow(tracker, 0, 128);
  assert.deepEqual([await run(), await sizeNow()], ['full', 16_384]);
  grow(tracker, 128, 250);
  assert.deepEqual([await run(), await sizeNow()], ['partial', 16_384]);
  sync.stop();
  sync = start();
  assert.deepEqual([await run(), await sizeNow()], ['full', 16_384], 'a restart adopts it');
  grow(tracker, 250, 260);
  assert.deepEqual([await run(), await sizeNow()], ['full', 65_536], 'it did not fit');
  grow(tracker, 260, 261);
  assert.deepEqual([await run(), await sizeNow()], ['partial', 65_536]);
  sync.stop();
  const kernel = openNftKernel('IPv4', { netns: NETNS, apply: 'netlink' });
  assert.equal((await kernel.read())?.sets.get('endpoints')?.size, 261 * EACH);
  kernel.close();
});
