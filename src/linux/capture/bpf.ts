// Classic BPF programs for packet sockets: which packets reach us at all. Pure. Offsets count from the network header, as
// in a cooked capture.

import { ipToBytes, toIp } from '../../ip/index.ts';

export interface BpfInstruction {
  readonly code: number;
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly k: number;
}

/** Packets that match any of these. */
export interface PacketFilter {
  /** Source or destination address. */
  readonly hosts?: readonly string[];
  /** Source or destination port of UDP. */
  readonly udpPorts?: readonly number[];
  /** Source or destination port of TCP. */
  readonly tcpPorts?: readonly number[];
}

const LD_WORD = 0x20;
const LD_HALF = 0x28;
const LD_BYTE = 0x30;
const LD_HALF_INDEXED = 0x48;
const LDX_HEADER_LENGTH = 0xb1;
const LDX_IMMEDIATE = 0x01;
const JUMP_EQUAL = 0x15;
const JUMP_SET = 0x45;
const RETURN = 0x06;
/** SKF_AD_OFF + SKF_AD_PROTOCOL: the EtherType that the kernel knows for the packet. */
const PROTOCOL = 0xfffff000;
const ETH_P_IP = 0x0800;
const ETH_P_IPV6 = 0x86dd;

type Target = 'next' | 'accept' | 'drop' | (string & {});
interface Draft {
  readonly code: number;
  readonly k: number;
  readonly yes: Target;
  readonly no: Target;
}

class Program {
  readonly #drafts: Draft[] = [];
  readonly #labels = new Map<string, number>();

  label(name: string): void {
    this.#labels.set(name, this.#drafts.length);
  }

  load(code: number, k: number): void {
    this.#drafts.push({ code, k, yes: 'next', no: 'next' });
  }

  jump(code: number, k: number, yes: Target, no: Target): void {
    this.#drafts.push({ code, k, yes, no });
  }

  /** Distances instead of names; accept and drop stand at the end. */
  assemble(snapLength: number): BpfInstruction[] {
    const accept = this.#drafts.length;
    const distance = (from: number, target: Target): number => {
      if (target === 'next') return 0;
      const to =
        target === 'accept' ? accept : target === 'drop' ? accept + 1 : (this.#labels.get(target) ?? accept + 1);
      const jump = to - from - 1;
      // A conditional jump reaches 255 instructions; that is some 40 hosts.
      if (jump > 255) throw new RangeError('a packet filter with so many hosts and ports is too long');
      return jump;
    };
    const code = this.#drafts.map(({ code, k, yes, no }, i): BpfInstruction => ({
      code,
      jumpTrue: distance(i, yes),
      jumpFalse: distance(i, no),
      k,
    }));
    code.push({ code: RETURN, jumpTrue: 0, jumpFalse: 0, k: snapLength });
    code.push({ code: RETURN, jumpTrue: 0, jumpFalse: 0, k: 0 });
    return code;
  }
}

function words(address: string): number[] {
  const bytes = Buffer.from(ipToBytes(address));
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32BE(i * 4));
}

function matchHost(program: Program, address: string, offset: number, label: string): void {
  const parts = words(address);
  for (const [i, part] of parts.entries()) {
    program.load(LD_WORD, offset + i * 4);
    program.jump(JUMP_EQUAL, part, i === parts.length - 1 ? 'accept' : 'next', label);
  }
  program.label(label);
}

/** Ports stand at X and X + 2; the protocol is in the accumulator on entry. */
function matchPorts(program: Program, filter: PacketFilter, family: string, prepare: () => void): void {
  const groups = [
    [17, filter.udpPorts ?? []],
    [6, filter.tcpPorts ?? []],
  ] as const;
  for (const [protocol, ports] of groups) {
    if (ports.length === 0) continue;
    const next = `${family}-after-${protocol}`;
    program.load(LD_BYTE, family === 'v4' ? 9 : 6);
    program.jump(JUMP_EQUAL, protocol, 'next', next);
    prepare();
    for (const offset of [0, 2]) {
      program.load(LD_HALF_INDEXED, offset);
      for (const port of ports) program.jump(JUMP_EQUAL, port, 'accept', 'next');
    }
    program.label(next);
  }
}

/** The program for a filter; packets that match are kept up to `snapLength` bytes. */
export function compileFilter(filter: PacketFilter, snapLength: number): BpfInstruction[] {
  const program = new Program();
  const hosts = filter.hosts ?? [];
  program.load(LD_HALF, PROTOCOL);
  program.jump(JUMP_EQUAL, ETH_P_IP, 'v4', 'next');
  program.jump(JUMP_EQUAL, ETH_P_IPV6, 'v6', 'drop');
  program.label('v6');
  for (const [i, host] of hosts.entries()) {
    if (toIp(host).family !== 6) continue;
    matchHost(program, host, 8, `v6-source-${i}`);
    matchHost(program, host, 24, `v6-destination-${i}`);
  }
  // Ports right behind the fixed header: packets with extension headers match by host only.
  matchPorts(program, filter, 'v6', () => program.load(LDX_IMMEDIATE, 40));
  // Never true, so the second target is the way out.
  program.jump(JUMP_SET, 0, 'drop', 'drop');
  program.label('v4');
  for (const [i, host] of hosts.entries()) {
    if (toIp(host).family !== 4) continue;
    matchHost(program, host, 12, `v4-source-${i}`);
    matchHost(program, host, 16, `v4-destination-${i}`);
  }
  matchPorts(program, filter, 'v4', () => {
    // Later fragments have no ports.
    program.load(LD_HALF, 6);
    program.jump(JUMP_SET, 0x1fff, 'drop', 'next');
    program.load(LDX_HEADER_LENGTH, 0);
  });
  program.jump(JUMP_SET, 0, 'drop', 'drop');
  return program.assemble(snapLength);
}

/** The kernel's sock_filter array. */
export function encodeProgram(program: readonly BpfInstruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  for (const [i, { code, jumpTrue, jumpFalse, k }] of program.entries()) {
    bytes.writeUInt16LE(code, i * 8);
    bytes[i * 8 + 2] = jumpTrue;
    bytes[i * 8 + 3] = jumpFalse;
    bytes.writeUInt32LE(k >>> 0, i * 8 + 4);
  }
  return bytes;
}
