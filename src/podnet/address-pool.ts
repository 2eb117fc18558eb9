// Which pod address comes next. Pure; what is in use is the caller's to remember.
import { addressOffset, cidrContains, cidrSize, formatIp, nthAddress, toCidr } from '../ip/index.ts';

/**
 * The next free address of the node's CIDR after `last`, round and round: an address that was just given back is the
 * last to be given out again, so that stale entries for it elsewhere (connection tracking, caches of clients) have
 * time to fade. The network address is the node's own on the overlay, the last one IPv4's broadcast.
 */
export function nextAddress(podCidr: string, used: ReadonlySet<string>, last?: string): string | undefined {
  const cidr = toCidr(podCidr);
  const usable = cidrSize(cidr) - 2n;
  if (usable <= 0n) return undefined;
  const start = last !== undefined && cidrContains(cidr, last) ? addressOffset(cidr, last) : 0n;
  const tries = BigInt(used.size) + 1n;
  for (let i = 0n; i < usable && i < tries + 2n; i++) {
    const ip = formatIp(nthAddress(cidr, ((start + i) % usable) + 1n));
    if (!used.has(ip)) return ip;
  }
  return undefined;
}
