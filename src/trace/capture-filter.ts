// Which packets a trace asks the kernel for, in the language of pcap-filter(7): the connection itself, its translated
// forms on the way to any endpoint, both inside VXLAN, and ICMP errors to the client. Pure.
import { isIpv6, ipToBytes } from '../ip/index.ts';

export interface CaptureTarget {
  readonly protocol: 'tcp' | 'udp';
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  /** Where a translation may send the connection. */
  readonly endpoints: readonly { readonly address: string; readonly port: number }[];
  readonly vxlanPort: number;
}

/** Beyond this many endpoints a filter by address costs more than the packets it keeps out. */
const MAX_ADDRESSES = 24;

export function captureFilter(target: CaptureTarget): string {
  const { protocol, source, sourcePort } = target;
  const direct = `(host ${source} and ${protocol} port ${sourcePort})`;
  const errors = `(host ${source} and (icmp or icmp6))`;
  const parts = [direct, errors, ...translated(target), `(udp port ${target.vxlanPort}${insideVxlan(target)})`];
  return parts.join(' or ');
}

/** Masquerade replaces the source: then only the endpoint is known, and of TCP only the packets of the handshake matter. */
function translated({ protocol, endpoints }: CaptureTarget): string[] {
  const hosts = [...new Set(endpoints.map((endpoint) => endpoint.address))];
  const ports = [...new Set(endpoints.map((endpoint) => endpoint.port))];
  if (hosts.length === 0) return [];
  const where = hosts.length > MAX_ADDRESSES ? [] : [`(${hosts.map((host) => `host ${host}`).join(' or ')})`];
  const which = `(${ports.map((port) => `${protocol} port ${port}`).join(' or ')})`;
  // pcap-filter reaches into TCP only over IPv4.
  const handshake =
    protocol === 'tcp' && !hosts.some((host) => isIpv6(host)) ? ['tcp[tcpflags] & (tcp-syn|tcp-rst) != 0'] : [];
  return [`(${[...where, which, ...handshake].join(' and ')})`];
}

/** Offsets into the outer UDP header: 8 UDP, 8 VXLAN, 14 Ethernet, then the inner IP header. */
function insideVxlan({ source, endpoints }: CaptureTarget): string {
  const addresses = [...new Set([source, ...endpoints.map((endpoint) => endpoint.address)])];
  if (addresses.length > MAX_ADDRESSES || addresses.some((address) => isIpv6(address))) return '';
  const number = (address: string) => `0x${Buffer.from(ipToBytes(address)).toString('hex')}`;
  return ` and (${addresses.map((address) => `udp[42:4] = ${number(address)} or udp[46:4] = ${number(address)}`).join(' or ')})`;
}
