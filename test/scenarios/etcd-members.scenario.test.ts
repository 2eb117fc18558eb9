// Three members of etcd in namespaces of their own; the leader is frozen, killed and cut off while two stores write,
// read and watch: nothing acknowledged is lost, no read is stale, no change is missed or told twice.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';

import { connectTcpIn, createNetns, deleteNetns } from '../../src/linux/index.ts';
import { createCa, issueCert } from '../../src/pki/index.ts';
import { openEtcdStore, UnavailableError, type Change, type Store } from '../../src/store/index.ts';
import { must, portico, run } from './cluster-fixture.ts';
import { startEtcd, until, type EtcdCluster } from '../../src/store/testing/etcd-cluster.ts';

const ns = (name: string) => `test-${process.pid}-etcd-${name}`;
const MEMBERS = [0, 1, 2];
const address = (i: number) => `172.31.250.${11 + i}`;
/** More than a quick machine can write meanwhile: the history is compared from its beginning. */
const HISTORY = 500_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const runFile = promisify(execFile);
const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' });

/** A switch in one namespace, a host with an address in each of the others. */
function layNetwork(): void {
  createNetns(ns('switch'));
  ip('-n', ns('switch'), 'link', 'add', 'br0', 'type', 'bridge');
  ip('-n', ns('switch'), 'link', 'set', 'br0', 'up');
  for (const [i, name] of ['client', 'm0', 'm1', 'm2'].entries()) {
    createNetns(ns(name));
    const port = ['-n', ns('switch'), 'link'];
    ip(...port, 'add', `to-${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', ns(name));
    ip(...port, 'set', `to-${name}`, 'master', 'br0', 'up');
    ip('-n', ns(name), 'addr', 'add', `172.31.250.${10 + i}/24`, 'dev', 'eth0');
    ip('-n', ns(name), 'link', 'set', 'eth0', 'up');
  }
}

void describe('etcd of three members', () => {
  let etcd: EtcdCluster;
  const open = () =>
    openEtcdStore({
      url: etcd.url,
      maxChanges: HISTORY,
      openTcp: (host, port) => connectTcpIn(ns('client'), { host, port }),
    });
  before(async () => {
    layNetwork();
    etcd = await startEtcd({
      members: MEMBERS.map((i) => ({
        clientUrl: `http://${address(i)}:2379`,
        peerUrl: `http://${address(i)}:2380`,
        enter: ['ip', 'netns', 'exec', ns(`m${i}`)],
      })),
    });
  });
  after(async () => {
    await etcd.close();
    for (const name of ['client', 'm0', 'm1', 'm2', 'switch']) deleteNetns(ns(name));
  });

  /** Index of the member that leads, as the members themselves say; asked beside the writers, not in their way. */
  async function leader(): Promise<number> {
    let found: number | undefined;
    await until(async () => {
      for (const i of MEMBERS) {
        const args = ['netns', 'exec', ns('client'), 'etcdctl', '--command-timeout=1s', '--endpoints'];
        const asking = runFile('ip', [...args, `${address(i)}:2379`, 'endpoint', 'status', '-w', 'json']);
        const text = await asking.then(
          ({ stdout }) => stdout,
          // That one is away.
          () => '',
        );
        // Ids are larger than JavaScript's numbers are exact: compared as text.
        const id = /"member_id":(\d+)/.exec(text)?.[1];
        if (id !== undefined && id === /"leader":(\d+)/.exec(text)?.[1]) found = i;
      }
      return found !== undefined;
    });
    return found ?? 0;
  }

  void it('loses nothing while its leader is frozen, killed or cut off', { timeout: 150_000 }, async (t) => {
    const stores = await Promise.all([open(), open()]);
    const [first, second] = stores as [Store, Store];
    const start = first.currentRevision;
    const stop = new AbortController();
    const told: Change[] = [];
    const watching = (async () => {
      for await (const batch of second.watch({ prefix: '/registry/', after: start }, stop.signal)) told.push(...batch);
    })();

    /** Revision and value of every acknowledged write, by key. */
    const acknowledged = new Map<string, { revision: number; value: string }>();
    let running = true;
    let slowestMs = 0;
    let failures = 0;
    async function write(id: number): Promise<void> {
      const [mine, other] = id % 2 === 0 ? [first, second] : [second, first];
      for (let n = 0; running; n++) {
        const key = `/registry/test/${id}-${n % 20}`;
        const began = performance.now();
        try {
          const now = await mine.get(key);
          const promised = acknowledged.get(key);
          if (promised !== undefined) assert.ok((now?.revision ?? 0) >= promised.revision, `${key}: a stale read`);
          const value = `${id} ${n}`;
          const result = await mine.commit([{ key, revision: now?.revision ?? 0 }], [{ type: 'put', key, value }]);
          // Nobody else writes the key, but a write of ours whose outcome was unknown may come late.
          if (!result.committed) continue;
          acknowledged.set(key, { revision: result.revision, value });
          const there = await other.get(key);
          assert.ok((there?.revision ?? 0) >= result.revision, `${key}: the other server reads an old state`);
        } catch (error) {
          if (!(error instanceof UnavailableError)) throw error;
          failures += 1;
        }
        slowestMs = Math.max(slowestMs, performance.now() - began);
      }
    }
    const writing = Promise.all(Array.from({ length: 6 }, (_, id) => write(id)));

    try {
      await pause(500);
      const frozen = etcd.members[await leader()];
      frozen?.signal('SIGSTOP');
      await pause(3000);
      frozen?.signal('SIGCONT');

      await pause(500);
      const killed = etcd.members[await leader()];
      await killed?.kill();
      await pause(2000);
      killed?.start();

      await pause(1000);
      const cut = await leader();
      ip('-n', ns('switch'), 'link', 'set', `to-m${cut}`, 'down');
      await pause(4000);
      ip('-n', ns('switch'), 'link', 'set', `to-m${cut}`, 'up');

      // Both stores write again before the end.
      const newest = Math.max(...[...acknowledged.values()].map((a) => a.revision));
      const writesAgain = (parity: number) =>
        [...acknowledged].some(([key, a]) => Number(key.split(/[/-]/)[3]) % 2 === parity && a.revision > newest + 5);
      await until(() => writesAgain(0) && writesAgain(1));
    } finally {
      running = false;
      await writing;
    }
    t.diagnostic(`${told.length} changes, ${failures} failed writes, the slowest took ${Math.round(slowestMs)} ms`);

    const state = await first.list('/registry/');
    await until(() => second.currentRevision >= state.revision);
    await until(
      () => (told.at(-1)?.revision ?? 0) >= (state.entries.map((e) => e.revision).sort((a, b) => b - a)[0] ?? 0),
    );
    stop.abort();
    await watching;
    for (const [key, { revision }] of acknowledged) {
      const now = state.entries.find((entry) => entry.key === key);
      assert.ok(now !== undefined && now.revision >= revision, `${key} was acknowledged at ${revision} and is lost`);
    }
    // What the watch told, against what a server that was never disturbed reads from etcd's own history.
    const fresh = await open();
    const history: Change[] = [];
    const end = new AbortController();
    for await (const batch of fresh.watch({ prefix: '/registry/', after: start }, end.signal)) {
      history.push(...batch);
      if (history.length >= told.length) break;
    }
    const brief = ({ key, revision, entry, previous }: Change) => [revision, key, entry?.value, previous?.revision];
    assert.deepEqual(told.map(brief), history.map(brief));
    await Promise.all([...stores, fresh].map((store) => store.close()));
  });
});

void describe('portico up --store etcd://', () => {
  void it(
    'keeps its state there, over TLS and plainly; down leaves it, up finds it',
    { timeout: 150_000 },
    async () => {
      const dir = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-etcd-up-`));
      const file = (name: string, text: string) => {
        writeFileSync(path.join(dir, name), text, { mode: 0o600 });
        return path.join(dir, name);
      };
      const ca = createCa('etcd-ca');
      const own = issueCert(ca, { cn: 'etcd', ips: ['127.0.0.1'], usages: ['server', 'client'] });
      const client = issueCert(ca, { cn: 'portico', usages: ['client'] });
      const caFile = file('ca.crt', ca.certPem);
      const secure = await startEtcd({
        flags: [
          `--cert-file=${file('etcd.crt', own.certPem)}`,
          `--key-file=${file('etcd.key', own.keyPem)}`,
          `--trusted-ca-file=${caFile}`,
          '--client-cert-auth',
        ],
      });
      const plain = await startEtcd();
      const tls = `--etcd-cafile ${caFile} --etcd-certfile ${file('client.crt', client.certPem)} --etcd-keyfile ${file('client.key', client.keyPem)}`;
      const name = `test-${process.pid}-etcd-up`;
      const cluster = ['--name', name, '--state-dir', path.join(dir, 'state')];
      const kubectl = (...args: string[]) =>
        must('kubectl', ['--kubeconfig', path.join(dir, 'state', 'admin.kubeconfig'), ...args]);
      const up = (url: string, ...more: string[]) =>
        must(portico, ['up', ...cluster, '--nodes', '1', '--store', url, ...more], { timeoutMs: 120_000 });
      const down = () => must(portico, ['down', ...cluster]);
      try {
        up(secure.url, ...tls.split(' '));
        kubectl('create', 'configmap', 'kept', '--from-literal=a=b');
        down();
        const saved = path.join(dir, 'saved');
        must(portico, ['store', 'snapshot', saved, '--from', secure.url, ...tls.split(' ')]);
        must(portico, ['store', 'restore', saved, '--to', plain.url]);
        up(plain.url);
        assert.equal(kubectl('get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'), 'b');
        assert.equal(kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'), 'node-1');
      } finally {
        run(portico, ['down', ...cluster]);
        await Promise.all([secure.close(), plain.close()]);
        rmSync(dir, { recursive: true, force: true });
      }
    },
  );
});
