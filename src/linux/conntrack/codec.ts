// Bytes of ctnetlink messages to and from values (include/uapi/linux/netfilter/nfnetlink_conntrack.h). Pure.

import { formatIp, ipFromBytes, ipToBytes } from '../../ip/index.ts';
import type { MessageWriter } from '../netlink/message.ts';
import { parseAttributes } from '../netlink/message.ts';
import type { ConntrackEntry, ConntrackFilter, ConntrackStatus, ConntrackTuple } from './contract.ts';

const CTA = {
  TUPLE_ORIG: 1,
  TUPLE_REPLY: 2,
  STATUS: 3,
  PROTOINFO: 4,
  TIMEOUT: 7,
  MARK: 8,
  ID: 12,
  ZONE: 18,
  FILTER: 25,
} as const;
const TUPLE = { IP: 1, PROTO: 2 } as const;
const IP = { V4_SRC: 1, V4_DST: 2, V6_SRC: 3, V6_DST: 4 } as const;
const PROTO = { NUM: 1, SRC_PORT: 2, DST_PORT: 3 } as const;
const FILTER = { ORIG_FLAGS: 1, REPLY_FLAGS: 2 } as const;
const FILTER_FLAG = { IP_SRC: 1, IP_DST: 2, PROTO_NUM: 8, SRC_PORT: 16, DST_PORT: 32 } as const;
const EMPTY = Buffer.alloc(0);

const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  'ipv6-icmp': 58,
  sctp: 132,
  udplite: 136,
};
const PROTOCOL_NAMES = new Map(Object.entries(PROTOCOLS).map(([name, number]) => [number, name]));

const STATUS: readonly (readonly [number, ConntrackStatus])[] = [
  [1 << 0, 'expected'],
  [1 << 1, 'seen-reply'],
  [1 << 2, 'assured'],
  [1 << 3, 'confirmed'],
  [1 << 4, 'snat'],
  [1 << 5, 'dnat'],
  [1 << 9, 'dying'],
  [1 << 10, 'fixed-timeout'],
  [1 << 14, 'offload'],
];

const TCP_STATES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
];

function protocolNumber(protocol: string): number {
  return PROTOCOLS[protocol] ?? Number(protocol);
}

function decodeTuple(bytes: Buffer | undefined): ConntrackTuple | undefined {
  const tuple = parseAttributes(bytes ?? EMPTY);
  const ip = parseAttributes(tuple.get(TUPLE.IP) ?? EMPTY);
  const proto = parseAttributes(tuple.get(TUPLE.PROTO) ?? EMPTY);
  const source = ip.get(IP.V4_SRC) ?? ip.get(IP.V6_SRC);
  const destination = ip.get(IP.V4_DST) ?? ip.get(IP.V6_DST);
  if (source === undefined || destination === undefined) return undefined;
  const number = proto.get(PROTO.NUM)?.[0] ?? 0;
  return {
    family: source.length === 4 ? 4 : 6,
    protocol: PROTOCOL_NAMES.get(number) ?? String(number),
    source: formatIp(ipFromBytes(source)),
    destination: formatIp(ipFromBytes(destination)),
    sourcePort: proto.get(PROTO.SRC_PORT)?.readUInt16BE(),
    destinationPort: proto.get(PROTO.DST_PORT)?.readUInt16BE(),
  };
}

function decodeTcpState(bytes: Buffer | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const state = parseAttributes(parseAttributes(bytes).get(1) ?? EMPTY).get(1)?.[0];
  return state === undefined ? undefined : TCP_STATES[state];
}

/** An entry of a message; undefined when it has no addresses (unknown families). */
export function decodeEntry(payload: Buffer): ConntrackEntry | undefined {
  const a = parseAttributes(payload.subarray(4));
  const original = decodeTuple(a.get(CTA.TUPLE_ORIG));
  const reply = decodeTuple(a.get(CTA.TUPLE_REPLY));
  if (original === undefined || reply === undefined) return undefined;
  const status = a.get(CTA.STATUS)?.readUInt32BE() ?? 0;
  return {
    id: a.get(CTA.ID)?.readUInt32BE() ?? 0,
    original,
    reply,
    status: STATUS.filter(([bit]) => (status & bit) !== 0).map(([, name]) => name),
    tcpState: decodeTcpState(a.get(CTA.PROTOINFO)),
    timeoutSeconds: a.get(CTA.TIMEOUT)?.readUInt32BE(),
    mark: a.get(CTA.MARK)?.readUInt32BE() ?? 0,
    zone: a.get(CTA.ZONE)?.readUInt16BE() ?? 0,
  };
}

function writeTuple(w: MessageWriter, type: number, tuple: Partial<ConntrackTuple>): void {
  const nest = w.nest(type);
  const { source, destination, protocol } = tuple;
  if (source !== undefined || destination !== undefined) {
    const ip = w.nest(TUPLE.IP);
    const bytes = [source, destination].map((address) => (address === undefined ? undefined : ipToBytes(address)));
    const v4 = bytes.some((b) => b?.length === 4);
    if (bytes[0] !== undefined) w.attr(v4 ? IP.V4_SRC : IP.V6_SRC, bytes[0]);
    if (bytes[1] !== undefined) w.attr(v4 ? IP.V4_DST : IP.V6_DST, bytes[1]);
    w.endNest(ip);
  }
  if (protocol !== undefined) {
    const proto = w.nest(TUPLE.PROTO);
    w.attrU8(PROTO.NUM, protocolNumber(protocol));
    if (tuple.sourcePort !== undefined) w.attrU16be(PROTO.SRC_PORT, tuple.sourcePort);
    if (tuple.destinationPort !== undefined) w.attrU16be(PROTO.DST_PORT, tuple.destinationPort);
    w.endNest(proto);
  }
  w.endNest(nest);
}

/** What identifies an entry for deletion; the id keeps a new connection with the same tuple safe. */
export function writeEntryKey(w: MessageWriter, entry: ConntrackEntry): void {
  writeTuple(w, CTA.TUPLE_ORIG, entry.original);
  if (entry.zone !== 0) w.attrU16be(CTA.ZONE, entry.zone);
  w.attrU32be(CTA.ID, entry.id);
}

/** Connections without ports (ICMP) cannot be named by a tuple here. */
export function hasPorts(entry: ConntrackEntry): boolean {
  return entry.original.sourcePort !== undefined;
}

/**
 * The part of a filter that the kernel (since 5.8) applies itself; older ones ignore it. IPv6 addresses are no part of
 * it: the kernel (seen in 6.18, ctnetlink_filter_match_tuple) takes equal ones for different and the other way round.
 */
export function writeFilter(w: MessageWriter, filter: ConntrackFilter): void {
  const { protocol, sourcePort, destinationPort, replySourcePort } = filter;
  const { source, destination, replySource }: ConntrackFilter = filter.family === 6 ? {} : filter;
  const tuple = { source, destination, protocol, sourcePort, destinationPort };
  const reply = { source: replySource, protocol, sourcePort: replySourcePort };
  const flagsOf = (t: Partial<Record<keyof ConntrackTuple, unknown>>): number =>
    (t.source === undefined ? 0 : FILTER_FLAG.IP_SRC) |
    (t.destination === undefined ? 0 : FILTER_FLAG.IP_DST) |
    (t.protocol === undefined ? 0 : FILTER_FLAG.PROTO_NUM) |
    (t.protocol === undefined || t.sourcePort === undefined ? 0 : FILTER_FLAG.SRC_PORT) |
    (t.protocol === undefined || t.destinationPort === undefined ? 0 : FILTER_FLAG.DST_PORT);
  const original = flagsOf(tuple);
  const answering = replySource === undefined && replySourcePort === undefined ? 0 : flagsOf(reply);
  if (original === 0 && answering === 0) return;
  const nest = w.nest(CTA.FILTER);
  w.attrU32(FILTER.ORIG_FLAGS, original);
  w.attrU32(FILTER.REPLY_FLAGS, answering);
  w.endNest(nest);
  if (original !== 0) writeTuple(w, CTA.TUPLE_ORIG, compact(tuple));
  if (answering !== 0) writeTuple(w, CTA.TUPLE_REPLY, compact(reply));
}

function compact(tuple: {
  readonly [K in keyof ConntrackTuple]?: ConntrackTuple[K] | undefined;
}): Partial<ConntrackTuple> {
  return Object.fromEntries(Object.entries(tuple).filter(([, value]) => value !== undefined));
}

/** The filter once more, for kernels that ignored it. */
export function matchesFilter(entry: ConntrackEntry, filter: ConntrackFilter): boolean {
  const { original, reply } = entry;
  return (
    (filter.family === undefined || original.family === filter.family) &&
    (filter.protocol === undefined || original.protocol === filter.protocol) &&
    (filter.source === undefined || original.source === filter.source) &&
    (filter.destination === undefined || original.destination === filter.destination) &&
    (filter.sourcePort === undefined || original.sourcePort === filter.sourcePort) &&
    (filter.destinationPort === undefined || original.destinationPort === filter.destinationPort) &&
    (filter.replySource === undefined || reply.source === filter.replySource) &&
    (filter.replySourcePort === undefined || reply.sourcePort === filter.replySourcePort)
  );
}
