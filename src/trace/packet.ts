// From captured bytes to what a person reads of a packet: addresses, ports, flags, TTL, and the envelope around it.
// Pure; a packet that is cut short or of a kind that no walk is about is undefined.
import { formatIp, ipFromBytes } from '../ip/index.ts';

export interface Envelope {
  readonly kind: 'vxlan';
  readonly source: string;
  readonly destination: string;
  readonly vni: number;
}

/** What an ICMP error says, and the packet it is about. */
export interface IcmpError {
  readonly text: string;
  /** Next-hop MTU of "fragmentation needed" or "packet too big". */
  readonly mtu?: number;
  readonly about: Tuple;
}

export interface Tuple {
  readonly protocol: 'tcp' | 'udp';
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

export interface Packet extends Tuple {
  readonly ttl: number;
  /** Length of the IP packet. */
  readonly length: number;
  readonly payloadLength: number;
  /** `S`, `S.`, `.`, `P.`, `F.`, `R`…, as tcpdump writes them; '' for UDP. */
  readonly flags: string;
  readonly seq: number;
  readonly ack: number;
  /** Bytes that tell UDP datagrams apart. */
  readonly payload: Uint8Array;
  readonly envelope?: Envelope;
  /** For an ICMP error, ports and protocol above are those of the packet it is about, turned round. */
  readonly icmp?: IcmpError;
}

const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100 };
const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 };
const VXLAN_HEADER = 8;

export interface ParseOptions {
  /** @default 4789 */
  readonly vxlanPort?: number;
}

/** Reads a frame that begins with an Ethernet header. */
export function parseFrame(bytes: Uint8Array, options: ParseOptions = {}): Packet | undefined {
  const view = viewOf(bytes);
  if (bytes.length < 14) return undefined;
  let at = 12;
  if (view.getUint16(at) === ETHERTYPE.vlan) at += 4;
  if (bytes.length < at + 2) return undefined;
  const type = view.getUint16(at);
  return type === ETHERTYPE.ipv4 || type === ETHERTYPE.ipv6
    ? parseIpPacket(bytes.subarray(at + 2), options)
    : undefined;
}

/** Reads bytes that begin with an IP header. */
export function parseIpPacket(bytes: Uint8Array, options: ParseOptions = {}): Packet | undefined {
  const ip = parseIpHeader(bytes);
  if (ip === undefined) return undefined;
  const { rest } = ip;
  if (ip.protocol === PROTOCOL.tcp) return parseTcp(ip, rest);
  if (ip.protocol === PROTOCOL.udp) return parseUdp(ip, rest, options);
  if (ip.protocol === PROTOCOL.icmp || ip.protocol === PROTOCOL.icmpv6) return parseIcmpError(ip, rest);
  return undefined;
}

interface IpHeader {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly ttl: number;
  readonly length: number;
  /** What follows the header, as far as it was captured. */
  readonly rest: Uint8Array;
  /** Length of what follows according to the header. */
  readonly restLength: number;
}

function parseIpHeader(bytes: Uint8Array): IpHeader | undefined {
  const view = viewOf(bytes);
  const version = (bytes[0] ?? 0) >> 4;
  if (version === 4 && bytes.length >= 20) {
    const header = ((bytes[0] ?? 0) & 0x0f) * 4;
    // A later fragment has no ports.
    if ((view.getUint16(6) & 0x1fff) !== 0) return undefined;
    const length = view.getUint16(2);
    return {
      source: formatIp(ipFromBytes(bytes.subarray(12, 16))),
      destination: formatIp(ipFromBytes(bytes.subarray(16, 20))),
      protocol: bytes[9] ?? 0,
      ttl: bytes[8] ?? 0,
      length,
      rest: bytes.subarray(header),
      restLength: length - header,
    };
  }
  if (version === 6 && bytes.length >= 40) {
    const payload = view.getUint16(4);
    return {
      source: formatIp(ipFromBytes(bytes.subarray(8, 24))),
      destination: formatIp(ipFromBytes(bytes.subarray(24, 40))),
      protocol: bytes[6] ?? 0,
      ttl: bytes[7] ?? 0,
      length: payload + 40,
      rest: bytes.subarray(40),
      restLength: payload,
    };
  }
  return undefined;
}

const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [0x02, 'S'],
  [0x01, 'F'],
  [0x04, 'R'],
  [0x08, 'P'],
  [0x10, '.'],
];

function parseTcp(ip: IpHeader, bytes: Uint8Array): Packet | undefined {
  if (bytes.length < 20) return undefined;
  const view = viewOf(bytes);
  const header = (view.getUint8(12) >> 4) * 4;
  const bits = view.getUint8(13);
  return {
    ...addresses(ip),
    protocol: 'tcp',
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
    ttl: ip.ttl,
    length: ip.length,
    payloadLength: ip.restLength - header,
    flags: FLAG_LETTERS.flatMap(([bit, letter]) => (bits & bit ? [letter] : [])).join(''),
    seq: view.getUint32(4),
    ack: view.getUint32(8),
    payload: bytes.subarray(header),
  };
}

function parseUdp(ip: IpHeader, bytes: Uint8Array, options: ParseOptions): Packet | undefined {
  if (bytes.length < 8) return undefined;
  const view = viewOf(bytes);
  const payload = bytes.subarray(8);
  if (view.getUint16(2) === (options.vxlanPort ?? 4789) && payload.length > VXLAN_HEADER && (payload[0] ?? 0) & 0x08) {
    const inner = parseFrame(payload.subarray(VXLAN_HEADER));
    const vni = viewOf(payload).getUint32(4) >>> 8;
    return inner && { ...inner, envelope: { kind: 'vxlan', ...addresses(ip), vni } };
  }
  return {
    ...addresses(ip),
    protocol: 'udp',
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
    ttl: ip.ttl,
    length: ip.length,
    payloadLength: view.getUint16(4) - 8,
    flags: '',
    seq: 0,
    ack: 0,
    payload,
  };
}

const ICMP_V4: Readonly<Record<string, string>> = {
  '3/0': 'network unreachable',
  '3/1': 'host unreachable',
  '3/2': 'protocol unreachable',
  '3/3': 'port unreachable',
  '3/4': 'fragmentation needed',
  '3/9': 'network prohibited',
  '3/10': 'host prohibited',
  '3/13': 'administratively prohibited',
  '11/0': 'time to live exceeded',
};
const ICMP_V6: Readonly<Record<string, string>> = {
  '1/0': 'no route',
  '1/1': 'administratively prohibited',
  '1/3': 'address unreachable',
  '1/4': 'port unreachable',
  '2/0': 'packet too big',
  '3/0': 'hop limit exceeded',
};

function parseIcmpError(ip: IpHeader, bytes: Uint8Array): Packet | undefined {
  if (bytes.length < 8 + 20) return undefined;
  const view = viewOf(bytes);
  const code = `${bytes[0]}/${bytes[1]}`;
  const v4 = ip.protocol === PROTOCOL.icmp;
  const text = v4 ? ICMP_V4[code] : ICMP_V6[code];
  const quoted = parseIpHeader(bytes.subarray(8));
  if (text === undefined || quoted === undefined || quoted.rest.length < 8) return undefined;
  if (quoted.protocol !== PROTOCOL.tcp && quoted.protocol !== PROTOCOL.udp) return undefined;
  const ports = viewOf(quoted.rest);
  const about: Tuple = {
    protocol: quoted.protocol === PROTOCOL.tcp ? 'tcp' : 'udp',
    ...addresses(quoted),
    sourcePort: ports.getUint16(0),
    destinationPort: ports.getUint16(2),
  };
  const mtu = v4 && code === '3/4' ? view.getUint16(6) : !v4 && code === '2/0' ? view.getUint32(4) : undefined;
  return {
    ...addresses(ip),
    protocol: about.protocol,
    sourcePort: about.destinationPort,
    destinationPort: about.sourcePort,
    ttl: ip.ttl,
    length: ip.length,
    payloadLength: 0,
    flags: '',
    seq: about.protocol === 'tcp' ? ports.getUint32(4) : 0,
    ack: 0,
    payload: new Uint8Array(),
    icmp: { text, about, ...(mtu === undefined ? {} : { mtu }) },
  };
}

const addresses = (ip: { readonly source: string; readonly destination: string }) => ({
  source: ip.source,
  destination: ip.destination,
});

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** `10.0.0.1:80` or `[fd00::1]:80`. */
export function formatAddressPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The direction of a tuple turned round: what a reply carries. */
export function reversed(tuple: Tuple): Tuple {
  return {
    protocol: tuple.protocol,
    source: tuple.destination,
    sourcePort: tuple.destinationPort,
    destination: tuple.source,
    destinationPort: tuple.sourcePort,
  };
}

export const tupleKey = (t: Tuple): string =>
  `${t.protocol} ${formatAddressPort(t.source, t.sourcePort)} ${formatAddressPort(t.destination, t.destinationPort)}`;
