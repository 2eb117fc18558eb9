// A disk that is full: writes fail and say so, readers and what was acknowledged stay, and once there is space again
// everything goes on, compaction too.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { NotWrittenError, type Store } from '../contract.ts';
import { openSqliteStore } from './sqlite-store.ts';

const disk = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-full-disk-`));
const file = path.join(disk, 'store.db');
const ballast = path.join(disk, 'ballast');
before(() => void execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', disk]));
after(() => {
  execFileSync('umount', ['-l', disk]);
  rmSync(disk, { recursive: true });
});

function fill(): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(ballast, Buffer.alloc(bavail * bsize));
}

const value = 'x'.repeat(20_000);
const put = (key: string) => ({ type: 'put' as const, key, value });

/** Writes until the disk takes no more; what was acknowledged. */
async function writeUntilFull(store: Store, name: string): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let i = 0; i < 1000; i++) {
    try {
      await store.commit([], [put(`/r/${name}/${i}`)]);
      acknowledged.push(`/r/${name}/${i}`);
    } catch (error) {
      assert.ok(error instanceof NotWrittenError);
      assert.equal(
        error.message,
        `the store could not write to ${file}: database or disk is full: free space there; nothing of this write was kept`,
      );
      assert.equal(await store.get(`/r/${name}/${i}`), undefined);
      return acknowledged;
    }
  }
  throw new Error('the disk never became full');
}

void it('a full disk costs the writes made meanwhile and nothing else', async () => {
  const retention = { windowMs: 200, minChanges: 1, maxChanges: 20 };
  let store = openSqliteStore({ path: file, ...retention });
  const told: string[] = [];
  const stop = new AbortController();
  const watching = (async () => {
    for await (const batch of store.watch({ prefix: '/r/', after: 0 }, stop.signal)) {
      told.push(...batch.map((c) => c.key));
    }
  })();
  const early = ['/r/early/1', '/r/early/2'];
  for (const key of early) await store.commit([], [put(key)]);
  fill();
  const first = await writeUntilFull(store, 'a');
  // Long enough for compaction by age and its sweep, which the disk does not take either.
  await sleep(600);
  const second = await writeUntilFull(store, 'b');

  truncateSync(ballast, 0);
  await store.commit([{ key: '/r/late', revision: 0 }], [put('/r/late')]);
  const all = [...early, ...first, ...second, '/r/late'];
  const keysOf = async () => (await store.list('/r/')).entries.map((e) => e.key);
  assert.deepEqual(await keysOf(), all.toSorted());
  await sleep(50);
  stop.abort();
  await watching;
  assert.deepEqual(told, all, 'each acknowledged write once, and none that failed');

  const revision = store.currentRevision;
  await sleep(1500);
  await store.close();
  store = openSqliteStore({ path: file, ...retention });
  assert.equal(store.currentRevision, revision);
  assert.deepEqual(await keysOf(), all.toSorted());
  assert.ok(store.compactedRevision > 0, 'compaction went on');
  await store.close();
});

void it('a store that is not there yet says that there is no space for it', () => {
  rmSync(ballast);
  fill();
  assert.throws(
    () => openSqliteStore({ path: path.join(disk, 'new.db') }),
    /cannot open the store .*new\.db: .*(free space there)/,
  );
});
