import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';

import { endpointSlices } from '../api/objects.ts';
import { createFakeClient } from './fake/fake-client.ts';
import { followServers, serverUrls } from './follow-servers.ts';

const slice = (addresses: readonly string[], ready = true) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    name: 'kubernetes',
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': 'kubernetes' },
  },
  addressType: 'IPv4' as const,
  endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready } })),
  ports: [{ name: 'https', port: 6443, protocol: 'TCP' as const }],
});

test('URLs of a slice: both families, ready ones first, no port no URL', () => {
  const endpoints = [
    { addresses: ['192.0.2.1'], conditions: { ready: false } },
    { addresses: ['2001:db8::1'], conditions: { ready: true } },
    { addresses: ['192.0.2.3'] },
  ];
  const ports = [{ name: 'https', port: 6443 }];
  assert.deepEqual(serverUrls({ endpoints, ports }), [
    'https://[2001:db8::1]:6443',
    'https://192.0.2.3:6443',
    'https://192.0.2.1:6443',
  ]);
  assert.deepEqual(serverUrls({ endpoints, ports: [] }), []);
});

test('each change of the servers is told, an empty list is not', async () => {
  const client = createFakeClient();
  const told: (readonly string[])[] = [];
  const following = followServers(client, (urls) => told.push(urls));
  const settle = async () => {
    for (let i = 0; i < 10; i++) await turn();
  };
  await settle();
  assert.deepEqual(told, []);
  const api = client.resource(endpointSlices);
  const made = await api.create(slice(['192.0.2.1']));
  await settle();
  await api.update({ ...made, endpoints: slice(['192.0.2.1', '192.0.2.2']).endpoints });
  await settle();
  await api.delete('kubernetes', { namespace: 'default' });
  await settle();
  assert.deepEqual(told, [['https://192.0.2.1:6443'], ['https://192.0.2.1:6443', 'https://192.0.2.2:6443']]);
  following.stop();
});
