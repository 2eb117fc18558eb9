// What every store must do, run against each implementation.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CompactedError, FutureRevisionError, type Change, type Store } from './contract.ts';

const put = (key: string, value: string) => ({ type: 'put' as const, key, value });
const del = (key: string) => ({ type: 'delete' as const, key });

/** Reads `count` changes from a watch; a test that waits for more than come ends by its timeout. */
async function take(store: Store, prefix: string, after: number, count: number): Promise<Change[]> {
  const stop = new AbortController();
  const got: Change[] = [];
  if (count === 0) return got;
  for await (const batch of store.watch({ prefix, after }, stop.signal)) {
    got.push(...batch);
    if (got.length >= count) break;
  }
  stop.abort();
  return got;
}

const brief = (c: Change) => `${c.revision} ${c.key} ${c.previous?.value ?? '-'}>${c.entry?.value ?? '-'}`;

export function storeSuite(name: string, open: () => Store | Promise<Store>): void {
  void describe(`store contract: ${name}`, () => {
    const withStore = (what: string, run: (store: Store) => Promise<void>): void => {
      void it(what, { timeout: 10_000 }, async () => {
        const store = await open();
        try {
          await run(store);
        } finally {
          await store.close();
        }
      });
    };

    withStore('gives each commit the next revision and keeps createRevision until deletion', async (store) => {
      const first = await store.commit([{ key: '/r/a/x', revision: 0 }], [put('/r/a/x', '1')]);
      assert.ok(first.committed);
      const second = await store.commit([{ key: '/r/a/x', revision: first.revision }], [put('/r/a/x', '2')]);
      assert.ok(second.committed);
      assert.equal(second.revision, first.revision + 1);
      assert.deepEqual(await store.get('/r/a/x'), {
        key: '/r/a/x',
        value: '2',
        createRevision: first.revision,
        revision: second.revision,
      });
      await store.commit([], [del('/r/a/x')]);
      assert.equal(await store.get('/r/a/x'), undefined);
      const again = await store.commit([], [put('/r/a/x', '3')]);
      assert.ok(again.committed);
      assert.equal(again.entries[0]?.createRevision, again.revision);
    });

    withStore('refuses a commit whose comparison fails, as a whole, and says what it found', async (store) => {
      await store.commit([], [put('/r/a/x', '1')]);
      const at = store.currentRevision;
      const refused = await store.commit([{ key: '/r/a/x', revision: 0 }], [put('/r/a/y', '1'), put('/r/a/x', '2')]);
      assert.equal(refused.committed, false);
      assert.ok(!refused.committed && refused.current?.value === '1');
      assert.equal(await store.get('/r/a/y'), undefined);
      assert.equal(store.currentRevision, at);
    });

    withStore('lets exactly one of many concurrent creates of a key win', async (store) => {
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          store.commit([{ key: '/r/a/x', revision: 0 }], [put('/r/a/x', String(i))]),
        ),
      );
      assert.equal(results.filter((r) => r.committed).length, 1);
    });

    withStore('shows an acknowledged write to every kind of read', async (store) => {
      const written = await store.commit([], [put('/r/a/x', '1')]);
      assert.ok(written.committed);
      assert.equal(store.currentRevision, written.revision);
      const asAtHand = { notOlderThan: written.revision };
      assert.equal((await store.get('/r/a/x'))?.value, '1');
      assert.equal((await store.get('/r/a/x', asAtHand))?.value, '1');
      assert.equal((await store.list('/r/a/')).entries.length, 1);
      assert.equal((await store.list('/r/a/', asAtHand)).revision, written.revision);
      await store.reach(written.revision);
      await assert.rejects(store.reach(written.revision + 1), FutureRevisionError);
    });

    withStore('holds a key until it is released', async (store) => {
      const held = await store.hold('/r/a/here', 'me', 5);
      assert.equal((await store.get('/r/a/here'))?.value, 'me');
      await held.release();
      assert.equal(await store.get('/r/a/here'), undefined);
    });

    withStore('begins a watch in the future without what lies before it', async (store) => {
      const at = store.currentRevision;
      const reading = take(store, '/r/a/', at + 1, 1);
      await store.commit([], [put('/r/a/x', '1')]);
      await store.commit([], [put('/r/a/x', '2')]);
      assert.deepEqual((await reading).map(brief), [`${at + 2} /r/a/x 1>2`]);
    });

    withStore('puts several operations under one revision', async (store) => {
      await store.commit([], [put('/r/a/x', '1')]);
      const at = store.currentRevision;
      await store.commit([], [put('/r/a/y', '1'), del('/r/a/x'), put('/r/b/z', '1')]);
      const changes = await take(store, '/r/', at, 3);
      assert.deepEqual(changes.map(brief), [`${at + 1} /r/a/y ->1`, `${at + 1} /r/a/x 1>-`, `${at + 1} /r/b/z ->1`]);
    });

    withStore('lists in key order with limit, after and the number that remains', async (store) => {
      for (const k of ['c', 'a', 'e', 'b', 'd']) await store.commit([], [put(`/r/a/${k}`, k)]);
      await store.commit([], [put('/r/ab/z', 'other resource')]);
      const one = await store.list('/r/a/', { limit: 2 });
      assert.deepEqual(
        one.entries.map((e) => e.value),
        ['a', 'b'],
      );
      assert.equal(one.remaining, 3);
      const two = await store.list('/r/a/', { limit: 9, after: '/r/a/b' });
      assert.deepEqual(
        two.entries.map((e) => e.value),
        ['c', 'd', 'e'],
      );
      assert.equal(two.remaining, 0);
      assert.equal(store.count('/r/a/'), 5);
      assert.equal((await store.list('/r/')).entries.length, 6);
    });

    withStore('lists the state of an earlier revision, with what was deleted since', async (store) => {
      await store.commit([], [put('/r/a/x', '1')]);
      await store.commit([], [put('/r/a/y', '1')]);
      const at = store.currentRevision;
      await store.commit([], [put('/r/a/x', '2')]);
      await store.commit([], [del('/r/a/y')]);
      await store.commit([], [put('/r/a/z', '1')]);
      const then = await store.list('/r/a/', { revision: at });
      assert.deepEqual(
        then.entries.map((e) => `${e.key}=${e.value}`),
        ['/r/a/x=1', '/r/a/y=1'],
      );
      assert.equal(then.revision, at);
      await assert.rejects(store.list('/r/a/', { revision: at + 100 }), FutureRevisionError);
    });

    withStore('watches from the past into the present without a gap', async (store) => {
      await store.commit([], [put('/r/a/x', '1')]);
      const at = store.currentRevision;
      await store.commit([], [put('/r/a/x', '2')]);
      await store.commit([], [put('/r/b/other', '1')]);
      const reading = take(store, '/r/a/', at, 3);
      await store.commit([], [del('/r/a/x')]);
      await store.commit([], [put('/r/a/x', '3')]);
      assert.deepEqual((await reading).map(brief), [
        `${at + 1} /r/a/x 1>2`,
        `${at + 3} /r/a/x 2>-`,
        `${at + 4} /r/a/x ->3`,
      ]);
    });

    withStore('ends a watch when its signal aborts', async (store) => {
      const stop = new AbortController();
      const watch = store.watch({ prefix: '/r/', after: store.currentRevision }, stop.signal);
      const reading = (async () => {
        for await (const batch of watch) assert.fail(`unexpected ${batch.length} changes`);
      })();
      stop.abort();
      await reading;
    });

    withStore('reports progress past changes that do not concern the watch', async (store) => {
      const stop = new AbortController();
      const watch = store.watch({ prefix: '/r/a/', after: store.currentRevision }, stop.signal);
      await store.commit([], [put('/r/b/x', '1')]);
      assert.equal(watch.progress, store.currentRevision);
      await store.commit([], [put('/r/a/x', '1')]);
      assert.ok(watch.progress < store.currentRevision, 'an unread change holds progress back');
      stop.abort();
    });

    withStore('forgets history on compaction but not the state', async (store) => {
      for (let i = 0; i < 10; i++) await store.commit([], [put('/r/a/x', String(i))]);
      const at = store.currentRevision;
      await store.compact(at - 2);
      assert.equal(store.compactedRevision, at - 2);
      assert.equal((await store.get('/r/a/x'))?.value, '9');
      await assert.rejects(store.list('/r/a/', { revision: at - 3 }), CompactedError);
      await assert.rejects(take(store, '/r/a/', at - 3, 1), CompactedError);
      assert.deepEqual((await take(store, '/r/a/', at - 2, 2)).map(brief), [
        `${at - 1} /r/a/x 7>8`,
        `${at} /r/a/x 8>9`,
      ]);
    });

    withStore('deleting what is not there changes nothing', async (store) => {
      const at = store.currentRevision;
      assert.ok((await store.commit([], [del('/r/a/none')])).committed);
      assert.equal(store.currentRevision, at);
    });
  });
}

/** What a store promises that writes ahead of its memory, in the same process. */
export function localStoreSuite(name: string, open: () => Store): void {
  void it(`${name}: shows nobody a write before it is durable`, async () => {
    const store = open();
    const writing = store.commit([], [put('/r/a/x', '1')]);
    assert.equal(await store.get('/r/a/x'), undefined);
    assert.equal((await store.list('/r/a/')).entries.length, 0);
    await writing;
    assert.equal((await store.get('/r/a/x'))?.value, '1');
    await store.close();
  });
}
