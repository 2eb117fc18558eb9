import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CapturedFrame } from './contract.ts';
import { frames, icmpError, node, pod, tcp } from './fixtures.ts';
import { findMtuTrouble } from './mtu-trouble.ts';

const CLIENT = {
  protocol: 'tcp',
  source: '10.0.0.1',
  sourcePort: 40_000,
  destination: '10.0.0.2',
  destinationPort: 80,
} as const;
const data = (seq: number, payload: number) =>
  Buffer.concat([tcp({ from: ['10.0.0.1', 40_000], to: ['10.0.0.2', 80], flags: 'P.', seq }), Buffer.alloc(payload)]);

/** The IP header says the length. */
function sized(packet: Buffer): Buffer {
  packet.writeUInt16BE(packet.length, 2);
  return packet;
}

const large = sized(data(100, 1400));
const find = (list: readonly CapturedFrame[]) =>
  findMtuTrouble({ client: pod('a'), server: pod('b'), tuples: [CLIENT], frames: list, vxlanPort: 4789 });

test('findMtuTrouble() names the packet that was sent again and did not arrive, and where it was last seen', () => {
  const once = [
    [pod('a'), 'eth0', 'out', large],
    [node('n1'), 'lxca', 'in', large],
  ] as const;
  const trouble = find(frames([...once, ...once]));
  assert.deepEqual(trouble, {
    sender: pod('a'),
    length: 1440,
    times: 2,
    lastSeen: { place: node('n1'), device: 'lxca', direction: 'in' },
    destination: '10.0.0.2',
  });
  const wish = icmpError('10.0.0.9', '10.0.0.1', 3, 4, large, 1300);
  const asked = find(frames([...once, [node('n1'), 'lxca', 'out', wish], ...once]));
  assert.deepEqual(asked?.asked, { by: '10.0.0.9', mtu: 1300, arrived: false });
});

test('findMtuTrouble() says nothing of what arrived, was sent once, or is small', () => {
  const sent = [pod('a'), 'eth0', 'out', large] as const;
  assert.equal(find(frames([sent, [pod('b'), 'eth0', 'in', large], sent])), undefined, 'arrived');
  assert.equal(find(frames([sent])), undefined, 'sent once');
  const half = sized(data(0, 700));
  const rest = sized(data(700, 100));
  const pieces = [half, rest].map((bytes) => [pod('b'), 'eth0', 'in', bytes] as const);
  assert.equal(find(frames([sent, ...pieces, sent])), undefined, 'its bytes arrived in smaller packets');
  const small = [pod('a'), 'eth0', 'out', sized(data(5000, 100))] as const;
  assert.equal(find(frames([small, small])), undefined, 'small');
});
