// Hands out equal parts of a CIDR, the lowest free one first: pure.
import { addressBits, cidrContains, formatCidr, nthSubnet, parseCidr, subnetCount } from '../../ip/index.ts';
import type { Cidr } from '../../ip/index.ts';

export class CidrAllocator {
  readonly cidr: Cidr;
  readonly maskSize: number;
  #used = new Set<bigint>();
  #count: bigint;

  constructor(cidr: string, maskSize: number) {
    const parsed = parseCidr(cidr);
    if (parsed === undefined) throw new Error(`cluster CIDR "${cidr}" is no CIDR; write it like 10.244.0.0/16`);
    if (maskSize < parsed.prefix || maskSize - parsed.prefix > 16) {
      throw new Error(`cluster CIDR ${cidr}: a node's part cannot be a /${maskSize}; it must be 0 to 16 bits longer`);
    }
    this.cidr = parsed;
    this.maskSize = maskSize;
    this.#count = subnetCount(parsed, maskSize);
  }

  /** Marks a part as taken; false if it lies outside. A part of another size takes all that it touches. */
  occupy(text: string): boolean {
    const range = this.#range(text);
    if (range === undefined) return false;
    for (let i = range.first; i <= range.last; i++) this.#used.add(i);
    return true;
  }

  release(text: string): void {
    const range = this.#range(text);
    if (range === undefined) return;
    for (let i = range.first; i <= range.last; i++) this.#used.delete(i);
  }

  /** The next free part, taken; undefined when all are taken. */
  allocate(): string | undefined {
    if (BigInt(this.#used.size) >= this.#count) return undefined;
    for (let i = 0n; i < this.#count; i++) {
      if (this.#used.has(i)) continue;
      this.#used.add(i);
      return formatCidr(nthSubnet(this.cidr, this.maskSize, i));
    }
    return undefined;
  }

  #range(text: string): { first: bigint; last: bigint } | undefined {
    const part = parseCidr(text);
    if (part === undefined || !cidrContains(this.cidr, part)) return undefined;
    const bits = addressBits(part.family);
    const shift = BigInt(bits - this.maskSize);
    const start = part.network - this.cidr.network;
    const last = start + (1n << BigInt(bits - part.prefix)) - 1n;
    return { first: start >> shift, last: last >> shift };
  }
}
