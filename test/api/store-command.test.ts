// `portico store snapshot|restore|migrate` as people call it: between files, a running server and etcd, with TLS, and out
// of an etcd that a kube-apiserver wrote; what is refused is refused with words and leaves nothing behind.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { after, describe, it } from 'node:test';

import { protobufBytes } from '../../src/api/testing-protobuf.ts';
import { createCa, issueCert } from '../../src/pki/index.ts';
import { openSqliteStore, parseSnapshot } from '../../src/store/index.ts';
import { startEtcd, until, type EtcdCluster } from '../../src/store/testing/etcd-cluster.ts';
import { ADMIN, startLiveServer } from './live-server.ts';

const portico = path.join(import.meta.dirname, '..', '..', 'bin', 'portico');
const dir = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-store-command-`));
after(() => rmSync(dir, { recursive: true, force: true }));
const at = (name: string) => path.join(dir, name);
const file = (name: string, text: string): string => {
  writeFileSync(at(name), text, { mode: 0o600 });
  return at(name);
};

function store(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(portico, ['store', ...args], { encoding: 'utf8', timeout: 60_000 });
}
const SAYS = /(\d+) keys (?:in|to) (\S+?)(?:, read back and compared)?: sha256 ([0-9a-f]{64})\n$/;
/** Count and checksum that a call printed. @throws when it failed */
function summary(ran: ReturnType<typeof store>): { count: number; sha256: string } {
  assert.equal(ran.status, 0, ran.stderr);
  const [, count, , sha256 = ''] = SAYS.exec(ran.stdout) ?? assert.fail(ran.stdout);
  return { count: Number(count), sha256 };
}
function refused(ran: ReturnType<typeof store>, words: RegExp): void {
  assert.equal(ran.status, 1, ran.stdout);
  assert.match(ran.stderr, words);
  assert.doesNotMatch(ran.stderr, /\n\s+at /, 'words, not a stack');
}

const put = (key: string, value: string) => ({ type: 'put' as const, key, value });
async function filled(name: string): Promise<string> {
  const opened = openSqliteStore({ path: at(name) });
  for (let i = 0; i < 500; i++) {
    await opened.commit([], [put(`/registry/configmaps/default/c-${i}`, `{"n":${i},"t":"ü\\n€"}`)]);
  }
  await opened.close();
  return at(name);
}
async function contents(database: string): Promise<Map<string, string>> {
  const opened = openSqliteStore({ path: database });
  const { entries } = await opened.list('/registry/');
  await opened.close();
  return new Map(entries.map((e) => [e.key, e.value]));
}

void describe('portico store', () => {
  void it('snapshot and restore of files: the same count and checksum, and the same content', async () => {
    const database = await filled('a.db');
    const saved = summary(store('snapshot', at('a.snapshot'), '--from', database));
    assert.equal(saved.count, 500);
    assert.equal(statSync(at('a.snapshot')).mode & 0o777, 0o600, 'it holds Secrets');
    assert.deepEqual(summary(store('restore', at('a.snapshot'), '--to', at('b.db'))), saved);
    assert.deepEqual(await contents(at('b.db')), await contents(database));
  });

  void it('refuses what would lose something', async () => {
    const database = await filled('c.db');
    const saved = at('c.snapshot');
    summary(store('snapshot', saved, '--from', database));
    const into = store('restore', saved, '--to', database);
    refused(into, /the store to write to is not empty \(it has \/registry\/configmaps\/default\/c-0 and 499 more\)/);
    const text = readFileSync(saved, 'utf8');
    refused(
      store('restore', file('cut', text.slice(0, text.length / 2)), '--to', at('d.db')),
      /cut cannot be restored: /,
    );
    refused(
      store('restore', file('changed', text.replace('\\"n\\":7,', '\\"n\\":8,')), '--to', at('d.db')),
      /its checksum does not match/,
    );
    refused(store('restore', at('nowhere'), '--to', at('d.db')), /nowhere cannot be read/);
    refused(store('restore', saved), /--to/);
    refused(store('migrate', '--from', database), /--to/);
    refused(store('polish'), /say what to do: 'portico store snapshot FILE/);
    // A store that a server holds.
    const held = openSqliteStore({ path: database });
    const used = store('snapshot', at('used'), '--from', database);
    await held.close();
    refused(used, /cannot open the store .*c\.db: .*is another server using it\?/);
    assert.ok(!existsSync(at('used')) && !existsSync(`${at('used')}.part`), 'no half a snapshot');
  });

  void it('a snapshot of a running server, under writes, is of one moment', { timeout: 60_000 }, async () => {
    await using server = await startLiveServer();
    const kubeconfig = file('kubeconfig', server.kubeconfig(ADMIN));
    let running = true;
    let written = 0;
    const writing = (async () => {
      for (; running; written++) {
        const object = { metadata: { name: `w-${String(written).padStart(6, '0')}` } };
        await server.call('POST', '/api/v1/namespaces/default/configmaps', object);
      }
    })();
    await until(() => written > 50);
    // Asynchronously in the test's own process: the writers go on meanwhile.
    const { execFile } = await import('node:child_process');
    const printed = await new Promise<string>((resolve, reject) => {
      execFile(portico, ['store', 'snapshot', at('live'), '--kubeconfig', kubeconfig], (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(stderr, { cause: error }));
      });
    });
    running = false;
    await writing;
    const { entries, summary: said } = parseSnapshot(readFileSync(at('live'), 'utf8'), 'live');
    assert.match(printed, new RegExp(`${said.count} keys in .*${said.sha256}`));
    const mine = entries.map((e) => /\/configmaps\/default\/w-(\d+)$/.exec(e.key)?.[1]).filter((n) => n !== undefined);
    assert.ok(mine.length > 50 && mine.length < written, `${mine.length} of ${written}`);
    assert.deepEqual(
      mine.map(Number),
      mine.map((_, i) => i),
      'everything up to that moment and nothing after it',
    );
    assert.deepEqual(summary(store('restore', at('live'), '--to', at('live.db'))), said);
    const stranger = file('stranger', server.kubeconfig({ cn: 'somebody' }));
    refused(store('snapshot', at('stolen'), '--kubeconfig', stranger), /answers 403: an administrator's kubeconfig/);
  });

  void it('migrate to etcd and back, over TLS with a client certificate', { timeout: 60_000 }, async () => {
    const ca = createCa('etcd-ca');
    const own = issueCert(ca, { cn: 'etcd', ips: ['127.0.0.1'], usages: ['server', 'client'] });
    const client = issueCert(ca, { cn: 'portico', usages: ['client'] });
    const caFile = file('ca.crt', ca.certPem);
    const tls = `--etcd-cafile ${caFile} --etcd-certfile ${file('client.crt', client.certPem)} --etcd-keyfile ${file('client.key', client.keyPem)}`;
    const etcd = await startEtcd({
      flags: [
        `--cert-file=${file('etcd.crt', own.certPem)}`,
        `--key-file=${file('etcd.key', own.keyPem)}`,
        `--trusted-ca-file=${caFile}`,
        '--client-cert-auth',
      ],
    });
    try {
      const database = await filled('e.db');
      const there = summary(store('migrate', '--from', database, '--to', etcd.url, ...tls.split(' ')));
      assert.equal(there.count, 500);
      const back = store('migrate', '--from', etcd.url, '--to', at('f.db'), ...tls.split(' '));
      assert.deepEqual(summary(back), there);
      assert.deepEqual(await contents(at('f.db')), await contents(database));
      refused(store('migrate', '--from', database, '--to', etcd.url, ...tls.split(' ')), /is not empty/);
      refused(store('snapshot', at('g'), '--from', etcd.url), /etcd at 127\.0\.0\.1:\d+: /);
    } finally {
      await etcd.close();
    }
  });
});

void describe("a Kubernetes control plane's etcd", () => {
  const metadata = { name: 'web', namespace: 'default', uid: 'u-1', creationTimestamp: '2026-01-02T03:04:05Z' };
  const objects: Record<string, Record<string, unknown>> = {
    '/registry/services/specs/default/web': {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...metadata, labels: { app: 'web' } },
      spec: { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'], ports: [{ name: 'http', port: 80, targetPort: 'x' }] },
    },
    '/registry/services/endpoints/default/web': { apiVersion: 'v1', kind: 'Endpoints', metadata },
    '/registry/minions/node-1': { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1', uid: 'u-2' } },
    '/registry/deployments/default/web': {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { replicas: 3, selector: { matchLabels: { app: 'web' } } },
    },
    '/registry/ingress/default/web': { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata },
    '/registry/secrets/default/web': { apiVersion: 'v1', kind: 'Secret', metadata, data: { a: 'AP8=' } },
  };
  /** Ours, where the key differs. */
  const moved: Record<string, string> = {
    '/registry/services/specs/default/web': '/registry/services/default/web',
    '/registry/services/endpoints/default/web': '/registry/endpoints/default/web',
    '/registry/minions/node-1': '/registry/nodes/node-1',
    '/registry/ingress/default/web': '/registry/ingresses/default/web',
  };

  const etcdPut = (etcd: EtcdCluster, key: string, value: Uint8Array | string) =>
    execFileSync('etcdctl', ['--endpoints', etcd.members[0]?.clientUrl ?? '', 'put', '--', key], { input: value });
  /** A kind that is not served here, as its bytes are. */
  const strange = () => {
    const bytes = Buffer.from(protobufBytes({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' } }));
    return Buffer.from(bytes.toString('latin1').replace('Namespace', 'Namespice'), 'latin1');
  };

  void it('is read: each object under our key, what has no place here is named', { timeout: 60_000 }, async () => {
    const etcd = await startEtcd();
    try {
      for (const [key, object] of Object.entries(objects)) etcdPut(etcd, key, protobufBytes(object));
      etcdPut(
        etcd,
        '/registry/configmaps/default/json',
        JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata }),
      );
      etcdPut(etcd, '/registry/ranges/serviceips', strange());
      etcdPut(etcd, '/registry/masterleases/192.0.2.1', strange());
      const ran = store('migrate', '--from', etcd.url, '--to', at('k.db'));
      assert.equal(summary(ran).count, Object.keys(objects).length + 1);
      assert.equal(
        ran.stderr,
        'left out /registry/ranges/serviceips: no kind "Namespice" is registered for version "v1"\n',
      );
      const there = await contents(at('k.db'));
      for (const [key, object] of Object.entries(objects)) {
        const value = there.get(moved[key] ?? key) ?? assert.fail(`${key} is missing: ${[...there.keys()].join(' ')}`);
        assert.deepEqual(JSON.parse(value), object);
      }
      assert.ok(there.has('/registry/configmaps/default/web'));

      const flags = ['--advertise-address', '192.0.2.1', '--state-dir', at('state'), '--store', etcd.url];
      const served = spawnSync(portico, ['server', ...flags], { encoding: 'utf8', timeout: 30_000 });
      assert.equal(served.status, 1);
      assert.match(
        served.stderr,
        /holds the state of a Kubernetes control plane: copy it .*'portico store migrate --from/,
      );

      etcdPut(etcd, '/registry/secrets/default/locked', 'k8s:enc:aescbc:v1:key1:\u0001\u0002');
      etcdPut(
        etcd,
        '/registry/pods/default/torn',
        Buffer.from(protobufBytes({ ...objects['/registry/minions/node-1'] })).subarray(0, -3),
      );
      const locked = store('migrate', '--from', etcd.url, '--to', at('l.db'));
      refused(locked, /nothing was copied: 2 values cannot be read\n.*pods\/default\/torn: .*unexpected EOF/);
      assert.match(locked.stderr, /secrets\/default\/locked: it is encrypted \(k8s:enc:aescbc:v1\)/);
      assert.deepEqual(await contents(at('l.db')), new Map());
    } finally {
      await etcd.close();
    }
  });

  void it(
    'values of strangers under our keys: read where they can be, else an error of that kind alone',
    { timeout: 60_000 },
    async () => {
      const etcd = await startEtcd();
      try {
        await using server = await startLiveServer({ etcd: etcd.url });
        const prefix = '/registry/configmaps/default';
        const other = { ...metadata, name: 'proto' };
        etcdPut(
          etcd,
          `${prefix}/proto`,
          protobufBytes({ apiVersion: 'v1', kind: 'ConfigMap', metadata: other, data: { a: 'b' } }),
        );
        const read = (name: string) => server.call('GET', `/api/v1/namespaces/default/configmaps/${name}`);
        await until(async () => (await read('proto')).status === 200);
        assert.deepEqual((await read('proto')).json().data, { a: 'b' });
        const changed = { metadata: { name: 'proto' }, data: { a: 'c' } };
        const answer = await server.call('PUT', '/api/v1/namespaces/default/configmaps/proto', changed);
        assert.equal(answer.status, 200, answer.text);

        const from = (await server.call('GET', '/api/v1/configmaps')).json().metadata.resourceVersion as string;
        const watching = server.call('GET', `/api/v1/configmaps?watch=true&timeoutSeconds=20&resourceVersion=${from}`);
        for (const [name, value, why] of [
          ['locked', 'k8s:enc:aescbc:v1:key1:x', /it is encrypted/],
          ['garbage', '\u0000\u0001', /configmaps\/default\/garbage in the store cannot be read/],
          ['empty', '{}', /cannot be read/],
        ] as const) {
          etcdPut(etcd, `${prefix}/${name}`, value);
          await until(async () => (await read(name)).status !== 404);
          const got = await read(name);
          assert.equal(got.status, 500);
          assert.match(got.json().message as string, why);
          const list = await server.call('GET', '/api/v1/configmaps');
          assert.equal(list.status, 500);
          assert.match(list.json().message as string, /cannot be read/);
          etcdPut(
            etcd,
            `${prefix}/${name}`,
            JSON.stringify({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { ...metadata, name } }),
          );
          await until(async () => (await server.call('GET', '/api/v1/configmaps')).status === 200);
        }
        const told = (await watching).text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as { type: string; object: { message?: string } });
        assert.deepEqual(
          told.slice(-1).map((e) => e.type),
          ['ERROR'],
          'the watcher is told, and lists again',
        );
        assert.match(told.at(-1)?.object.message ?? '', /configmaps\/default\/locked in the store cannot be read/);
        assert.equal((await server.call('GET', '/api/v1/services')).status, 200);
        assert.ok(server.running());
      } finally {
        await etcd.close();
      }
    },
  );
});
