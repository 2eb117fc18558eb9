// Networks in configurations: `10.0.0.0/8`, `fd00::/8`, an address alone, or `*` for everybody.
import { packAddress } from '../dnswire/index.ts';

/** Address bytes (one a character) and the length of the prefix in bits; undefined for what is no network. */
export function parseNetwork(text: string): { bytes: string; bits: number } | undefined {
  const [base = '', length, more] = text.split('/');
  const bytes = packAddress(base);
  if (bytes === undefined || more !== undefined) return undefined;
  const bits = length === undefined ? bytes.length * 8 : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  return bits <= bytes.length * 8 ? { bytes, bits } : undefined;
}

/** False for an address of the other family. IPv4 addresses mapped into IPv6 are IPv4. */
export function networkContains(network: string, address: string): boolean {
  if (network === '*') return true;
  const parsed = parseNetwork(network);
  const bytes = packAddress(address.replace(/^::ffff:(?=\d+\.)/, ''));
  if (parsed === undefined || bytes?.length !== parsed.bytes.length) return false;
  for (let bit = 0; bit < parsed.bits; bit += 8) {
    const mask = parsed.bits - bit >= 8 ? 255 : (0xff00 >> (parsed.bits - bit)) & 255;
    const at = bit >> 3;
    if ((parsed.bytes.charCodeAt(at) & mask) !== (bytes.charCodeAt(at) & mask)) return false;
  }
  return true;
}
