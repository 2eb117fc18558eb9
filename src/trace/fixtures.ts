// Builds packets and frames for tests: what a capture on a device would hold.
import { ipToBytes } from '../ip/index.ts';
import type { CapturedFrame, Place } from './contract.ts';

interface TcpSpec {
  readonly from: readonly [string, number];
  readonly to: readonly [string, number];
  readonly flags?: string;
  readonly seq?: number;
  readonly ack?: number;
  readonly ttl?: number;
}

interface UdpSpec {
  readonly from: readonly [string, number];
  readonly to: readonly [string, number];
  readonly payload: Uint8Array | string;
  readonly ttl?: number;
}

const FLAGS: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, '.': 16 };

function ip(source: string, destination: string, protocol: number, ttl: number, content: Buffer): Buffer {
  const [from, to] = [ipToBytes(source), ipToBytes(destination)];
  if (from.length === 4) {
    const header = Buffer.alloc(20);
    header[0] = 0x45;
    header.writeUInt16BE(20 + content.length, 2);
    header[8] = ttl;
    header[9] = protocol;
    header.set(from, 12);
    header.set(to, 16);
    return Buffer.concat([header, content]);
  }
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(content.length, 4);
  header[6] = protocol;
  header[7] = ttl;
  header.set(from, 8);
  header.set(to, 24);
  return Buffer.concat([header, content]);
}

export function ethernet(packet: Buffer): Buffer {
  const header = Buffer.alloc(14);
  header.writeUInt16BE((packet[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800, 12);
  return Buffer.concat([header, packet]);
}

export function tcp(spec: TcpSpec): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(spec.from[1], 0);
  header.writeUInt16BE(spec.to[1], 2);
  header.writeUInt32BE(spec.seq ?? 0, 4);
  header.writeUInt32BE(spec.ack ?? 0, 8);
  header[12] = 0x50;
  header[13] = (spec.flags ?? 'S').split('').reduce((bits, letter) => bits | (FLAGS[letter] ?? 0), 0);
  return ip(spec.from[0], spec.to[0], 6, spec.ttl ?? 64, header);
}

export function udp(spec: UdpSpec): Buffer {
  const payload = Buffer.from(spec.payload);
  const header = Buffer.alloc(8);
  header.writeUInt16BE(spec.from[1], 0);
  header.writeUInt16BE(spec.to[1], 2);
  header.writeUInt16BE(8 + payload.length, 4);
  return ip(spec.from[0], spec.to[0], 17, spec.ttl ?? 64, Buffer.concat([header, payload]));
}

/** The packet inside VXLAN between two nodes. */
export function vxlan(from: string, to: string, inner: Buffer, vni = 1): Buffer {
  const header = Buffer.alloc(8);
  header[0] = 0x08;
  header.writeUInt32BE(vni << 8, 4);
  return udp({ from: [from, 50000], to: [to, 4789], payload: Buffer.concat([header, ethernet(inner)]) });
}

/** An ICMP error from `from` to the sender of `quoted`. */
export function icmpError(from: string, to: string, type: number, code: number, quoted: Buffer, mtu = 0): Buffer {
  const header = Buffer.alloc(8);
  header[0] = type;
  header[1] = code;
  header.writeUInt16BE(mtu, 6);
  return ip(from, to, 1, 64, Buffer.concat([header, quoted.subarray(0, 28)]));
}

export const pod = (name: string): Place => ({ kind: 'pod', name: `default/${name}`, netns: `c-pod-${name}` });
export const node = (name: string): Place => ({ kind: 'node', name, netns: `c-${name}` });

/** Frames one microsecond apart, in the order given. */
export function frames(list: readonly (readonly [Place, string, 'in' | 'out', Buffer])[]): CapturedFrame[] {
  return list.map(([place, device, direction, bytes], i) => {
    return { place, device, direction, bytes, length: bytes.length, timeNs: 1_000_000_000n + BigInt(i) * 1000n };
  });
}
