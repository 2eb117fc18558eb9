// A host joins by a bootstrap token: trust by hash, its certificates, their renewal, and every way in which it can fail.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { certificateSigningRequests, leases, nodes, secrets } from '../../src/api/index.ts';
import { createClient, type Client } from '../../src/client/index.ts';
import { ManualClock } from '../../src/clock/index.ts';
import { startControllers } from '../../src/controllers/index.ts';
import { UserError } from '../../src/errors/index.ts';
import { createToken, deleteToken, joinCluster, listTokens, type JoinOptions } from '../../src/join/index.ts';
import { silentLogger } from '../../src/log/index.ts';
import { caFingerprint, certificateValidity, createCsr } from '../../src/pki/index.ts';
import { applyClusterInfo } from '../../src/roles/cluster-info.ts';
import { ADMIN, startLiveServer, type LiveServer } from './live-server.ts';

const SETTINGS = {
  clusterName: 'c',
  clusterDomain: 'cluster.local',
  clusterDns: [],
  podCidrs: ['10.244.0.0/16'],
  serviceCidrs: ['10.96.0.0/12'],
  network: 'auto',
  proxyMode: 'nftables',
  heartbeatMs: 10_000,
};
const HOUR_MS = 3_600_000;

describe('joining', () => {
  let server: LiveServer;
  let admin: Client;
  let dir = '';
  let url = '';
  let caHash = '';
  const ending: (() => unknown)[] = [];

  before(async () => {
    server = await startLiveServer();
    url = `https://127.0.0.1:${server.port}`;
    caHash = caFingerprint(server.ca.certPem);
    admin = server.client(ADMIN);
    dir = mkdtempSync(path.join(tmpdir(), 'portico-join-'));
    await applyClusterInfo(admin, { server: url, caPem: server.ca.certPem, settings: SETTINGS });
    const client = server.client({ cn: 'system:kube-controller-manager' });
    const clients = [client];
    const clientFor = (controller: string) => {
      const own = server.client({ cn: `system:serviceaccount:kube-system:${controller}` });
      clients.push(own);
      return own;
    };
    const controllers = startControllers({ client, clientFor, options: { signer: server.ca } });
    ending.push(
      () => clients.forEach((each) => each.close()),
      () => controllers.stop(),
    );
  });
  after(async () => {
    for (const end of ending.toReversed()) await end();
    admin.close();
    await server[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
  });

  const token = (ttlMs?: number) =>
    createToken(admin, { ttlMs: ttlMs ?? HOUR_MS, description: '', nowMs: Date.now() }).then((t) => t.token);
  const join = async (nodeName: string, more: Partial<JoinOptions> = {}) => {
    const host = await joinCluster({
      dir: path.join(dir, more.dir ?? nodeName),
      servers: [url],
      caHash,
      nodeName,
      nodeIps: ['192.0.2.1'],
      log: silentLogger,
      timeoutMs: 5000,
      ...more,
      ...(more.dir === undefined ? {} : { dir: path.join(dir, more.dir) }),
    });
    ending.push(() => host.stop());
    return host;
  };
  const userError = (pattern: RegExp) => (e: unknown) => {
    assert.ok(e instanceof UserError, String(e));
    assert.match(e.message, pattern);
    assert.ok(!e.message.includes('\n'), 'one sentence');
    return true;
  };

  test('tokens are Secrets as Kubernetes has them; they end, and are then deleted', async () => {
    const made = await createToken(admin, { ttlMs: HOUR_MS, description: 'a rack', nowMs: Date.now() });
    assert.match(made.token, /^[a-z0-9]{6}\.[a-z0-9]{16}$/);
    assert.ok((await listTokens(admin)).some((t) => t.token === made.token && t.description === 'a rack'));
    const review = await server.call(
      'POST',
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: {} },
      { as: { token: made.token } },
    );
    const { userInfo } = review.json().status;
    assert.equal(userInfo.username, `system:bootstrap:${made.id}`);
    assert.ok(userInfo.groups.includes('system:bootstrappers'));
    // What it may: ask for a certificate. What it may not: look around.
    const ask = (target: string) => server.call('GET', target, undefined, { as: { token: made.token } });
    assert.equal((await ask('/apis/certificates.k8s.io/v1/certificatesigningrequests')).status, 200);
    for (const target of ['/api/v1/nodes', '/api/v1/namespaces/kube-system/secrets', '/api/v1/pods']) {
      assert.equal((await ask(target)).status, 403, target);
    }
    assert.equal(
      (await server.call('GET', '/api/v1/nodes', undefined, { as: { token: `${made.id}.aaaaaaaaaaaaaaaa` } })).status,
      401,
    );
    await deleteToken(admin, made.id);
    assert.equal((await ask('/version')).status, 401);

    const ended = await createToken(admin, { ttlMs: -1000, description: '', nowMs: Date.now() });
    assert.equal((await server.call('GET', '/version', undefined, { as: { token: ended.token } })).status, 401);
    for (let i = 0; i < 100 && (await listTokens(admin)).some((t) => t.id === ended.id); i++) await sleep(50);
    assert.ok(!(await listTokens(admin)).some((t) => t.id === ended.id), 'the cleaner took it');
  });

  test('a host becomes a node, keeps its key to itself, and needs no token again', async () => {
    const host = await join('host-a', { token: await token() });
    assert.deepEqual(host.settings, SETTINGS);
    assert.equal((await admin.resource(nodes).get('host-a')).status?.addresses?.[0]?.address, '192.0.2.1');
    for (const file of readdirSync(path.join(dir, 'host-a'))) {
      assert.equal(statSync(path.join(dir, 'host-a', file)).mode & 0o777, 0o600, file);
    }
    const { items } = await admin.resource(certificateSigningRequests).list();
    assert.ok(items.length >= 2);
    assert.ok(!JSON.stringify(items).includes('PRIVATE'));

    const own = createClient(host.clientConfig);
    await own.resource(leases).create(
      {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'host-a', namespace: 'kube-node-lease' },
        spec: { holderIdentity: 'host-a', leaseDurationSeconds: 40 },
      },
      { namespace: 'kube-node-lease' },
    );
    await assert.rejects(own.resource(secrets).list({ namespace: 'kube-system' }), /forbidden/i);
    await assert.rejects(own.resource(nodes).delete('somebody'), /not allowed|not found/);
    own.close();

    const again = await joinCluster({
      servers: [],
      dir: path.join(dir, 'host-a'),
      nodeName: 'host-a',
      nodeIps: [],
      log: silentLogger,
    });
    again.stop();
    assert.deepEqual(again.nodeIps, ['192.0.2.1']);
    await assert.rejects(
      joinCluster({ dir: path.join(dir, 'host-a'), nodeName: 'other', servers: [], nodeIps: [], log: silentLogger }),
      userError(/joined as host-a, not as other/),
    );
  });

  test('any server that is named will do, and the others are learned for the next start', async () => {
    const gone = 'https://127.0.0.1:1';
    const host = await join('host-s', { servers: [gone, url], token: await token() });
    const file = path.join(dir, 'host-s', 'join.json');
    const known = () => {
      const { server: first, others } = JSON.parse(readFileSync(file, 'utf8')) as { server: string; others: string[] };
      return [first, ...others];
    };
    // What the API server says of itself in default/kubernetes.
    const learned = 'https://192.0.2.1:6443';
    for (let i = 0; i < 100 && !known().includes(learned); i++) await sleep(50);
    assert.deepEqual(known(), [gone, url, learned]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    host.stop();

    const later = await joinCluster({ ...host, dir: path.dirname(file), servers: [], nodeIps: [], log: silentLogger });
    ending.push(() => later.stop());
    const own = createClient(later.clientConfig);
    assert.equal((await own.resource(nodes).get('host-s')).metadata.name, 'host-s', 'past the one that is gone');
    own.close();
  });

  test('what goes wrong is said in one sentence', async () => {
    const good = await token();
    const cases: readonly [what: string, more: Partial<JoinOptions>, pattern: RegExp][] = [
      ['no token', {}, /has not joined a cluster yet/],
      ['a token of another shape', { token: 'secret' }, /six characters, a dot, sixteen/],
      [
        'an unknown token',
        { token: 'aaaaaa.bbbbbbbbbbbbbbbb' },
        /does not know the token aaaaaa\.…, or it has expired/,
      ],
      ['an expired token', { token: await token(-1000) }, /or it has expired: make a new one/],
      ['another authority', { token: good, caHash: `sha256:${'0'.repeat(64)}` }, /not the one that --ca-hash names/],
      ['a hash of another shape', { token: good, caHash: 'abc' }, /write sha256: and 64 hex digits/],
      ['nobody there', { token: good, servers: ['https://127.0.0.1:1'] }, /cannot be reached \(.*ECONNREFUSED/],
      ['no address', { token: good, servers: ['nonsense'] }, /write https:\/\/ADDRESS:PORT/],
      [
        'a clock ahead',
        { token: good, clock: new ManualClock(Date.now() + HOUR_MS) },
        /60 minutes ahead of the server's/,
      ],
      [
        'a clock behind',
        { token: good, clock: new ManualClock(Date.now() - HOUR_MS) },
        /60 minutes behind the server's/,
      ],
    ];
    for (const [what, more, pattern] of cases) {
      await assert.rejects(join('host-b', more), userError(pattern), what);
    }
    // None of the failures left anything that stands in the way.
    await join('host-b', { token: good });
    await assert.rejects(join('host-b', { token: good, dir: 'thief' }), userError(/the name host-b is taken/));
    await admin.resource(nodes).delete('host-b');
    for (const csr of (await admin.resource(certificateSigningRequests).list()).items) {
      await admin.resource(certificateSigningRequests).delete(csr.metadata.name);
    }
    await join('host-b', { token: good, dir: 'reinstalled' });
  });

  test('of two hosts that join under one name at the same moment one gets it', async () => {
    const both = await Promise.allSettled(
      ['twin-1', 'twin-2'].map(async (folder) => join('twin', { token: await token(), dir: folder })),
    );
    assert.deepEqual(both.map((b) => b.status).toSorted(), ['fulfilled', 'rejected']);
    const failed = both.find((b) => b.status === 'rejected');
    userError(/the name twin is taken/)(failed?.reason);
  });

  test('certificates are renewed before they end, with new keys', async () => {
    const clock = new ManualClock(Date.now());
    const host = await join('host-c', { token: await token(), clock, certificateSeconds: 1200, random: () => 0 });
    const files = () => ['client', 'serving'].map((p) => readFileSync(path.join(dir, 'host-c', `${p}.pem`), 'utf8'));
    const [client = '', serving = ''] = files();
    const used: string[] = [];
    host.onServing((pair) => used.push(pair.certPem));
    const { notBefore, notAfter } = certificateValidity(client);
    assert.equal(notAfter.getTime() - notBefore.getTime(), 1_500_000, 'twenty minutes, and five back for wrong clocks');
    clock.advance(700_000);
    await sleep(300);
    assert.deepEqual(files(), [client, serving], 'not before 70 % of its life');
    clock.advance(100_000);
    for (let i = 0; i < 100 && (files()[0] === client || files()[1] === serving); i++) await sleep(50);
    const [nextClient = '', nextServing = ''] = files();
    const keyOf = (text: string) => text.slice(text.indexOf('-----BEGIN PRIVATE'));
    assert.notEqual(keyOf(nextClient), keyOf(client));
    assert.notEqual(keyOf(nextServing), keyOf(serving));
    assert.equal(used.length, 1);
    const own = createClient(host.clientConfig);
    assert.equal((await own.resource(nodes).get('host-c')).metadata.name, 'host-c');
    own.close();

    // Its addresses change: the certificate follows, once the Node says so.
    host.addressesChanged(['192.0.2.77']);
    clock.advance(1);
    for (let i = 0; i < 100 && used.length < 2; i++) await sleep(50);
    assert.equal(used.length, 2);
    assert.equal((await admin.resource(nodes).get('host-c')).status?.addresses?.[0]?.address, '192.0.2.77');
  });

  test('a node gets no certificate of another, and approves nothing', async () => {
    const host = await join('host-d', { token: await token() });
    const own = createClient(host.clientConfig);
    const api = own.resource(certificateSigningRequests);
    const ask = (name: string, signer: string, usage: string, csr: Parameters<typeof createCsr>[0]) =>
      api.create({
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { name },
        spec: {
          request: Buffer.from(createCsr(csr).csrPem).toString('base64'),
          signerName: `kubernetes.io/${signer}`,
          usages: ['digital signature', usage],
          // A lie, which the server overwrites.
          username: 'system:node:host-a',
        },
      });
    const orgs = ['system:nodes'];
    const first = await ask('steal-client', 'kube-apiserver-client-kubelet', 'client auth', {
      cn: 'system:node:host-a',
      orgs,
    });
    assert.equal(first.spec.username, 'system:node:host-d');
    await ask('steal-serving', 'kubelet-serving', 'server auth', {
      cn: 'system:node:host-d',
      orgs,
      ips: ['192.0.2.200'],
    });
    await ask('other-serving', 'kubelet-serving', 'server auth', {
      cn: 'system:node:host-a',
      orgs,
      dnsNames: ['host-a'],
    });
    await assert.rejects(
      ask('masters', 'kube-apiserver-client', 'client auth', { cn: 'me', orgs: ['system:masters'] }),
      /system:masters group is not allowed/,
    );
    const conditions = [{ type: 'Approved', status: 'True', reason: 'x' }];
    await assert.rejects(
      api.updateSubresource('steal-client', 'approval', { ...first, status: { conditions } }),
      /forbidden/i,
    );
    await assert.rejects(api.updateStatus({ ...first, status: { certificate: 'eA==' } }), /forbidden/i);
    for (const name of ['steal-serving', 'other-serving']) {
      let types: string[] = [];
      for (let i = 0; i < 100 && types.length === 0; i++) {
        types = ((await api.get(name)).status?.conditions ?? []).map((c) => c.type);
        await sleep(20);
      }
      assert.deepEqual(types, ['Denied'], name);
    }
    assert.equal((await api.get('steal-client')).status?.certificate, undefined);
    own.close();
  });

  test('kubectl certificate approve and deny', async () => {
    const config = path.join(dir, 'admin.kubeconfig');
    writeFileSync(config, server.kubeconfig(ADMIN), { mode: 0o600 });
    const kubectl = async (...args: string[]) =>
      (await promisify(execFile)('kubectl', ['--kubeconfig', config, ...args])).stdout;
    const jane = createCsr({ cn: 'jane', orgs: ['developers'] });
    const request = (name: string) =>
      admin.resource(certificateSigningRequests).create({
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { name },
        spec: {
          request: Buffer.from(jane.csrPem).toString('base64'),
          signerName: 'kubernetes.io/kube-apiserver-client',
          usages: ['client auth'],
          expirationSeconds: 3600,
        },
      });
    await request('jane');
    await request('no-jane');
    assert.match(
      await kubectl('get', 'csr', 'jane'),
      /REQUESTOR +REQUESTEDDURATION +CONDITION\njane .*admin +60m +Pending/,
    );
    await kubectl('certificate', 'approve', 'jane');
    await kubectl('certificate', 'deny', 'no-jane');
    const api = admin.resource(certificateSigningRequests);
    for (let i = 0; i < 100 && (await api.get('jane')).status?.certificate === undefined; i++) await sleep(50);
    assert.match(await kubectl('get', 'csr', 'jane', 'no-jane'), /Approved,Issued\n.*Denied/);
    const certPem = Buffer.from((await api.get('jane')).status?.certificate ?? '', 'base64').toString();
    const asJane = createClient({ server: url, caPem: server.ca.certPem, certPem, keyPem: jane.keyPem });
    await assert.rejects(asJane.resource(nodes).list(), /User "jane" cannot list/);
    asJane.close();
    await assert.rejects(kubectl('certificate', 'deny', 'jane'), /already Approved/);
  });
});
