// The value types of nftables: number and size in the kernel's and nft's books, bytes, and canonical text. Pure.

import { formatIp, ipFromBytes, ipToBytes, parseCidr, parseIp } from '../../ip/index.ts';
import type { Scalar } from './contract.ts';

export interface DataType {
  /** nft's number of the type, stored with a set so that `nft list` can print it. 0: not usable in sets. */
  readonly id: number;
  readonly bytes: number;
  readonly order: 'big' | 'host';
  /** Writes the value at `offset`. */
  encode(value: Scalar, into: Buffer, offset: number): void;
  /** Canonical text of the value at `offset`. @default {0} */
  format(bytes: Buffer, offset?: number): string;
}

/** A value that its type does not have. */
export class NftValueError extends RangeError {
  override readonly name = 'NftValueError';
}

/** A number of decimal digits alone; -1: something else. Lists hold so many that a pattern would cost too much. */
function decimal(text: string): number {
  const { length } = text;
  if (length === 0 || length > 9) return -1;
  let number = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

function toNumber(value: Scalar, max: number, what: string): number {
  const quick = typeof value === 'string' ? decimal(value) : -1;
  if (quick >= 0 && quick <= max) return quick;
  const number = typeof value === 'number' ? value : /^(0x[0-9a-f]+|\d+)$/i.test(value) ? Number(value) : NaN;
  if (!Number.isInteger(number) || number < 0 || number > max) throw new NftValueError(`${value} is not ${what}`);
  return number;
}

/** Four octets without the detour over bigint: element lists hold hundreds of thousands of them. */
function encodeIpv4(text: string, into: Buffer, offset: number): boolean {
  let octet = 0;
  let digits = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (digits === 0 || octet > 255 || at === 3) return false;
      into[offset + at++] = octet;
      octet = 0;
      digits = 0;
    } else {
      if (code < 0x30 || code > 0x39 || digits === 3) return false;
      octet = octet * 10 + code - 0x30;
      digits++;
    }
  }
  if (at !== 3 || digits === 0 || octet > 255) return false;
  into[offset + 3] = octet;
  return true;
}

const PROTOCOLS = new Map<string, number>([
  ['icmp', 1],
  ['tcp', 6],
  ['udp', 17],
  ['dccp', 33],
  ['ipv6-icmp', 58],
  ['sctp', 132],
]);
const PROTOCOL_NAMES = new Map([...PROTOCOLS].map(([name, number]) => [number, name]));

export function hex32(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}`;
}

const INTERFACE_NAME = 16;

const ipv4: DataType = {
  id: 7,
  bytes: 4,
  order: 'big',
  encode: (value, into, offset) => {
    if (typeof value !== 'string' || !encodeIpv4(value, into, offset)) {
      throw new NftValueError(`${value} is not an IPv4 address`);
    }
  },
  format: (bytes, at = 0) => `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`,
};

const ipv6: DataType = {
  id: 8,
  bytes: 16,
  order: 'big',
  encode: (value, into, offset) => {
    const ip = typeof value === 'string' ? parseIp(value) : undefined;
    if (ip?.family !== 6) throw new NftValueError(`${value} is not an IPv6 address`);
    into.set(ipToBytes(ip), offset);
  },
  format: (bytes, at = 0) => formatIp(ipFromBytes(bytes.subarray(at, at + 16))),
};

const port: DataType = {
  id: 13,
  bytes: 2,
  order: 'big',
  encode: (value, into, offset) => void into.writeUInt16BE(toNumber(value, 65535, 'a port'), offset),
  format: (bytes, at = 0) => String(bytes.readUInt16BE(at)),
};

const protocol: DataType = {
  id: 12,
  bytes: 1,
  order: 'host',
  encode: (value, into, offset) => {
    const known = typeof value === 'string' ? PROTOCOLS.get(value) : undefined;
    into[offset] = known ?? PROTOCOLS.get(String(value).toLowerCase()) ?? toNumber(value, 255, 'an IP protocol');
  },
  format: (bytes, at = 0) => PROTOCOL_NAMES.get(bytes[at] ?? 0) ?? String(bytes[at]),
};

function number32(id: number, format: (value: number) => string): DataType {
  return {
    id,
    bytes: 4,
    order: 'host',
    encode: (value, into, offset) => void into.writeUInt32LE(toNumber(value, 0xffffffff, 'a 32-bit number'), offset),
    format: (bytes, at = 0) => format(bytes.readUInt32LE(at)),
  };
}

/** Flags that nft names; a rule tests whether any of those given is set. */
function flags(names: Readonly<Record<string, number>>): DataType {
  const plain = number32(0, String);
  return {
    ...plain,
    encode: (value, into, offset) => {
      const bit = names[String(value)];
      if (bit === undefined) throw new NftValueError(`${value} is none of ${Object.keys(names).join(', ')}`);
      into.writeUInt32LE(bit, offset);
    },
  };
}

function oneOf(bytes: number, names: Readonly<Record<string, number>>): DataType {
  return {
    id: 0,
    bytes,
    order: 'host',
    encode: (value, into, offset) => {
      const number = names[String(value)];
      if (number === undefined) throw new NftValueError(`${value} is none of ${Object.keys(names).join(', ')}`);
      into.writeUIntLE(number, offset, bytes);
    },
    format: (value, at = 0) => String(value.readUIntLE(at, bytes)),
  };
}

const ifname: DataType = {
  id: 41,
  bytes: INTERFACE_NAME,
  order: 'host',
  encode: (value, into, offset) => {
    const text = String(value);
    if (text.length === 0 || Buffer.byteLength(text) >= INTERFACE_NAME) {
      throw new NftValueError(`"${text}" is not the name of a network device`);
    }
    into.fill(0, offset, offset + INTERFACE_NAME);
    into.write(text, offset, 'latin1');
  },
  format: (bytes, at = 0) => bytes.toString('latin1', at, at + INTERFACE_NAME).replace(/\0.*$/s, ''),
};

const ether: DataType = {
  id: 9,
  bytes: 6,
  order: 'big',
  encode: (value, into, offset) => {
    if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(String(value)))
      throw new NftValueError(`${value} is not a MAC address`);
    into.write(String(value).replaceAll(':', ''), offset, 'hex');
  },
  format: (bytes, at = 0) => Array.from(bytes.subarray(at, at + 6), (b) => b.toString(16).padStart(2, '0')).join(':'),
};

export const DATA_TYPES = {
  ipv4_addr: ipv4,
  ipv6_addr: ipv6,
  ether_addr: ether,
  inet_proto: protocol,
  inet_service: port,
  mark: number32(19, hex32),
  ifname,
  /** Numbers without a name of their own, such as numgen's. */
  integer: number32(4, String),
  ifindex: number32(0, String),
  ct_state: flags({ invalid: 1, established: 2, related: 4, new: 8, untracked: 64 }),
  ct_status: flags({ expected: 1, 'seen-reply': 2, assured: 4, confirmed: 8, snat: 16, dnat: 32, dying: 512 }),
  ct_direction: oneOf(1, { original: 0, reply: 1 }),
  nf_proto: oneOf(1, { ipv4: 2, ipv6: 10 }),
  fib_addrtype: oneOf(4, {
    unicast: 1,
    local: 2,
    broadcast: 3,
    anycast: 4,
    multicast: 5,
    blackhole: 6,
    unreachable: 7,
    prohibit: 8,
  }),
  boolean: oneOf(1, { 0: 0, 1: 1 }),
} satisfies Record<string, DataType>;

/** First and last bytes of a field that may be a prefix or a range. */
export function encodeInterval(
  type: DataType,
  value: Scalar | { readonly from: Scalar; readonly to: Scalar },
): { first: Buffer; last: Buffer; single: boolean } {
  const first = Buffer.alloc(type.bytes);
  const last = Buffer.alloc(type.bytes);
  if (typeof value === 'object') {
    type.encode(value.from, first, 0);
    type.encode(value.to, last, 0);
    if (Buffer.compare(first, last) > 0) throw new NftValueError(`the range ${value.from}-${value.to} runs backwards`);
    return { first, last, single: false };
  }
  const isAddress = type === ipv4 || type === ipv6;
  if (typeof value === 'string' && isAddress && value.includes('/')) {
    const cidr = parseCidr(value);
    if (cidr === undefined || (cidr.family === 4) !== (type === ipv4))
      throw new NftValueError(`${value} is not a prefix here`);
    const bits = BigInt(type.bytes * 8 - cidr.prefix);
    first.set(ipToBytes({ family: cidr.family, value: cidr.network }));
    last.set(ipToBytes({ family: cidr.family, value: cidr.network | ((1n << bits) - 1n) }));
    return { first, last, single: bits === 0n };
  }
  if (typeof value === 'string' && value.includes('-') && type !== ifname) {
    const [from = '', to = ''] = value.split('-');
    return encodeInterval(type, { from, to });
  }
  type.encode(value, first, 0);
  first.copy(last);
  return { first, last, single: true };
}
