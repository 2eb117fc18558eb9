// Which address of a service CIDR to hand out. As Kubernetes does (KEP-3070): the bottom of the range is left to those
// who ask for an address by name, and is used for others only when the rest is full.
import { randomInt } from 'node:crypto';
import {
  cidrContains,
  cidrSize,
  formatCidr,
  formatIp,
  nthAddress,
  parseIp,
  toCidr,
  type Cidr,
} from '../../ip/index.ts';

/** Offsets beyond this are not handed out: as many as a bitmap of Kubernetes covers for IPv6. */
const MAX_IPV6_ADDRESSES = 65_536;
/** Random tries before the range is searched one by one. */
const RANDOM_TRIES = 16;

/** Size of the band at the bottom that only explicit requests use, for a range of `size` addresses. */
export function staticBandSize(size: number): number {
  return size <= 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 16)), 256);
}

export type IsTaken = (address: string) => Promise<boolean>;

export class AddressPool {
  readonly cidr: Cidr;
  /** How many addresses may be handed out: not the network's own, nor IPv4's broadcast. */
  readonly size: number;

  constructor(cidr: string) {
    this.cidr = toCidr(cidr);
    const all = cidrSize(this.cidr);
    this.size = this.cidr.family === 4 ? Number(all) - 2 : Math.min(Number(all), MAX_IPV6_ADDRESSES) - 1;
    if (this.size < 1) throw new Error(`service CIDR ${cidr} has no room for addresses: use a shorter prefix`);
  }

  get text(): string {
    return formatCidr(this.cidr);
  }

  get family(): 'IPv4' | 'IPv6' {
    return this.cidr.family === 4 ? 'IPv4' : 'IPv6';
  }

  /** Is it one that this pool may hand out? */
  contains(address: string): boolean {
    const ip = parseIp(address);
    if (ip === undefined || !cidrContains(this.cidr, ip)) return false;
    const text = formatIp(ip);
    if (text === formatIp(nthAddress(this.cidr, 0))) return false;
    return this.cidr.family === 6 || text !== formatIp(nthAddress(this.cidr, this.size + 1));
  }

  /** The n-th address, from 0. */
  at(n: number): string {
    return formatIp(nthAddress(this.cidr, n + 1));
  }

  /** A free address, or undefined when there is none. */
  async pick(isTaken: IsTaken): Promise<string | undefined> {
    const band = staticBandSize(this.size);
    return (await this.#pickBetween(band, this.size, isTaken)) ?? (await this.#pickBetween(0, band, isTaken));
  }

  async #pickBetween(from: number, to: number, isTaken: IsTaken): Promise<string | undefined> {
    if (from >= to) return undefined;
    for (let i = 0; i < RANDOM_TRIES; i++) {
      const address = this.at(randomInt(from, to));
      if (!(await isTaken(address))) return address;
    }
    // Nearly full: go round once from a random place.
    const start = randomInt(from, to);
    for (let i = 0; i < to - from; i++) {
      const address = this.at(from + ((start - from + i) % (to - from)));
      if (!(await isTaken(address))) return address;
    }
    return undefined;
  }
}

/** 30000–30085 of the usual range are left to explicit requests (KEP-3668). */
export function staticPortBand(size: number): number {
  return size <= 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128);
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export async function pickPort(
  range: PortRange,
  isTaken: (port: number) => Promise<boolean>,
): Promise<number | undefined> {
  const size = range.last - range.first + 1;
  const band = staticPortBand(size);
  for (const [from, to] of [
    [range.first + band, range.last],
    [range.first, range.first + band - 1],
  ] as const) {
    const count = to - from + 1;
    if (count <= 0) continue;
    for (let i = 0; i < RANDOM_TRIES; i++) {
      const port = randomInt(from, to + 1);
      if (!(await isTaken(port))) return port;
    }
    const start = randomInt(0, count);
    for (let i = 0; i < count; i++) {
      const port = from + ((start + i) % count);
      if (!(await isTaken(port))) return port;
    }
  }
  return undefined;
}
