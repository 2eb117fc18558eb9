// The compiled filter, run by an interpreter of the kernel's instructions, against the sentence it was compiled from.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ipToBytes } from '../../ip/index.ts';
import type { BpfInstruction, PacketFilter } from './bpf.ts';
import { compileFilter, encodeProgram } from './bpf.ts';

/** Classic BPF, the part used here; reading past the end drops the packet, as in the kernel. */
function run(program: readonly BpfInstruction[], packet: Buffer, protocol: number): number {
  let a = 0;
  let x = 0;
  for (let pc = 0; pc < program.length; pc++) {
    const { code, jumpTrue, jumpFalse, k } = program[pc] as BpfInstruction;
    const read = (at: number, size: number): number =>
      at + size > packet.length ? Number.NaN : packet.readUIntBE(at, size);
    if (code === 0x06) return k;
    else if (code === 0x28 && k === 0xfffff000) a = protocol;
    else if (code === 0x20) a = read(k, 4);
    else if (code === 0x28) a = read(k, 2);
    else if (code === 0x30) a = read(k, 1);
    else if (code === 0x48) a = read(x + k, 2);
    else if (code === 0xb1) x = (read(k, 1) & 15) * 4;
    else if (code === 0x01) x = k;
    else if (code === 0x15) pc += a === k >>> 0 ? jumpTrue : jumpFalse;
    else if (code === 0x45) pc += (a & k) !== 0 ? jumpTrue : jumpFalse;
    else assert.fail(`instruction ${code}`);
    if (Number.isNaN(a)) return 0;
  }
  return assert.fail('the program has no end');
}

interface Shape {
  readonly v6: boolean;
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly options: number;
  readonly fragment: number;
}

function packetOf(s: Shape): Buffer {
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(s.sourcePort);
  ports.writeUInt16BE(s.destinationPort, 2);
  if (s.v6) {
    const head = Buffer.alloc(40);
    head[0] = 0x60;
    head[6] = s.protocol;
    head.set(ipToBytes(s.source), 8);
    head.set(ipToBytes(s.destination), 24);
    return Buffer.concat([head, ports, Buffer.alloc(16)]);
  }
  const head = Buffer.alloc(20 + s.options * 4);
  head[0] = 0x45 + s.options;
  head.writeUInt16BE(s.fragment, 6);
  head[9] = s.protocol;
  head.set(ipToBytes(s.source), 12);
  head.set(ipToBytes(s.destination), 16);
  return Buffer.concat([head, ports, Buffer.alloc(16)]);
}

const V4 = ['10.0.0.1', '10.0.0.2', '10.96.0.10', '10.244.1.2'];
const V6 = ['fd00::1', 'fd00::2', 'fd00::1:2', 'fd00:1::1'];
const PORTS = [53, 80, 4789, 40000];
const shape = fc.boolean().chain((v6) =>
  fc.record<Shape>({
    v6: fc.constant(v6),
    source: fc.constantFrom(...(v6 ? V6 : V4)),
    destination: fc.constantFrom(...(v6 ? V6 : V4)),
    protocol: fc.constantFrom(6, 17, 1, 132),
    sourcePort: fc.constantFrom(...PORTS),
    destinationPort: fc.constantFrom(...PORTS),
    options: fc.constantFrom(0, 0, 1, 10),
    // Don't-fragment, first fragment, and a later one.
    fragment: fc.constantFrom(0, 0x4000, 0x2000, 0x2001, 0x00ff),
  }),
);
const filterShape = fc.record<PacketFilter>(
  {
    hosts: fc.subarray([...V4, ...V6]),
    udpPorts: fc.subarray(PORTS),
    tcpPorts: fc.subarray(PORTS),
  },
  { requiredKeys: [] },
);

function wanted(s: Shape, filter: PacketFilter): boolean {
  if (filter.hosts?.some((host) => host === s.source || host === s.destination)) return true;
  if (!s.v6 && (s.fragment & 0x1fff) !== 0) return false;
  const ports = s.protocol === 17 ? filter.udpPorts : s.protocol === 6 ? filter.tcpPorts : undefined;
  return ports?.some((port) => port === s.sourcePort || port === s.destinationPort) ?? false;
}

describe('compileFilter()', () => {
  it('keeps exactly the packets the filter names', () => {
    fc.assert(
      fc.property(shape, filterShape, (s, filter) => {
        const program = compileFilter(filter, 256);
        assert.equal(run(program, packetOf(s), s.v6 ? 0x86dd : 0x0800), wanted(s, filter) ? 256 : 0);
      }),
      { numRuns: 500 },
    );
  });

  it('drops what is not IP', () => {
    const program = compileFilter({ hosts: V4, udpPorts: PORTS }, 256);
    assert.equal(run(program, Buffer.alloc(64), 0x0806), 0);
  });

  it('refuses filters that a conditional jump cannot span', () => {
    const hosts = Array.from({ length: 200 }, (_, i) => `10.1.0.${i}`);
    assert.throws(() => compileFilter({ hosts }, 256), /too long/);
  });

  it('becomes eight bytes an instruction', () => {
    const [first] = compileFilter({ hosts: ['10.0.0.1'] }, 64);
    assert.equal(encodeProgram([first as BpfInstruction]).toString('hex'), '2800000000f0ffff');
  });
});
