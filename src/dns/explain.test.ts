import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeClient } from '../client/index.ts';
import { pods } from '../api/objects.ts';
import { explainDns, namesToTry } from './explain.ts';
import { clusterIp, createAll, externalName, namespace, pod, slice } from './testing/objects.ts';
import { startTestServer } from './testing/test-server.ts';

const OBJECTS = [
  namespace('default'),
  namespace('other'),
  clusterIp('default/web', '10.96.0.7', 'http:80'),
  clusterIp('other/db', 'None', 'sql:5432'),
  slice('other/db', ['sql:5432'], '!10.244.1.5'),
  externalName('default/ext', 'www.example.org'),
  pod('default/shell', '10.244.0.9'),
];

test('a short name from a pod walks the search path to the object that answers', async () => {
  await using running = await startTestServer(OBJECTS);
  const server = { address: '127.0.0.1', port: running.server.port };
  const found = await explainDns({ client: running.client, name: 'web', from: 'default/shell', server });
  assert.equal(found.ndots, 5);
  assert.deepEqual(found.search, ['default.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.']);
  assert.equal(found.steps.length, 1);
  assert.deepEqual(found.answer?.records, ['web.default.svc.cluster.local. 30 IN A 10.96.0.7']);
  assert.equal(found.answer?.reason, 'service default/web of type ClusterIP');
  assert.match(found.answer?.objects[0] ?? '', /^Service default\/web \(resourceVersion \d+\)$/);
  assert.equal(found.answer?.asked?.agrees, true);

  const missing = await explainDns({ client: running.client, name: 'db.other', from: 'default/shell', server });
  assert.deepEqual(
    missing.steps.map((s) => [s.name, s.rcode, s.reason]),
    [
      ['db.other.default.svc.cluster.local.', 'NXDOMAIN', 'no service other in namespace default'],
      ['db.other.svc.cluster.local.', 'NXDOMAIN', 'service other/db has no ready endpoint (1 not ready)'],
      ['db.other.cluster.local.', 'NXDOMAIN', 'names here end in svc or pod, not other'],
      ['db.other.', undefined, 'not a name of the cluster: forwarded to the upstream servers'],
    ],
  );
  assert.equal(missing.answer, undefined);
  for (const step of missing.steps.slice(0, 3)) {
    assert.equal(step.asked?.agrees, true, step.name);
    assert.equal(step.asked?.reason, step.reason, 'the server gives the same reason');
  }
});

test('aliases, wrong families, and pods that are not there', async () => {
  const client = createFakeClient();
  await createAll(client, OBJECTS);
  const ask = (name: string, type = 'A') => explainDns({ client, name, type });
  const alias = (await ask('ext.default.svc.cluster.local')).steps[0];
  assert.match(alias?.reason ?? '', /^ExternalName www\.example\.org\.: not a name of the cluster/);
  assert.match((await ask('web.default.svc.cluster.local', 'AAAA')).steps[0]?.reason ?? '', /wrong family/);
  await assert.rejects(
    explainDns({ client, name: 'web', from: 'default/nobody' }),
    /no pod nobody in namespace default/,
  );
  await assert.rejects(ask('web', 'NONSENSE'), /is no record type/);
});

test('the order in which a resolver tries names', () => {
  const path = { search: ['a.svc.c.', 'svc.c.'], ndots: 2 };
  assert.deepEqual(namesToTry('x', path), ['x.a.svc.c.', 'x.svc.c.', 'x.']);
  assert.deepEqual(namesToTry('x.y.z', path), ['x.y.z.', 'x.y.z.a.svc.c.', 'x.y.z.svc.c.']);
  assert.deepEqual(namesToTry('x.', path), ['x.']);
});

test('a pod with its own DNS settings', async () => {
  const client = createFakeClient();
  await createAll(client, OBJECTS);
  const shell = await client.resource(pods).get('shell', 'default');
  const dnsConfig = { searches: ['corp.example'], options: [{ name: 'ndots', value: '1' }] };
  await client.resource(pods).update({ ...shell, spec: { containers: [], dnsPolicy: 'None', dnsConfig } });
  const found = await explainDns({ client, name: 'web.default', from: 'default/shell' });
  assert.deepEqual(found.search, ['corp.example']);
  assert.deepEqual(
    found.steps.map((s) => s.name),
    ['web.default.', 'web.default.corp.example.'],
  );
});
