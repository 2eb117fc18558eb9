// IP addresses as values: parse, canonical text (RFC 5952), bytes. IPv4 and IPv6 share one shape, so that callers
// compare and count without asking for the family first. Never touches the network.

/** An address: `value` is the number on the wire (32 bits for family 4, 128 bits for family 6). */
export interface Ip {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface ParseIpOptions {
  /**
   * Accept what old Kubernetes objects may hold (Go's pre-1.17 parser): leading zeros in IPv4 octets are decimal, and
   * an IPv4-mapped IPv6 address is the IPv4 address.
   * @default {false}
   */
  readonly lenient?: boolean;
}

/** Everything that takes an address also takes its text; malformed text then throws `InvalidIpError`. */
export type IpLike = Ip | string;

/** Text that is not an address or a prefix, where only a valid one makes sense. */
export class InvalidIpError extends RangeError {
  override readonly name = 'InvalidIpError';
}

/** 4 → 32, 6 → 128. */
export function addressBits(family: 4 | 6): 32 | 128 {
  return family === 4 ? 32 : 128;
}

function parseOctets(text: string, lenient: boolean): number | undefined {
  let value = 0;
  let octets = 0;
  let digits = 0;
  let octet = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 0x2e;
    if (code === 0x2e) {
      if (digits === 0 || octet > 255 || ++octets > 4) return undefined;
      value = value * 256 + octet;
      digits = 0;
      octet = 0;
      continue;
    }
    if (code < 0x30 || code > 0x39) return undefined;
    // A leading zero is octal to some programs and decimal to others: refused unless asked for.
    if (digits > 0 && octet === 0 && !lenient) return undefined;
    if (++digits > 3 && !lenient) return undefined;
    octet = octet * 10 + (code - 0x30);
    if (octet > 255) return undefined;
  }
  return octets === 4 ? value : undefined;
}

const HEX_GROUP = /^[0-9a-fA-F]{1,4}$/;

function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  for (const part of text.split(':')) {
    if (!HEX_GROUP.test(part)) return undefined;
    groups.push(Number.parseInt(part, 16));
  }
  return groups;
}

function parseIpv6(text: string, lenient: boolean): bigint | undefined {
  let body = text;
  if (text.includes('.')) {
    // The last 32 bits may be written as IPv4 (RFC 4291 2.2.3).
    const cut = text.lastIndexOf(':') + 1;
    const tail = parseOctets(text.slice(cut), lenient);
    if (tail === undefined) return undefined;
    body = `${text.slice(0, cut)}${(tail >>> 16).toString(16)}:${(tail % 0x10000).toString(16)}`;
  }
  const gap = body.indexOf('::');
  const head = parseGroups(gap < 0 ? body : body.slice(0, gap));
  const tail = gap < 0 ? [] : parseGroups(body.slice(gap + 2));
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  // "::" stands for at least one group.
  if (gap < 0 ? missing !== 0 : missing < 1) return undefined;
  let value = 0n;
  for (const group of head) value = (value << 16n) | BigInt(group);
  value <<= BigInt(16 * missing);
  for (const group of tail) value = (value << 16n) | BigInt(group);
  return value;
}

/** The address a text means, or undefined. Zones (`fe80::1%eth0`) are not addresses. */
export function parseIp(text: string, options: ParseIpOptions = {}): Ip | undefined {
  const lenient = options.lenient ?? false;
  if (!text.includes(':')) {
    const value = parseOctets(text, lenient);
    return value === undefined ? undefined : { family: 4, value: BigInt(value) };
  }
  const value = parseIpv6(text, lenient);
  if (value === undefined) return undefined;
  return lenient && value >> 32n === 0xffffn ? { family: 4, value: value & 0xffffffffn } : { family: 6, value };
}

/** The address, or `InvalidIpError`. */
export function toIp(ip: IpLike): Ip {
  if (typeof ip !== 'string') return ip;
  const parsed = parseIp(ip);
  if (parsed === undefined) throw new InvalidIpError(`"${ip}" is not an IP address`);
  return parsed;
}

function formatOctets(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** Start and length of the run of zero groups that `::` replaces: the longest, the first of equals, at least two. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 1 };
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - i > best.length) best = { start: i, length: end - i };
    if (end > i) i = end;
  }
  return best;
}

/** Canonical text: RFC 5952 for IPv6 (IPv4-mapped addresses in mixed notation). */
export function formatIp(ip: IpLike): string {
  const { family, value } = toIp(ip);
  if (family === 4) return formatOctets(Number(value));
  if (value >> 32n === 0xffffn) return `::ffff:${formatOctets(Number(value & 0xffffffffn))}`;
  const groups: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((value >> shift) & 0xffffn));
  const hex = (part: readonly number[]) => part.map((g) => g.toString(16)).join(':');
  const run = longestZeroRun(groups);
  if (run.start < 0) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

const CANONICAL_IPV4 = /^(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/;

/** The one spelling of an address, or undefined when the text is not one. */
export function canonicalIp(text: string, options: ParseIpOptions = {}): string | undefined {
  // Nearly always it is that spelling already; whoever keeps it then shares the text.
  if (CANONICAL_IPV4.test(text)) return text;
  const ip = parseIp(text, options);
  return ip === undefined ? undefined : formatIp(ip);
}

export function isIpv4(ip: IpLike): boolean {
  return (typeof ip === 'string' ? parseIp(ip) : ip)?.family === 4;
}

export function isIpv6(ip: IpLike): boolean {
  return (typeof ip === 'string' ? parseIp(ip) : ip)?.family === 6;
}

/** The Kubernetes word for the family. */
export function ipFamily(ip: IpLike): 'IPv4' | 'IPv6' {
  return toIp(ip).family === 4 ? 'IPv4' : 'IPv6';
}

/** -1, 0 or 1: IPv4 before IPv6, then by number. */
export function compareIps(a: IpLike, b: IpLike): number {
  const [x, y] = [toIp(a), toIp(b)];
  if (x.family !== y.family) return x.family - y.family < 0 ? -1 : 1;
  return x.value < y.value ? -1 : x.value > y.value ? 1 : 0;
}

/** Network byte order, 4 or 16 bytes. */
export function ipToBytes(ip: IpLike): Uint8Array {
  const { family, value } = toIp(ip);
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  const view = new DataView(bytes.buffer);
  if (family === 4) {
    view.setUint32(0, Number(value));
  } else {
    view.setBigUint64(0, value >> 64n);
    view.setBigUint64(8, value & 0xffffffffffffffffn);
  }
  return bytes;
}

/** The address in 4 or 16 bytes of network byte order. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 4) return { family: 4, value: BigInt(view.getUint32(0)) };
  if (bytes.length === 16) return { family: 6, value: (view.getBigUint64(0) << 64n) | view.getBigUint64(8) };
  throw new InvalidIpError(`an IP address has 4 or 16 bytes, not ${bytes.length}`);
}

/** `10.0.0.1:80`, `[fd00::1]:80`; a host that is a name stays as it is. */
export function joinHostPort(host: IpLike, port: number | string): string {
  const text = typeof host === 'string' ? host : formatIp(host);
  return text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`;
}

/** The parts of `host:port` or `[v6]:port`, or undefined when there is no port of 0…65535. */
export function splitHostPort(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || !(port <= 65535) ? undefined : { host, port };
}
