// Which packets a trace asks the kernel for, as a classic BPF program over packets that begin with their IP header: the
// connection itself, its translated forms on the way to any endpoint, both inside VXLAN, and ICMP. Pure.
import type { BpfInstruction } from '../linux/index.ts';

export interface CaptureTarget {
  readonly protocol: 'tcp' | 'udp';
  /** The client's own port: hardly any other packet carries it. */
  readonly sourcePort: number;
  /** Ports that a translation may send the connection to. */
  readonly endpointPorts: readonly number[];
  readonly vxlanPort: number;
  /** Bytes kept of each packet. */
  readonly snapLength: number;
}

const LOAD_BYTE = 0x30;
const LOAD_HALF = 0x28;
const JUMP = 0x05;
const JUMP_EQUAL = 0x15;
const JUMP_SET = 0x45;
const RETURN = 0x06;
/** SKF_AD_OFF + SKF_AD_PROTOCOL: the EtherType that the kernel knows for the packet. */
const ETHERTYPE = 0xfffff000;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const UDP = 17;
const ICMP = { v4: 1, v6: 58 };
const SYN_OR_RST = 0x06;
/** UDP, VXLAN and Ethernet headers between an outer and an inner IP header. */
const VXLAN_HEADERS = 8 + 8 + 14;
const IP_HEADER = { v4: 20, v6: 40 };

type Label = string;
interface Instruction {
  readonly code: number;
  readonly k: number;
  readonly yes?: Label;
  readonly no?: Label;
}
type Line = { readonly label: Label } | Instruction;

/** The program; IP options and extension headers, which no probe of ours has, are not looked behind. */
export function captureFilter(target: CaptureTarget): BpfInstruction[] {
  const lines: Line[] = [
    { code: LOAD_HALF, k: ETHERTYPE },
    { code: JUMP_EQUAL, k: IPV6, yes: 'v6' },
    { code: JUMP_EQUAL, k: IPV4, yes: 'v4', no: 'drop' },
    { label: 'v4' },
    ...outer('v4', target),
    { label: 'v6' },
    ...outer('v6', target),
    { label: 'accept' },
    { code: RETURN, k: target.snapLength },
    { label: 'drop' },
    { code: RETURN, k: 0 },
  ];
  return assemble(lines);
}

function outer(family: 'v4' | 'v6', target: CaptureTarget): Line[] {
  const inner = IP_HEADER[family] + VXLAN_HEADERS;
  return [
    { code: LOAD_BYTE, k: family === 'v4' ? 9 : 6 },
    { code: JUMP_EQUAL, k: UDP, no: `${family}-plain` },
    { code: LOAD_HALF, k: IP_HEADER[family] + 2 },
    { code: JUMP_EQUAL, k: target.vxlanPort, no: `${family}-plain` },
    { code: LOAD_HALF, k: inner - 2 },
    { code: JUMP_EQUAL, k: IPV6, yes: `${family}-inner-v6` },
    { code: JUMP_EQUAL, k: IPV4, no: 'drop' },
    ...transport(`${family}-inner-v4`, inner, 'v4', target),
    { label: `${family}-inner-v6` },
    ...transport(`${family}-inner-v6`, inner, 'v6', target),
    { label: `${family}-plain` },
    ...transport(`${family}-plain`, 0, family, target),
  ];
}

/** Masquerade replaces address and port of the client: then only the endpoint's port is known, and of TCP only the packets of the handshake matter. */
function transport(name: string, start: number, family: 'v4' | 'v6', target: CaptureTarget): Line[] {
  const ports = start + IP_HEADER[family];
  const flags = `${name}-flags`;
  const end = `${name}-end`;
  return [
    { code: LOAD_BYTE, k: start + (family === 'v4' ? 9 : 6) },
    { code: JUMP_EQUAL, k: ICMP[family], yes: 'accept' },
    { code: JUMP_EQUAL, k: target.protocol === 'tcp' ? 6 : UDP, no: end },
    ...[[target.sourcePort], target.endpointPorts].flatMap((list, own) =>
      [ports, ports + 2].flatMap((offset): Line[] => [
        { code: LOAD_HALF, k: offset },
        ...list.map((k): Line => ({ code: JUMP_EQUAL, k, yes: own === 0 ? 'accept' : flags })),
      ]),
    ),
    { code: JUMP, k: 0, yes: end },
    { label: flags },
    ...(target.protocol === 'udp'
      ? [{ code: JUMP, k: 0, yes: 'accept' }]
      : [
          { code: LOAD_BYTE, k: ports + 13 },
          { code: JUMP_SET, k: SYN_OR_RST, yes: 'accept', no: end },
        ]),
    { label: end },
    { code: RETURN, k: 0 },
  ];
}

/** Distances instead of labels. */
function assemble(lines: readonly Line[]): BpfInstruction[] {
  const labels = new Map<Label, number>();
  let position = 0;
  for (const line of lines) {
    if ('label' in line) labels.set(line.label, position);
    else position += 1;
  }
  const code = lines.filter((line): line is Instruction => !('label' in line));
  return code.map((line, i) => {
    const distance = (label: Label | undefined) => (label === undefined ? 0 : (labels.get(label) ?? 0) - i - 1);
    const jump = { yes: distance(line.yes), no: distance(line.no) };
    // An unconditional jump carries its distance in k, which has no bound worth mentioning.
    if (line.code === JUMP) return { code: JUMP, jumpTrue: 0, jumpFalse: 0, k: jump.yes };
    if (jump.yes > 255 || jump.no > 255) throw new RangeError('too many endpoint ports for one capture filter');
    return { code: line.code, jumpTrue: jump.yes, jumpFalse: jump.no, k: line.k };
  });
}
