import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ethernet, icmpError, tcp, udp, vxlan } from './fixtures.ts';
import { parseFrame, parseIpPacket } from './packet.ts';

test('parseFrame() reads TCP and UDP over both families', () => {
  const packet = parseFrame(
    ethernet(tcp({ from: ['10.0.0.1', 40000], to: ['10.96.0.10', 80], flags: 'S.', seq: 7, ack: 0xffffffff, ttl: 63 })),
  );
  assert.ok(packet);
  const { payload, ...rest } = packet;
  assert.equal(payload.length, 0);
  assert.deepEqual(rest, {
    protocol: 'tcp',
    source: '10.0.0.1',
    sourcePort: 40000,
    destination: '10.96.0.10',
    destinationPort: 80,
    ttl: 63,
    length: 40,
    payloadLength: 0,
    flags: 'S.',
    seq: 7,
    ack: 0xffffffff,
  });
  const v6 = parseFrame(ethernet(udp({ from: ['fd00::1', 5], to: ['fd00::2', 53], payload: 'hello' })));
  assert.equal(v6?.source, 'fd00::1');
  assert.equal(Buffer.from(v6?.payload ?? []).toString(), 'hello');
});

test('parseFrame() reads through a VXLAN envelope', () => {
  const inner = tcp({ from: ['10.244.1.2', 40000], to: ['10.244.2.2', 8080] });
  const packet = parseFrame(ethernet(vxlan('172.30.0.11', '172.30.0.12', inner)));
  assert.equal(packet?.destination, '10.244.2.2');
  assert.deepEqual(packet?.envelope, { kind: 'vxlan', source: '172.30.0.11', destination: '172.30.0.12', vni: 1 });
  const elsewhere = parseFrame(ethernet(vxlan('172.30.0.11', '172.30.0.12', inner)), { vxlanPort: 8472 });
  assert.equal(elsewhere?.destinationPort, 4789, 'on another port it is a datagram like any other');
});

test('parseFrame() reads what an ICMP error is about', () => {
  const quoted = tcp({ from: ['10.244.1.2', 40000], to: ['10.96.0.10', 81], seq: 99 });
  const refused = parseIpPacket(icmpError('172.30.0.11', '10.244.1.2', 3, 3, quoted));
  assert.equal(refused?.icmp?.text, 'port unreachable');
  assert.equal(refused?.icmp?.about.destination, '10.96.0.10');
  assert.equal(refused?.seq, 99);
  assert.equal(refused?.destinationPort, 40000);
  assert.equal(parseIpPacket(icmpError('1.1.1.1', '10.244.1.2', 3, 4, quoted, 1450))?.icmp?.mtu, 1450);
});

test('parseFrame() never throws on any bytes', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => void parseFrame(bytes)));
  const whole = ethernet(vxlan('172.30.0.11', '172.30.0.12', tcp({ from: ['10.0.0.1', 1], to: ['10.0.0.2', 2] })));
  for (let size = 0; size < whole.length; size++) parseFrame(whole.subarray(0, size));
});
