import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RuleStep } from './contract.ts';
import { frames, icmpError, node, pod, tcp, udp, vxlan } from './fixtures.ts';
import { mergeWalk } from './merge.ts';
import type { TraceEvent } from './merge.ts';

const [client, server] = [pod('client'), pod('web')];
const [n1, n2] = [node('node-1'), node('node-2')];
const VIP: readonly [string, number] = ['10.96.0.10', 80];
const C: readonly [string, number] = ['10.244.1.2', 43333];
const S: readonly [string, number] = ['10.244.2.2', 8080];
const tuple = {
  protocol: 'tcp',
  source: C[0],
  sourcePort: C[1],
  destination: VIP[0],
  destinationPort: VIP[1],
} as const;

const step = (chain: string, verdict: string): RuleStep => ({
  node: 'node-1',
  family: 'ip',
  table: 'nat',
  chain,
  verdict,
});

test('mergeWalk() orders the hops over VXLAN, names each change, and puts the rules between in and out', () => {
  const syn = (to: readonly [string, number], ttl: number) => tcp({ from: C, to, seq: 1000, ttl });
  const synAck = (from: readonly [string, number], ttl: number) =>
    tcp({ from, to: C, flags: 'S.', seq: 5, ack: 1001, ttl });
  const list = frames([
    [client, 'eth0', 'out', syn(VIP, 64)],
    [n1, 'lxca', 'in', syn(VIP, 64)],
    [n1, 'portico.vxlan', 'out', syn(S, 63)],
    [n1, 'eth0', 'out', vxlan('172.30.0.11', '172.30.0.12', syn(S, 63))],
    [n2, 'eth0', 'in', vxlan('172.30.0.11', '172.30.0.12', syn(S, 63))],
    [n2, 'portico.vxlan', 'in', syn(S, 63)],
    [n2, 'lxcb', 'out', syn(S, 62)],
    [server, 'eth0', 'in', syn(S, 62)],
    [server, 'eth0', 'out', synAck(S, 64)],
    [n2, 'lxcb', 'in', synAck(S, 64)],
    [n1, 'lxca', 'out', synAck(VIP, 62)],
    [client, 'eth0', 'in', synAck(VIP, 62)],
    // Other traffic on the same devices, and a retransmission.
    [n1, 'lxca', 'in', tcp({ from: C, to: VIP, flags: '.', seq: 1001, ack: 6 })],
    [n1, 'lxca', 'in', tcp({ from: ['10.244.1.9', 1], to: VIP, seq: 77 })],
    [n1, 'lxca', 'in', syn(VIP, 64)],
  ]);
  const packet = { ...tuple, flags: 'S' };
  const events: TraceEvent[] = [
    { node: 'node-1', id: 'a', packet, step: step('PREROUTING', 'jump KUBE-SERVICES') },
    {
      node: 'node-1',
      id: 'a',
      packet: { ...packet, destination: S[0], destinationPort: S[1] },
      step: step('KUBE-SEP-A', 'accept'),
    },
    {
      node: 'node-1',
      id: 'b',
      packet: { ...packet, source: '10.244.1.9', sourcePort: 1 },
      step: step('PREROUTING', 'accept'),
    },
  ];
  // Frames arrive namespace by namespace, not in order of time.
  const legs = mergeWalk({ client: tuple, frames: list.toReversed(), events });
  assert.deepEqual(
    legs.map((leg) => [leg.name, leg.hops.length]),
    [
      ['request', 8],
      ['reply', 4],
    ],
  );
  const [request, reply] = legs;
  assert.deepEqual(
    request?.hops.map((hop) => `${hop.place.name} ${hop.device} ${hop.direction} ${hop.packet.ttl}`),
    [
      'default/client eth0 out 64',
      'node-1 lxca in 64',
      'node-1 portico.vxlan out 63',
      'node-1 eth0 out 63',
      'node-2 eth0 in 63',
      'node-2 portico.vxlan in 63',
      'node-2 lxcb out 62',
      'default/web eth0 in 62',
    ],
  );
  assert.deepEqual(
    request?.hops.map((hop) => hop.changes.map((change) => change.kind).join()),
    ['', '', 'dnat', 'encapsulated', '', 'decapsulated', '', ''],
  );
  assert.deepEqual(request?.hops[2]?.changes, [{ kind: 'dnat', from: '10.96.0.10:80', to: '10.244.2.2:8080' }]);
  assert.deepEqual(
    request?.hops[2]?.rules.map((rule) => rule.chain),
    ['PREROUTING', 'KUBE-SEP-A'],
  );
  assert.deepEqual(request?.rulesAfter, []);
  assert.deepEqual(reply?.hops[2]?.changes, [{ kind: 'un-dnat', from: '10.244.2.2:8080', to: '10.96.0.10:80' }]);
  assert.equal(request?.hops[0]?.atUs, 0);
  assert.equal(reply?.hops[0]?.atUs, 8);
});

test('mergeWalk() hairpin: both addresses change, and both are undone', () => {
  const node1: readonly [string, number] = ['172.30.0.11', 9999];
  const own: readonly [string, number] = [C[0], 8080];
  const legs = mergeWalk({
    client: tuple,
    events: [],
    frames: frames([
      [client, 'eth0', 'out', tcp({ from: C, to: VIP, seq: 1 })],
      [n1, 'lxca', 'in', tcp({ from: C, to: VIP, seq: 1 })],
      [n1, 'lxca', 'out', tcp({ from: node1, to: own, seq: 1 })],
      [client, 'eth0', 'in', tcp({ from: node1, to: own, seq: 1 })],
      [client, 'eth0', 'out', tcp({ from: own, to: node1, flags: 'S.', ack: 2 })],
      [n1, 'lxca', 'in', tcp({ from: own, to: node1, flags: 'S.', ack: 2 })],
      [n1, 'lxca', 'out', tcp({ from: VIP, to: C, flags: 'S.', ack: 2 })],
    ]),
  });
  assert.deepEqual(
    legs[0]?.hops[2]?.changes.map((c) => c.kind),
    ['dnat', 'snat'],
  );
  assert.deepEqual(
    legs[1]?.hops[2]?.changes.map((c) => c.kind),
    ['un-snat', 'un-dnat'],
  );
});

test('mergeWalk() takes a reset, and an ICMP error, for the reply', () => {
  const syn = tcp({ from: C, to: VIP, seq: 10 });
  const reset = mergeWalk({
    client: tuple,
    events: [],
    frames: frames([
      [client, 'eth0', 'out', syn],
      [client, 'eth0', 'in', tcp({ from: VIP, to: C, flags: 'R.', ack: 11 })],
    ]),
  });
  assert.equal(reset[1]?.hops[0]?.packet.flags, 'R.');
  const error = mergeWalk({
    client: tuple,
    events: [{ node: 'node-1', id: 'a', packet: { ...tuple, flags: 'S' }, step: step('KUBE-SERVICES', 'drop') }],
    frames: frames([
      [client, 'eth0', 'out', syn],
      [n1, 'lxca', 'in', syn],
      [client, 'eth0', 'in', icmpError('172.30.0.11', C[0], 3, 3, syn)],
    ]),
  });
  assert.equal(error[1]?.hops[0]?.packet.icmp?.text, 'port unreachable');
  assert.deepEqual(
    error[0]?.rulesAfter.map((rule) => rule.chain),
    ['KUBE-SERVICES'],
    'the packet left the node nowhere',
  );
});

test('mergeWalk() recognizes UDP by its payload, also when the answer echoes it', () => {
  const payload = Buffer.from('nonce');
  const client4 = { ...tuple, protocol: 'udp' as const };
  for (const answer of ['an answer', 'nonce']) {
    const legs = mergeWalk({
      client: client4,
      payload,
      events: [],
      frames: frames([
        [client, 'eth0', 'out', udp({ from: C, to: VIP, payload })],
        [n1, 'eth0', 'out', udp({ from: C, to: S, payload })],
        [server, 'eth0', 'in', udp({ from: C, to: S, payload })],
        [server, 'eth0', 'out', udp({ from: S, to: C, payload: answer })],
        [n1, 'eth0', 'in', udp({ from: S, to: C, payload: answer })],
        [client, 'eth0', 'in', udp({ from: VIP, to: C, payload: answer })],
        [n1, 'eth0', 'in', udp({ from: ['10.9.9.9', 1], to: ['10.9.9.8', 2], payload: 'other' })],
      ]),
    });
    assert.deepEqual(
      legs.map((leg) => [leg.name, leg.hops.length]),
      [
        ['request', 3],
        ['reply', 3],
      ],
      answer,
    );
    assert.deepEqual(
      legs[1]?.hops[2]?.changes.map((c) => c.kind),
      ['un-dnat'],
    );
  }
});

test('mergeWalk() tells an echo from its request when the source was masqueraded on the way', () => {
  const payload = Buffer.from('nonce');
  const masked: readonly [string, number] = ['172.30.0.12', 30535];
  const nodePort: readonly [string, number] = ['172.30.0.12', 30083];
  const legs = mergeWalk({
    client: { ...tuple, protocol: 'udp', destination: nodePort[0], destinationPort: nodePort[1] },
    translated: [
      { protocol: 'udp', source: masked[0], sourcePort: masked[1], destination: S[0], destinationPort: S[1] },
    ],
    payload,
    events: [],
    frames: frames([
      [client, 'eth0', 'out', udp({ from: C, to: nodePort, payload })],
      [n1, 'eth0', 'in', udp({ from: C, to: nodePort, payload })],
      [n1, 'lxcb', 'out', udp({ from: masked, to: S, payload })],
      [server, 'eth0', 'in', udp({ from: masked, to: S, payload })],
      [server, 'eth0', 'out', udp({ from: S, to: masked, payload })],
      [n1, 'lxcb', 'in', udp({ from: S, to: masked, payload })],
      [n1, 'eth0', 'out', udp({ from: nodePort, to: C, payload })],
      [client, 'eth0', 'in', udp({ from: nodePort, to: C, payload })],
    ]),
  });
  assert.deepEqual(
    legs.map((leg) => [leg.name, leg.hops.length]),
    [
      ['request', 4],
      ['reply', 4],
    ],
  );
  const kinds = legs.map((leg) => leg.hops.flatMap((hop) => hop.changes.map((c) => c.kind)));
  assert.deepEqual(kinds, [
    ['dnat', 'snat'],
    ['un-snat', 'un-dnat'],
  ]);
});

test('mergeWalk() of nothing is nothing', () => {
  assert.deepEqual(mergeWalk({ client: tuple, frames: [], events: [] }), []);
});
