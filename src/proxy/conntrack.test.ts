import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowedFlows, isStaleFlow } from './conntrack.ts';
import { InformedTracker } from './fixtures/informed-tracker.ts';
import { service, slice } from './fixtures/objects.ts';

const DNS = service(
  'ns/dns',
  {
    type: 'LoadBalancer',
    clusterIP: '10.96.0.10',
    externalIPs: ['192.0.2.1'],
    ports: [
      { name: 'u', port: 53, protocol: 'UDP', nodePort: 30_053 },
      { name: 't', port: 53, protocol: 'TCP', nodePort: 30_053 },
    ],
  },
  { status: { loadBalancer: { ingress: [{ ip: '192.0.2.2' }] } } },
);
const PORTS = [
  { name: 'u', port: 5353, protocol: 'UDP' },
  { name: 't', port: 5353, protocol: 'TCP' },
];
const SLICE = slice(
  'ns/dns',
  [
    { ip: '10.1.0.1' },
    { ip: '10.1.0.2', ready: false, serving: true, terminating: true },
    { ip: '10.1.0.3', ready: false, serving: false },
  ],
  { ports: PORTS },
);

function flow(protocol: string, to: string, port: number, from: string, fromPort: number) {
  const tuple = { family: 4 as const, protocol };
  return {
    original: { ...tuple, source: '10.1.9.9', sourcePort: 4000, destination: to, destinationPort: port },
    reply: { ...tuple, source: from, sourcePort: fromPort, destination: '10.1.9.9', destinationPort: 4000 },
  };
}

const isLocal = (ip: string) => ip === '172.31.0.1';

/** Protocol, destination, port, who answers → stale? */
const FLOWS: readonly (readonly [string, string, number, string, number, boolean])[] = [
  ['udp', '10.96.0.10', 53, '10.1.0.1', 5353, false],
  ['udp', '10.96.0.10', 53, '10.1.0.2', 5353, false],
  ['udp', '10.96.0.10', 53, '10.1.0.3', 5353, true],
  ['udp', '10.96.0.10', 53, '10.1.0.9', 5353, true],
  ['udp', '10.96.0.10', 53, '10.1.0.1', 9999, true],
  // Nothing translated it: there was no endpoint when it began.
  ['udp', '10.96.0.10', 53, '10.96.0.10', 53, true],
  ['udp', '10.96.0.10', 54, '10.1.0.9', 5353, false],
  ['udp', '192.0.2.1', 53, '10.1.0.9', 5353, true],
  ['udp', '192.0.2.2', 53, '10.1.0.9', 5353, true],
  ['udp', '192.0.2.2', 53, '10.1.0.1', 5353, false],
  ['udp', '172.31.0.1', 30_053, '10.1.0.9', 5353, true],
  ['udp', '172.31.0.1', 30_053, '10.1.0.1', 5353, false],
  // Somebody else's port of the same number.
  ['udp', '8.8.8.8', 30_053, '8.8.8.8', 30_053, false],
  ['tcp', '10.96.0.10', 53, '10.1.0.9', 5353, false],
];

test('isStaleFlow() finds UDP flows that lead to nobody who serves', () => {
  const allowed = allowedFlows(new InformedTracker([DNS, SLICE]).take());
  for (const [protocol, to, port, from, fromPort, stale] of FLOWS) {
    const what = `${protocol} ${to}:${port} answered by ${from}:${fromPort}`;
    assert.equal(isStaleFlow(flow(protocol, to, port, from, fromPort), allowed, isLocal), stale, what);
  }
});

test('a deleted service, and one without endpoints, allow nobody', () => {
  const tracker = new InformedTracker([DNS, SLICE]);
  tracker.commit(tracker.take());
  tracker.apply({ kind: 'slice', key: 'ns/dns-ipv4', object: undefined });
  const entries = [
    ['10.96.0.10', 53],
    ['192.0.2.1', 53],
    ['192.0.2.2', 53],
    ['172.31.0.1', 30_053],
  ].map(([to, port]) => flow('udp', String(to), Number(port), '10.1.0.1', 5353));
  const stale = () => {
    const allowed = allowedFlows(tracker.take());
    return entries.map((e) => isStaleFlow(e, allowed, isLocal));
  };
  assert.deepEqual(stale(), [true, true, true, true]);
  tracker.apply({ kind: 'service', key: 'ns/dns', object: undefined });
  assert.deepEqual(stale(), [true, true, true, true]);
});

test('services without UDP ports cost nothing', () => {
  const web = service('ns/web', { clusterIP: '10.96.0.1', ports: [{ port: 80 }] });
  assert.equal(allowedFlows(new InformedTracker([web]).take()).size, 0);
});
