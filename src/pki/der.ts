// A writer and a reader for the part of DER (ITU-T X.690) that certificates and signing requests use. Pure. Own code
// because the certificate library takes 100 ms to load, which every `portico up` would pay.

export type Bytes = Uint8Array;

/** Tag numbers as they stand on the wire (class and constructed bit included). */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** One value of any tag: tag, shortest length, content. */
export function value(tag: number, ...content: readonly Bytes[]): Buffer {
  const size = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from([tag, ...length(size)]), ...content]);
}

function length(size: number): number[] {
  if (size < 0x80) return [size];
  const bytes: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

export const sequence = (...content: readonly Bytes[]): Buffer => value(TAG.sequence, ...content);
export const set = (...content: readonly Bytes[]): Buffer => value(TAG.set, ...content);
export const octetString = (content: Bytes): Buffer => value(TAG.octetString, content);
export const utf8String = (text: string): Buffer => value(TAG.utf8String, Buffer.from(text, 'utf8'));
export const boolean = (flag: boolean): Buffer => value(TAG.boolean, Buffer.from([flag ? 0xff : 0x00]));
/** `[n]` around or instead of a value; `constructed` for an explicit tag. */
export const context = (n: number, constructed: boolean, ...content: readonly Bytes[]): Buffer =>
  value((constructed ? 0xa0 : 0x80) | n, ...content);

/** A non-negative integer given as big-endian bytes. */
export function integer(bytes: Bytes): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const body = bytes.subarray(start);
  // A set top bit would read as a negative number.
  return (body[0] ?? 0) & 0x80 ? value(TAG.integer, Buffer.from([0]), body) : value(TAG.integer, body);
}

/** @example oid('2.5.29.17') */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return value(TAG.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(n: number): number[] {
  const bytes = [n & 0x7f];
  for (let rest = n >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

export function bitString(content: Bytes, unusedBits = 0): Buffer {
  return value(TAG.bitString, Buffer.from([unusedBits]), content);
}

/** A named-bit list: DER drops trailing zero bits (X.690 11.2.2). Bit 0 is the most significant one. */
export function namedBits(bits: readonly number[]): Buffer {
  if (bits.length === 0) return bitString(Buffer.alloc(0));
  const highest = Math.max(...bits);
  const bytes = Buffer.alloc((highest >> 3) + 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return bitString(bytes, 7 - (highest & 7));
}

/** UTCTime up to 2049, GeneralizedTime after (RFC 5280 4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\..*$/g, '');
  return date.getUTCFullYear() < 2050
    ? value(TAG.utcTime, Buffer.from(`${digits.slice(2)}Z`, 'ascii'))
    : value(TAG.generalizedTime, Buffer.from(`${digits}Z`, 'ascii'));
}

/** A value read from DER: its tag, its content, and all its bytes. */
export interface Element {
  readonly tag: number;
  readonly content: Bytes;
  readonly bytes: Bytes;
}

/** Reads the one value that `bytes` consists of; throws RangeError when it is cut short or something follows. */
export function readOne(bytes: Bytes): Element {
  const [element, ...more] = readAll(bytes);
  if (element === undefined || more.length > 0) throw new RangeError('DER: expected exactly one value');
  return element;
}

/** Reads the values that stand one after the other in `bytes`. */
export function readAll(bytes: Bytes): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at] ?? 0;
    let size = bytes[at + 1];
    let header = 2;
    if (size === undefined) throw new RangeError('DER: the value ends after its tag');
    if (size & 0x80) {
      const count = size & 0x7f;
      if (count === 0 || count > 4) throw new RangeError(`DER: unsupported length of ${count} bytes`);
      size = bytes.subarray(at + 2, at + 2 + count).reduce((sum, byte) => sum * 256 + byte, 0);
      header += count;
    }
    const end = at + header + size;
    if (end > bytes.length) throw new RangeError('DER: the value is cut short');
    elements.push({ tag, content: bytes.subarray(at + header, end), bytes: bytes.subarray(at, end) });
    at = end;
  }
  return elements;
}

/** Dotted text of an OBJECT IDENTIFIER's content. */
export function formatOid(content: Bytes): string {
  const first = content[0] ?? 0;
  const arcs = [Math.min(2, Math.floor(first / 40))];
  arcs.push(first - (arcs[0] ?? 0) * 40);
  let arc = 0;
  for (const byte of content.subarray(1)) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  return arcs.join('.');
}
