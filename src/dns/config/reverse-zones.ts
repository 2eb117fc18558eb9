// A network as the reverse zones that hold exactly its addresses.
import { isIP } from 'node:net';
import { joinLabels, packAddress, parseName } from '../../dnswire/index.ts';
import type { WireName } from '../../dnswire/index.ts';

/**
 * Undefined when the text is no network. A prefix that does not end on a label gives the zones one label further down.
 * @example reverseZonesOf('10.0.0.0/15') // 0.10.in-addr.arpa and 1.10.in-addr.arpa
 */
export function reverseZonesOf(cidr: string): WireName[] | undefined {
  const [address = '', prefixText = ''] = cidr.split('/');
  const packed = isIP(address) === 0 ? undefined : packAddress(address);
  if (packed === undefined || !/^\d+$/.test(prefixText)) return undefined;
  const prefix = Number(prefixText);
  if (prefix > packed.length * 8) return undefined;
  const [base, bits] = packed.length === 4 ? [parseName('in-addr.arpa'), 8] : [parseName('ip6.arpa'), 4];
  const digits = Array.from(packed, (c) => c.charCodeAt(0)).flatMap((byte) =>
    bits === 8 ? [byte] : [byte >> 4, byte & 15],
  );
  const radix = bits === 8 ? 10 : 16;
  const whole = Math.floor(prefix / bits);
  const left = prefix % bits;
  const zone = (parts: number[]) =>
    joinLabels(
      parts.toReversed().map((d) => d.toString(radix)),
      base,
    );
  if (left === 0) return [zone(digits.slice(0, whole))];
  const count = 2 ** (bits - left);
  const first = (digits[whole] ?? 0) & ~(count - 1);
  return Array.from({ length: count }, (_, i) => zone([...digits.slice(0, whole), first + i]));
}
