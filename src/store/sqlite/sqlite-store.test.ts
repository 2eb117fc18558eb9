import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, describe, it } from 'node:test';
import type { Store } from '../contract.ts';
import { localStoreSuite, storeSuite } from '../contract.suite.ts';
import { openSqliteStore } from './sqlite-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'portico-store-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let n = 0;
const freshPath = () => join(folder, `${n++}`, 'store.db');

storeSuite('sqlite', () => openSqliteStore({ path: freshPath() }));
localStoreSuite('sqlite', () => openSqliteStore({ path: freshPath() }));

async function reopened(store: Store, path: string): Promise<Store> {
  await store.close();
  return openSqliteStore({ path });
}

const put = (key: string, value: string) => ({ type: 'put' as const, key, value });

void describe('sqlite store', () => {
  void it('has the same state, revisions and watchable history after it was closed and opened', async () => {
    const path = freshPath();
    let store = openSqliteStore({ path });
    await store.commit([], [put('/r/a/x', '1'), put('/r/a/y', 'ü€')]);
    await store.commit([], [put('/r/a/x', '2')]);
    await store.commit([], [{ type: 'delete', key: '/r/a/y' }]);
    const before = await store.list('/r/');
    store = await reopened(store, path);
    assert.deepEqual(await store.list('/r/'), before);
    assert.equal(store.currentRevision, 3);
    assert.equal((await store.list('/r/', { revision: 1 })).entries[1]?.value, 'ü€');
    const next = await store.commit([], [put('/r/a/x', '3')]);
    assert.ok(next.committed && next.revision === 4);
    await store.close();
  });

  void it('keeps the revision when the newest changes were deletions that are compacted', async () => {
    const path = freshPath();
    let store = openSqliteStore({ path });
    await store.commit([], [put('/r/a/x', '1')]);
    await store.commit([], [{ type: 'delete', key: '/r/a/x' }]);
    await store.compact(2);
    store = await reopened(store, path);
    store = await reopened(store, path);
    assert.equal(store.currentRevision, 2);
    assert.equal(store.compactedRevision, 2);
    assert.equal(store.count('/r/'), 0);
    await store.close();
  });

  void it('tells a second opener that the file is in use', async () => {
    const path = freshPath();
    const store = openSqliteStore({ path });
    assert.throws(() => openSqliteStore({ path }), /is another server using it/);
    await store.close();
  });

  void it('has every acknowledged write after SIGKILL in the middle of writing', { timeout: 30_000 }, async () => {
    const path = freshPath();
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'crash-writer.ts'), path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.setEncoding('utf8');
      const enough = 150 + round * 70;
      child.stdout.on('data', (chunk: string) => {
        text += chunk;
        if (text.split('\n').length > enough) child.kill('SIGKILL');
      });
      await new Promise((resolve) => child.once('close', resolve));
      const lines = text.slice(0, text.lastIndexOf('\n')).split('\n');
      assert.ok(lines.length >= enough);
      acknowledged.push(...lines);
      const store = openSqliteStore({ path });
      for (const line of acknowledged) {
        const [key = '', revision = ''] = line.split(' ');
        const entry = await store.get(key);
        assert.equal(entry?.value, `value of ${key}`, `${key} was acknowledged and is lost`);
        assert.equal(entry.revision, Number(revision));
      }
      await store.close();
    }
  });
});
