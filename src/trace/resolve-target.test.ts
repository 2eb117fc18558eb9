// Names and other targets against the objects of an API: what is connected to, and which part is not there.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { endpointSlices, namespaces, nodes, pods, services } from '../api/objects.ts';
import type { Service } from '../api/objects.ts';
import { createFakeClient } from '../client/index.ts';
import { ClusterView } from './cluster-view.ts';
import type { Place, ProbeOutcome, Walk } from './contract.ts';
import { resolveTarget } from './resolve-target.ts';
import type { Resolved, ResolveRequest } from './resolve-target.ts';

const client = createFakeClient();
const meta = (name: string, namespace?: string) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
});

async function addService(name: string, spec: Service['spec'], endpoints: readonly string[] = []): Promise<void> {
  await client
    .resource(services)
    .create({ apiVersion: 'v1', kind: 'Service', metadata: meta(name, 'default'), spec: spec ?? {} });
  const port = spec?.ports?.[0]?.port ?? 80;
  await client.resource(endpointSlices).create({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...meta(`${name}-x`, 'default'), labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: (spec?.ports ?? []).map((p) => ({
      name: p.name ?? '',
      port: p.port === 80 ? 8080 : p.port,
      protocol: p.protocol ?? 'TCP',
    })),
    endpoints: endpoints.map((ip) => ({ addresses: [ip], conditions: { ready: port !== 99 }, nodeName: 'node-2' })),
  });
}

before(async () => {
  for (const name of ['default', 'kube-system']) {
    await client.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: meta(name) });
  }
  for (const [name, address] of [
    ['node-1', '172.30.0.11'],
    ['node-2', '172.30.0.12'],
  ] as const) {
    await client.resource(nodes).create({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: meta(name),
      status: { addresses: [{ type: 'InternalIP', address }] },
    });
  }
  await client.resource(pods).create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta('web-1', 'default'),
    spec: { nodeName: 'node-2', containers: [{ name: 'web', ports: [{ containerPort: 8080 }] }] },
    status: { phase: 'Running', podIP: '10.244.2.2', podIPs: [{ ip: '10.244.2.2' }] },
  });
  const one = ['10.244.2.2'];
  await addService('web', { clusterIP: '10.96.0.20', ports: [{ port: 80, nodePort: 30080 }] }, one);
  await addService('inner', { clusterIP: '10.96.0.21', ports: [{ port: 80 }] }, one);
  await addService('balanced', { clusterIP: '10.96.0.22', externalIPs: ['192.0.2.9'], ports: [{ port: 80 }] }, one);
  await addService(
    'local',
    { clusterIP: '10.96.0.23', externalTrafficPolicy: 'Local', ports: [{ port: 80, nodePort: 30081 }] },
    one,
  );
  await addService('headless', { clusterIP: 'None', ports: [{ port: 80 }] }, one);
  await addService('bare', { clusterIP: 'None', ports: [{ port: 80 }] });
  await addService('sick', { clusterIP: 'None', ports: [{ port: 99 }] }, one);
  await addService('alias', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' });
  await client.resource(services).create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta('kube-dns', 'kube-system'),
    spec: { clusterIP: '10.96.0.10', ports: [{ port: 53, protocol: 'UDP' }] },
  });
});
after(() => client.close());

const place = (kind: Place['kind'], name: string): Place => ({ kind, name, netns: 'nowhere' });

/** An answer of DNS to the first question; the others are not reached, or find no network and so no answer. */
function dnsAnswer(question: Uint8Array, address: string | undefined): ProbeOutcome {
  const header = Buffer.from(question.subarray(0, 12));
  header[2] = 0x84;
  header[3] = address === undefined ? 3 : 0;
  header.writeUInt16BE(address === undefined ? 0 : 1, 6);
  const record =
    address === undefined
      ? Buffer.alloc(0)
      : Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, ...address.split('.').map(Number)]);
  const message = Buffer.concat([header, question.subarray(12), record]);
  return { kind: 'connected', ms: 1, answer: message.toString('latin1') };
}

interface From {
  readonly kind?: Place['kind'];
  readonly protocol?: 'tcp' | 'udp';
  /** What DNS says to the first question. */
  readonly dns?: string;
}

async function resolve(to: string, from: From = {}): Promise<{ resolved: Resolved; notes: readonly string[] }> {
  const view = new ClusterView(client, {
    nodeNetns: () => undefined,
    podNetns: () => undefined,
    externalNetns: () => undefined,
    clusterDomain: 'cluster.local',
  });
  const kind = from.kind ?? 'pod';
  const request: ResolveRequest = {
    view,
    to,
    namespace: 'default',
    clusterDomain: 'cluster.local',
    protocol: from.protocol,
    client: { place: place(kind, kind), namespace: 'default', usesClusterDns: kind === 'pod' },
    walkTo: (goal, payload): Promise<Walk> =>
      Promise.resolve({
        protocol: 'udp',
        client: place('pod', 'default/shell'),
        source: '127.0.0.1',
        sourcePort: 1,
        destination: goal.host,
        destinationPort: goal.port,
        outcome: dnsAnswer(payload, from.dns),
        legs: [],
        tracked: [],
        notes: [],
        verdict: { ok: true, code: 'ok', sentence: '' },
      }),
  };
  return { resolved: await resolveTarget(request), notes: view.notes };
}

async function goalOf(to: string, from: From = {}): Promise<string> {
  const { resolved } = await resolve(to, from);
  if (!('goal' in resolved)) return resolved.verdict.sentence;
  const { host, port, protocol, targetName, nodes: passed } = resolved.goal;
  return [`${protocol} ${host}:${port}`, ...(targetName ?? '').split(' ').slice(1), passed.join('+')].join(' ').trim();
}

test('addresses of pods, nodes and services lead to what they belong to', async () => {
  assert.equal(await goalOf('10.244.2.2'), 'tcp 10.244.2.2:8080 node-2');
  assert.equal(await goalOf('pod/web-1:81'), 'tcp 10.244.2.2:81 node-2');
  assert.equal(await goalOf('10.96.0.20:80'), 'tcp 10.96.0.20:80 default/web node-2');
  assert.equal(await goalOf('192.0.2.9:80'), 'tcp 192.0.2.9:80 default/balanced node-2');
  assert.equal(await goalOf('172.30.0.11:30080'), 'tcp 172.30.0.11:30080 default/web node-2+node-1');
  assert.equal(await goalOf('192.0.2.77:443'), 'tcp 192.0.2.77:443');
  await assert.rejects(goalOf('192.0.2.77'), /no service, pod or node has the address 192\.0\.2\.77: say which port/);
  await assert.rejects(goalOf('pod/nons/web'), /there is no namespace nons, so there is no pod web in it/);
  await assert.rejects(goalOf('pod/nobody'), /there is no pod default\/nobody$/);
});

test('names lead where DNS says', async () => {
  assert.equal(await goalOf('web', { dns: '10.96.0.20' }), 'tcp 10.96.0.20:80 default/web node-2');
  assert.equal(await goalOf('svc/web', { dns: '10.96.0.20' }), 'tcp 10.96.0.20:80 default/web node-2');
  assert.equal(await goalOf('headless', { dns: '10.244.2.2' }), 'tcp 10.244.2.2:8080 default/headless node-2');
  const { resolved, notes } = await resolve('alias', { dns: '10.96.0.20' });
  assert.equal('goal' in resolved && resolved.goal.targetName, 'Service default/web');
  assert.match(notes[0] ?? '', /default\/alias is another name for web\.default\.svc\.cluster\.local/);
  await assert.rejects(goalOf('web', { dns: '10.96.0.20', protocol: 'udp' }), /has no UDP port; it has 80\/TCP/);
});

test('a name that does not resolve: which part of it is not there', async () => {
  const why = async (name: string) => (await goalOf(name)).replace(/ \(asked: .*/, '');
  assert.equal(
    await why('nowhere.default.svc.cluster.local.'),
    'there is no Service default/nowhere, so its name does not exist',
  );
  assert.equal(
    await why('web.nons.svc.cluster.local.'),
    'there is no namespace nons, so there is no Service web in it',
  );
  assert.equal(await why('web.default.svc.cluster.local.'), 'Service default/web exists, but DNS does not know it yet');
  assert.equal(
    await why('bare.default.svc.cluster.local.'),
    'Service default/bare exists, but it is headless and has no endpoint: no pod fits its selector',
  );
  assert.equal(
    await why('sick.default.svc.cluster.local.'),
    'Service default/sick exists, but it is headless and none of its 1 endpoints is ready',
  );
  assert.match(
    await why('alias.default.svc.cluster.local.'),
    /it is another name for web\.default.*, which does not resolve/,
  );
  assert.match(await why('x.web.default.svc.cluster.local.'), /none of its endpoints has the host name x/);
  assert.equal(await why('example.invalid.'), 'the name example.invalid. does not exist');
});

test('from where no name is resolved, the API gives what a client there would use', async () => {
  assert.equal(await goalOf('web', { kind: 'node' }), 'tcp 10.96.0.20:80 default/web node-2');
  assert.equal(await goalOf('headless', { kind: 'node' }), 'tcp 10.244.2.2:8080 default/headless node-2');
  assert.equal(await goalOf('web', { kind: 'external' }), 'tcp 172.30.0.11:30080 default/web node-2+node-1');
  assert.equal(await goalOf('local', { kind: 'external' }), 'tcp 172.30.0.12:30081 default/local node-2+node-2');
  assert.equal(await goalOf('balanced', { kind: 'external' }), 'tcp 192.0.2.9:80 default/balanced node-2');
  assert.equal(await goalOf('inner', { kind: 'external' }), 'tcp 10.96.0.21:80 default/inner node-2');
  await assert.rejects(goalOf('alias', { kind: 'node' }), /which only DNS resolves: trace from a pod/);
  await assert.rejects(goalOf('nowhere', { kind: 'node' }), /there is no Service for the name nowhere/);
});
