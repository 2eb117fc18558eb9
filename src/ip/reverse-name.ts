// Names of addresses in the DNS reverse trees: in-addr.arpa (RFC 1035 3.5) and ip6.arpa (RFC 3596 2.5).

import type { Ip, IpLike } from './address.ts';
import { ipFromBytes, ipToBytes, parseIp, toIp } from './address.ts';

/** `1.0.0.10.in-addr.arpa.` or 32 nibbles under `ip6.arpa.`; with the final dot. */
export function reverseName(ip: IpLike): string {
  const parsed = toIp(ip);
  const bytes = [...ipToBytes(parsed)].reverse();
  if (parsed.family === 4) return `${bytes.join('.')}.in-addr.arpa.`;
  return `${bytes.map((b) => `${(b & 15).toString(16)}.${(b >> 4).toString(16)}`).join('.')}.ip6.arpa.`;
}

/** The address a full reverse name stands for (any case, final dot optional); undefined for partial names and others. */
export function ipOfReverseName(name: string): Ip | undefined {
  const lower = name.toLowerCase().replace(/\.$/, '');
  if (lower.endsWith('.in-addr.arpa')) {
    return parseIp(lower.slice(0, -'.in-addr.arpa'.length).split('.').reverse().join('.'));
  }
  if (!lower.endsWith('.ip6.arpa')) return undefined;
  const nibbles = lower.slice(0, -'.ip6.arpa'.length).split('.').reverse();
  if (nibbles.length !== 32 || !nibbles.every((n) => /^[0-9a-f]$/.test(n))) return undefined;
  return ipFromBytes(Buffer.from(nibbles.join(''), 'hex'));
}
