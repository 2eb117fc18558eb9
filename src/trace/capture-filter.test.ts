import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BpfInstruction } from '../linux/index.ts';
import { captureFilter } from './capture-filter.ts';
import { icmpError, tcp, udp, vxlan } from './fixtures.ts';

/** Runs a classic BPF program over a packet that begins with its IP header. */
function run(program: readonly BpfInstruction[], packet: Buffer): number {
  let a = 0;
  for (let at = 0; at < program.length; at++) {
    const { code, jumpTrue, jumpFalse, k } = program[at] ?? { code: 0x06, jumpTrue: 0, jumpFalse: 0, k: 0 };
    if (code === 0x06) return k;
    if (code === 0x05) at += k;
    else if (code === 0x15) at += a === k ? jumpTrue : jumpFalse;
    else if (code === 0x45) at += (a & k) !== 0 ? jumpTrue : jumpFalse;
    else if (k === 0xfffff000) a = (packet[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800;
    else {
      const size = code === 0x28 ? 2 : 1;
      if (k + size > packet.length) return 0;
      a = packet.readUIntBE(k, size);
    }
  }
  throw new Error('the program has no end');
}

test('captureFilter() takes the connection in every form, and nothing else', () => {
  const filter = captureFilter({
    protocol: 'tcp',
    sourcePort: 43333,
    endpointPorts: [8080, 9090],
    vxlanPort: 4789,
    snapLength: 256,
  });
  const C: readonly [string, number] = ['10.244.1.2', 43333];
  const S: readonly [string, number] = ['10.244.2.2', 8080];
  const node: readonly [string, number] = ['172.30.0.11', 999];
  const [outerFrom, outerTo] = ['172.30.0.11', '172.30.0.12'];
  const inside = (packet: Buffer) => vxlan(outerFrom ?? '', outerTo ?? '', packet);
  const wanted: [string, Buffer][] = [
    ['request', tcp({ from: C, to: ['10.96.0.10', 80], flags: '.' })],
    ['reply', tcp({ from: S, to: C, flags: '.' })],
    ['masqueraded handshake', tcp({ from: node, to: S })],
    ['its answer', tcp({ from: S, to: node, flags: 'S.' })],
    ['its refusal', tcp({ from: S, to: node, flags: 'R.' })],
    ['inside VXLAN', inside(tcp({ from: C, to: S, flags: '.' }))],
    ['masqueraded inside VXLAN', inside(tcp({ from: node, to: S }))],
    ['IPv6', tcp({ from: ['fd00::1', 43333], to: ['fd00::2', 80] })],
    ['IPv6 inside VXLAN', inside(tcp({ from: ['fd00::1', 43333], to: ['fd00::2', 80] }))],
    ['over IPv6', vxlan('fd00::11', 'fd00::12', tcp({ from: C, to: S, flags: '.' }))],
    ['ICMP', icmpError('172.30.0.11', '10.244.1.2', 3, 3, tcp({ from: C, to: S }))],
  ];
  for (const [name, packet] of wanted) assert.equal(run(filter, packet), 256, name);
  const others: [string, Buffer][] = [
    ['another connection', tcp({ from: ['10.244.1.2', 5], to: ['10.96.0.10', 80] })],
    ['data of another connection to the endpoint', tcp({ from: node, to: S, flags: 'P.' })],
    ['its data inside VXLAN', inside(tcp({ from: node, to: S, flags: 'P.' }))],
    ['UDP with the same port', udp({ from: C, to: S, payload: 'x' })],
    ['another VXLAN packet', inside(udp({ from: ['10.244.1.9', 1], to: ['10.244.2.9', 2], payload: 'x' }))],
  ];
  for (const [name, packet] of others) assert.equal(run(filter, packet), 0, name);
  const udpFilter = captureFilter({
    protocol: 'udp',
    sourcePort: 5,
    endpointPorts: [53],
    vxlanPort: 4789,
    snapLength: 9,
  });
  assert.equal(run(udpFilter, udp({ from: node, to: ['10.244.2.2', 53], payload: 'x' })), 9);
  assert.equal(run(udpFilter, tcp({ from: node, to: ['10.244.2.2', 53] })), 0);
});
