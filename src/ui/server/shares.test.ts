import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ServiceView, Topology } from '../contract.ts';
import { EMPTY_TOPOLOGY } from '../topology-change.ts';
import { chosenEndpoint, serviceDoors } from './shares.ts';

const web: ServiceView = {
  key: 'default/web',
  namespace: 'default',
  name: 'web',
  type: 'NodePort',
  addresses: ['10.96.0.7', 'fd00:10:96::7'],
  ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }],
};
const topology: Topology = {
  ...EMPTY_TOPOLOGY,
  nodes: { 'node-1': { key: 'node-1', addresses: ['172.30.0.11'], podCidrs: [], ready: true, note: '' } },
};
const tuple = (source: string, sourcePort: number, destination: string, destinationPort: number, protocol = 'tcp') => ({
  family: 4 as const,
  protocol,
  source,
  destination,
  sourcePort,
  destinationPort,
});

test('serviceDoors() are the virtual addresses and the node ports', () => {
  assert.deepEqual([...serviceDoors(web, topology)].toSorted(), [
    'tcp 10.96.0.7:80',
    'tcp 172.30.0.11:30080',
    'tcp [fd00:10:96::7]:80',
  ]);
  assert.equal(serviceDoors(undefined, topology).size, 0);
});

test('chosenEndpoint() reads who answers from the tuple of the reply', () => {
  const doors = serviceDoors(web, topology);
  const reply = tuple('10.244.1.3', 8080, '10.244.0.2', 41000);
  const original = tuple('10.244.0.2', 41000, '10.96.0.7', 80);
  assert.equal(chosenEndpoint({ original, reply }, doors), '10.244.1.3:8080');
  assert.equal(
    chosenEndpoint({ original: tuple('9.9.9.9', 41000, '172.30.0.11', 30080), reply }, doors),
    '10.244.1.3:8080',
  );
});

test('chosenEndpoint() leaves other connections out', () => {
  const doors = serviceDoors(web, topology);
  const reply = tuple('10.244.1.3', 8080, '10.244.0.2', 41000);
  const other = [
    tuple('10.244.0.2', 41000, '10.96.0.8', 80),
    tuple('10.244.0.2', 41000, '10.96.0.7', 81),
    tuple('10.244.0.2', 41000, '10.96.0.7', 80, 'udp'),
    // The same connection on the endpoint's own node, after the translation.
    tuple('10.244.0.2', 41000, '10.244.1.3', 8080),
  ];
  for (const original of other) assert.equal(chosenEndpoint({ original, reply }, doors), undefined);
  const untranslated = tuple('10.96.0.7', 80, '10.244.0.2', 41000);
  assert.equal(
    chosenEndpoint({ original: tuple('10.244.0.2', 41000, '10.96.0.7', 80), reply: untranslated }, doors),
    undefined,
  );
});
