// What the server answers on each path, over HTTP, with an API in memory and no node on this machine.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';

import { namespaces, nodes, pods, services } from '../../api/index.ts';
import { createFakeClient } from '../../client/index.ts';
import { systemClock } from '../../clock/index.ts';
import { UserError } from '../../errors/index.ts';
import { createLogger } from '../../log/index.ts';
import type { ObjectPage, ServicePage, TopologyChange } from '../contract.ts';
import { createRoutes } from './routes.ts';
import type { Routes } from './routes.ts';
import { createTopologySource } from './topology-source.ts';
import type { TopologySource } from './topology-source.ts';

const client = createFakeClient();
const log = createLogger({ level: 'error' });
// Made when the objects are there: what it begins with is then all of them.
let topology: TopologySource;
let routes: Routes;
const server = createServer((request, response) => {
  routes(request, response, new URL(request.url ?? '/', 'http://page'))
    .then((known) => (known ? undefined : response.writeHead(404).end()))
    .catch((error: unknown) => response.writeHead(error instanceof UserError ? 422 : 500).end(String(error)));
});
let base = '';

const addPod = (name: string) =>
  client.resource(pods).create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: 'node-1', containers: [{ name: 'web', image: 'portico/web' }] },
    status: { phase: 'Running', podIP: '10.244.0.2', podIPs: [{ ip: '10.244.0.2' }] },
  });

before(async () => {
  await client.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  await client.resource(nodes).create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } });
  await client.resource(services).create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIP: '10.96.0.20', clusterIPs: ['10.96.0.20'], ports: [{ port: 80 }] },
  });
  await addPod('shell');
  topology = createTopologySource({ client, clock: systemClock, log });
  await topology.synced();
  routes = createRoutes({
    client,
    topology,
    cluster: 'demo',
    namespace: 'default',
    environment: {
      nodeNetns: () => undefined,
      podNetns: () => undefined,
      externalNetns: () => undefined,
      clusterDomain: 'cluster.local',
    },
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(async () => {
  topology.stop();
  client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const get = (path: string) => fetch(`${base}${path}`);
const trace = (body: string) => fetch(`${base}/api/trace`, { method: 'POST', body });

/** Events of a stream, one at a time. */
async function* eventsOf(path: string, signal: AbortSignal) {
  const response = await fetch(`${base}${path}`, { signal });
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const [, event = '', data = ''] = /^event: (\S+)\ndata: (.*)$/m.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (event !== '') yield { event, data: JSON.parse(data) as unknown };
    }
  }
}

test('/api/cluster says what cluster it is, and whether somebody outside can be traced from', async () => {
  const response = await get('/api/cluster');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.deepEqual(await response.json(), {
    cluster: 'demo',
    clusterDomain: 'cluster.local',
    namespace: 'default',
    external: false,
  });
});

test('/api/topology begins with everything and goes on with changes', async () => {
  const left = new AbortController();
  const events = eventsOf('/api/topology', left.signal);
  const begin = (await events.next()).value;
  assert.equal(begin?.event, 'begin');
  const first = begin?.data as TopologyChange;
  assert.deepEqual(
    [first.nodes, first.pods, first.services].map((part) => part?.set.map((view) => view.key)),
    [['node-1'], ['default/shell'], ['default/web']],
  );
  await addPod('late');
  const change = (await events.next()).value;
  assert.deepEqual(
    [change?.event, (change?.data as TopologyChange | undefined)?.pods?.set[0]?.key],
    ['change', 'default/late'],
  );
  left.abort();
});

test('/api/inspect/… reads a Service, a pod and a node, and says what it cannot see', async () => {
  const note = 'node node-1 is not on this machine: what happens there is not seen';
  const service = (await (await get('/api/inspect/service/default/web')).json()) as ServicePage;
  assert.deepEqual([service.service.addresses, service.notes, service.held], [['10.96.0.20'], [note], []]);
  const pod = (await (await get('/api/inspect/pod/default/shell')).json()) as ObjectPage;
  assert.deepEqual([pod.kind, pod.name, pod.drift], ['pod', 'default/shell', false]);
  assert.match(pod.facts[0] ?? '', /Running on node-1, 10\.244\.0\.2/);
  const node = (await (await get('/api/inspect/node/node-1')).json()) as ObjectPage;
  assert.deepEqual([node.kind, node.name, node.notes], ['node', 'node-1', [note]]);
  for (const [path, message] of [
    ['/api/inspect/service/default/none', /there is no Service default\/none/],
    ['/api/inspect/pod/nons/x', /there is no namespace nons, so there is no pod x in it/],
    ['/api/inspect/node/none', /there is no node none/],
  ] as const) {
    const refused = await get(path);
    assert.equal(refused.status, 422);
    assert.match(await refused.text(), message);
  }
});

test('/api/shares counts for Services that exist', async () => {
  const refused = await get('/api/shares?service=default/none');
  assert.equal(refused.status, 422);
  const left = new AbortController();
  const sample = (await eventsOf('/api/shares?service=default/web', left.signal).next()).value;
  assert.equal(sample?.event, 'sample');
  assert.deepEqual((sample?.data as { counts: unknown } | undefined)?.counts, {});
  left.abort();
});

test('/api/trace takes only what it understands', async () => {
  for (const [body, message] of [
    ['no', /the body is not JSON/],
    ['{"from":"shell","to":"web","count":21}', /count is no whole number from 1 to 20/],
    ['{"from":"shell","to":"web"}', /pod default\/shell runs on node-1, which is not on this machine/],
    ['{"from":"node/none","to":"web"}', /there is no node none/],
    [`{"from":"${'x'.repeat(20_000)}"}`, /the body is longer than 16384 bytes/],
  ] as const) {
    const refused = await trace(body);
    assert.equal(refused.status, 422);
    assert.match(await refused.text(), message);
  }
});

test('other paths and methods are nobody’s', async () => {
  for (const path of ['/api', '/api/trace/none.pcapng', '/api/inspect/configmap/a/b', '/api/inspect/service/a']) {
    assert.equal((await get(path)).status, 404, path);
  }
  assert.equal((await fetch(`${base}/api/cluster`, { method: 'PUT' })).status, 404);
  assert.equal((await fetch(`${base}/api/cluster`, { method: 'POST' })).status, 404);
});
