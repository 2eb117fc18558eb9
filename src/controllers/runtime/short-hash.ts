// Short hashes for object names. Their alphabet has no vowels and no look-alikes, so no words arise.

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** FNV-1a, 32 bits, of the text's UTF-8. */
function fnv32a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** Up to ten characters that are fit for a name or a label value. */
export function shortHash(text: string): string {
  return Array.from(String(fnv32a(text)), (c) => ALPHABET.charAt(c.charCodeAt(0) % ALPHABET.length)).join('');
}
