import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { UserError } from '../../errors/index.ts';
import { storeSuite } from '../contract.suite.ts';
import { UnavailableError, type Change, type Store } from '../contract.ts';
import { startEtcd, until, type EtcdCluster } from '../testing/etcd-cluster.ts';
import { checkVersion } from './etcd-client.ts';
import { openEtcdStore } from './etcd-store.ts';

const put = (key: string, value: string) => ({ type: 'put' as const, key, value });
const del = (key: string) => ({ type: 'delete' as const, key });

/** Collects what a watch tells, until `stop`. */
function record(store: Store, after: number) {
  const stop = new AbortController();
  const changes: Change[] = [];
  const done = (async () => {
    for await (const batch of store.watch({ prefix: '/r/', after }, stop.signal)) changes.push(...batch);
  })();
  return { changes, done, stop: () => stop.abort() };
}

void describe('etcd store, one member', () => {
  let etcd: EtcdCluster;
  const etcdctl = (...args: string[]) =>
    execFileSync('etcdctl', ['--endpoints', etcd.members[0]?.clientUrl ?? '', ...args], { encoding: 'utf8' });
  const open = () => openEtcdStore({ url: etcd.url, prefix: '/r/' });
  before(async () => {
    etcd = await startEtcd({ flags: ['--quota-backend-bytes=67108864'] });
  });
  after(() => etcd.close());

  storeSuite('etcd', async () => {
    etcdctl('del', '--prefix', '/r/');
    return open();
  });

  void it('reads on one server what another one has just written, whatever the kind of read', async () => {
    const [a, b] = await Promise.all([open(), open()]);
    for (let i = 0; i < 50; i++) {
      const [writer, reader] = i % 2 === 0 ? [a, b] : [b, a];
      const written = await writer.commit([], [put('/r/two/x', String(i))]);
      assert.ok(written.committed);
      assert.equal((await reader.get('/r/two/x'))?.revision, written.revision);
      assert.equal((await reader.list('/r/two/')).entries[0]?.value, String(i));
      await reader.reach(written.revision);
      assert.ok(reader.currentRevision >= written.revision);
    }
    await Promise.all([a.close(), b.close()]);
  });

  void it('reads from etcd itself where its own watch cannot know how far it is', async () => {
    const store = await open();
    // Another user of the same etcd moves the revision without our watch hearing of it.
    for (let i = 0; i < 3; i++) {
      await store.commit([], [put('/r/other/x', String(i))]);
      etcdctl('put', '/elsewhere', 'x');
      assert.equal((await store.get('/r/other/x'))?.value, String(i));
      assert.deepEqual(
        (await store.list('/r/other/')).entries.map((e) => e.value),
        [String(i)],
      );
    }
    await store.close();
  });

  void it('lets a client of one server go on at another that was started later', async () => {
    const a = await open();
    const first = await a.commit([], [put('/r/move/x', '1')]);
    assert.ok(first.committed);
    await a.commit([], [put('/r/move/x', '2')]);
    await a.commit([], [del('/r/move/x')]);
    const b = await open();
    const watch = record(b, first.revision);
    await until(() => watch.changes.length === 2);
    assert.deepEqual(
      watch.changes.map((c) => [c.revision, c.previous?.value, c.entry?.value]),
      [
        [first.revision + 1, '1', '2'],
        [first.revision + 2, '2', undefined],
      ],
    );
    assert.equal((await b.list('/r/move/', { revision: first.revision })).entries[0]?.value, '1');
    watch.stop();
    await watch.done;
    await Promise.all([a.close(), b.close()]);
  });

  void it('loads more keys than fit on a page', async () => {
    const a = await open();
    for (let n = 0; n < 1200; n += 100) {
      const ops = Array.from({ length: 100 }, (_, i) => put(`/r/many/${n + i}`, 'x'));
      await a.commit([], ops);
    }
    await a.compact(a.currentRevision);
    const b = await open();
    assert.equal(b.count('/r/many/'), 1200);
    const page = await b.list('/r/many/', { limit: 10, notOlderThan: 0 });
    assert.deepEqual([page.entries.length, page.remaining], [10, 1190]);
    await Promise.all([a.close(), b.close()]);
  });

  void it('drops a key that is held when its holder is gone', { timeout: 30_000 }, async () => {
    const [a, b] = await Promise.all([open(), open()]);
    await a.hold('/r/held/a', 'a', 1);
    const watch = record(b, b.currentRevision);
    // Closed without a release, as after a crash: nobody renews the lease any more.
    await a.close();
    await until(() => watch.changes.some((c) => c.key === '/r/held/a' && c.entry === undefined));
    watch.stop();
    await b.close();
  });

  void it('says what to do about an etcd that is full, and writes again afterwards', { timeout: 60_000 }, async () => {
    const store = await open();
    const big = 'x'.repeat(1_400_000);
    const full = await (async () => {
      for (let i = 0; i < 100; i++) {
        try {
          await store.commit([], [put('/r/big/x', big + i)]);
        } catch (error) {
          return error;
        }
      }
      return undefined;
    })();
    assert.ok(full instanceof UnavailableError);
    assert.match(full.message, /is full \(alarm NOSPACE\).*etcdctl alarm disarm/);
    assert.equal(full.maybeWritten, false);
    await store.commit([], [del('/r/big/x')]).catch(() => undefined);
    await store.compact(store.currentRevision);
    etcdctl('defrag');
    etcdctl('alarm', 'disarm');
    assert.ok((await store.commit([], [put('/r/big/y', '1')])).committed);
    await assert.rejects(store.commit([], [put('/r/big/x', 'x'.repeat(2_000_000))]), /too large.*1\.5 MiB/);
    await store.close();
  });

  void it('knows which versions it can work with', () => {
    assert.throws(() => checkVersion('3.3.27', 'a:2379'), UserError);
    assert.equal(checkVersion('3.4.23', 'a:2379'), false);
    assert.equal(checkVersion('3.4.25', 'a:2379'), true);
    assert.equal(checkVersion('3.5.7', 'a:2379'), false);
    assert.equal(checkVersion('3.6.0-rc.1', 'a:2379'), true);
  });

  void it('says that nobody is there', async () => {
    await assert.rejects(
      openEtcdStore({ url: 'etcd://127.0.0.1:1', patienceMs: 200 }),
      /etcd at 127\.0\.0\.1:1: .*ECONNREFUSED/,
    );
    await assert.rejects(openEtcdStore({ url: 'etcd://a b' }), /write etcd:\/\/HOST:PORT/);
  });
});
