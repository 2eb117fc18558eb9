// Prefixes (CIDR): parse, contain, overlap, count, n-th address. All arithmetic is on bigint, so a /64 is no special
// case. `address` keeps the host bits as written; `network` is the first address of the prefix.

import type { Ip, IpLike } from './address.ts';
import { InvalidIpError, addressBits, formatIp, parseIp, toIp } from './address.ts';

export interface Cidr {
  readonly family: 4 | 6;
  /** First address of the prefix, as a number. */
  readonly network: bigint;
  /** Length of the prefix in bits. */
  readonly prefix: number;
  /** The address as it was written, host bits included. */
  readonly address: bigint;
}

export type CidrLike = Cidr | string;

/** Number of addresses; a /64 has 2^64. */
export function cidrSize(cidr: CidrLike): bigint {
  const { family, prefix } = toCidr(cidr);
  return 1n << BigInt(addressBits(family) - prefix);
}

/** The prefix of `length` bits that holds the address. */
export function cidrOf(ip: IpLike, length: number): Cidr {
  const { family, value } = toIp(ip);
  const bits = addressBits(family);
  if (!Number.isInteger(length) || length < 0 || length > bits) {
    throw new InvalidIpError(`a prefix of IPv${family} has 0 to ${bits} bits, not ${length}`);
  }
  const host = BigInt(bits - length);
  return { family, network: (value >> host) << host, prefix: length, address: value };
}

/** The prefix a text means, or undefined; `10.0.0.7/24` is accepted and keeps its address. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const ip = parseIp(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (ip === undefined || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  return Number(length) > addressBits(ip.family) ? undefined : cidrOf(ip, Number(length));
}

/** The prefix, or `InvalidIpError`. */
export function toCidr(cidr: CidrLike): Cidr {
  if (typeof cidr !== 'string') return cidr;
  const parsed = parseCidr(cidr);
  if (parsed === undefined) throw new InvalidIpError(`"${cidr}" is not a prefix such as 10.0.0.0/24 or fd00::/64`);
  return parsed;
}

/** Canonical text with the host bits cleared. */
export function formatCidr(cidr: CidrLike): string {
  const { family, network, prefix } = toCidr(cidr);
  return `${formatIp({ family, value: network })}/${prefix}`;
}

/** Whether an address, or a whole other prefix, lies inside. Different families never do. */
export function cidrContains(cidr: CidrLike, inner: Ip | Cidr | string): boolean {
  const outer = toCidr(cidr);
  const part = typeof inner !== 'string' ? inner : inner.includes('/') ? toCidr(inner) : toIp(inner);
  if (part.family !== outer.family) return false;
  const host = BigInt(addressBits(outer.family) - outer.prefix);
  if ('prefix' in part) return part.prefix >= outer.prefix && part.network >> host === outer.network >> host;
  return part.value >> host === outer.network >> host;
}

export function cidrsOverlap(a: CidrLike, b: CidrLike): boolean {
  const [x, y] = [toCidr(a), toCidr(b)];
  return x.prefix <= y.prefix ? cidrContains(x, y) : cidrContains(y, x);
}

/** The n-th address, 0 = the network address; a negative n counts from the end (-1 = the last address). */
export function nthAddress(cidr: CidrLike, n: number | bigint): Ip {
  const { family, network, prefix } = toCidr(cidr);
  const size = 1n << BigInt(addressBits(family) - prefix);
  const offset = BigInt(n) < 0n ? size + BigInt(n) : BigInt(n);
  if (offset < 0n || offset >= size) {
    throw new InvalidIpError(`${formatCidr(cidr)} has ${size} addresses, so there is no address ${n} in it`);
  }
  return { family, value: network + offset };
}

/** Where the address stands in the prefix (0 = the network address); the address must lie inside. */
export function addressOffset(cidr: CidrLike, ip: IpLike): bigint {
  const outer = toCidr(cidr);
  const inner = toIp(ip);
  if (!cidrContains(outer, inner)) throw new InvalidIpError(`${formatIp(inner)} is not in ${formatCidr(outer)}`);
  return inner.value - outer.network;
}

/** Every address of the prefix in order; lazy, so a /64 may be walked as far as one likes. */
export function* cidrAddresses(cidr: CidrLike): Generator<Ip, void, undefined> {
  const { family, network } = toCidr(cidr);
  const end = network + cidrSize(cidr);
  for (let value = network; value < end; value++) yield { family, value };
}

/** The n-th prefix of `length` bits inside: subnet 2 of 10.244.0.0/16 with 24 bits is 10.244.2.0/24. */
export function nthSubnet(cidr: CidrLike, length: number, n: number | bigint): Cidr {
  const { family, network, prefix } = toCidr(cidr);
  const count = subnetCount(cidr, length);
  if (BigInt(n) < 0n || BigInt(n) >= count) {
    throw new InvalidIpError(
      `${formatIp({ family, value: network })}/${prefix} has ${count} subnets of ${length} bits`,
    );
  }
  return cidrOf({ family, value: network + (BigInt(n) << BigInt(addressBits(family) - length)) }, length);
}

/** How many prefixes of `length` bits the prefix holds. */
export function subnetCount(cidr: CidrLike, length: number): bigint {
  const { family, prefix } = toCidr(cidr);
  if (!Number.isInteger(length) || length < prefix || length > addressBits(family)) {
    throw new InvalidIpError(
      `a subnet of a /${prefix} of IPv${family} has ${prefix} to ${addressBits(family)} bits, not ${length}`,
    );
  }
  return 1n << BigInt(length - prefix);
}

/** IPv4 only: the directed broadcast address, which is never a usable host address in prefixes up to /30. */
export function broadcastAddress(cidr: CidrLike): Ip | undefined {
  const { family, prefix } = toCidr(cidr);
  return family === 4 && prefix <= 30 ? nthAddress(cidr, -1) : undefined;
}
