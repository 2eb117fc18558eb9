// Netlink framing: messages and attributes to and from bytes (include/uapi/linux/netlink.h). Pure. Numbers are in host
// order, which is little-endian on every machine Node runs on; the `be` methods are for fields in network order.

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
export const NLM_F_DUMP = 0x300;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLMSG_HEADER_LENGTH = 16;

const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

/** Largest payload of one attribute: its length field has 16 bits. */
export const MAX_ATTRIBUTE = 0xffff - 4;

/** Writes messages one after the other into one growing buffer. */
export class MessageWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(size = 1024) {
    // allocUnsafeSlow: never a slice of Node's shared pool. Padding is written as zero explicitly.
    this.#buffer = Buffer.allocUnsafeSlow(size);
  }

  get length(): number {
    return this.#length;
  }

  /** The bytes so far; valid until the next write. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** Takes back everything after an earlier `length`. */
  truncate(length: number): void {
    this.#length = length;
  }

  #reserve(count: number): number {
    const at = this.#length;
    const end = at + count;
    if (end > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(end, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    this.#length = end;
    return at;
  }

  u8(value: number): this {
    // First reserve: growing replaces the buffer.
    const at = this.#reserve(1);
    this.#buffer[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#buffer.writeUInt16LE(value, at);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32LE(value, at);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  #pad(): void {
    while (this.#length % 4 !== 0) this.u8(0);
  }

  /** Starts a message; give the result to `end`. */
  begin(type: number, flags: number, sequence = 0): number {
    const start = this.#reserve(NLMSG_HEADER_LENGTH);
    this.#buffer.writeUInt16LE(type, start + 4);
    this.#buffer.writeUInt16LE(flags, start + 6);
    this.#buffer.writeUInt32LE(sequence, start + 8);
    this.#buffer.writeUInt32LE(0, start + 12);
    return start;
  }

  end(start: number): void {
    this.#pad();
    this.#buffer.writeUInt32LE(this.#length - start, start);
  }

  /** Sets flags of a message already begun. */
  addFlags(start: number, flags: number): void {
    this.#buffer.writeUInt16LE(this.#buffer.readUInt16LE(start + 6) | flags, start + 6);
  }

  #attribute(type: number, length: number): number {
    if (length > MAX_ATTRIBUTE) throw new RangeError(`netlink attribute ${type} would have ${length} bytes`);
    const at = this.#reserve(4 + ((length + 3) & ~3));
    const buffer = this.#buffer;
    buffer[at] = (4 + length) & 255;
    buffer[at + 1] = (4 + length) >> 8;
    buffer[at + 2] = type & 255;
    buffer[at + 3] = type >> 8;
    for (let i = at + 4 + length; i < this.#length; i++) buffer[i] = 0;
    return at + 4;
  }

  attr(type: number, bytes: Uint8Array): this {
    const at = this.#attribute(type, bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  /** As `attr`, from the beginning of a larger buffer: no view is made. */
  attrFrom(type: number, source: Uint8Array, length: number): this {
    const at = this.#attribute(type, length);
    const buffer = this.#buffer;
    for (let i = 0; i < length; i++) buffer[at + i] = source[i] ?? 0;
    return this;
  }

  flag(type: number): this {
    this.#attribute(type, 0);
    return this;
  }

  attrU8(type: number, value: number): this {
    const at = this.#attribute(type, 1);
    this.#buffer[at] = value;
    return this;
  }

  attrU16(type: number, value: number): this {
    const at = this.#attribute(type, 2);
    this.#buffer.writeUInt16LE(value, at);
    return this;
  }

  attrU32(type: number, value: number): this {
    const at = this.#attribute(type, 4);
    this.#buffer.writeUInt32LE(value >>> 0, at);
    return this;
  }

  attrU16be(type: number, value: number): this {
    const at = this.#attribute(type, 2);
    this.#buffer.writeUInt16BE(value, at);
    return this;
  }

  attrU32be(type: number, value: number): this {
    const at = this.#attribute(type, 4);
    this.#buffer.writeUInt32BE(value >>> 0, at);
    return this;
  }

  attrU64be(type: number, value: bigint): this {
    const at = this.#attribute(type, 8);
    this.#buffer.writeBigUInt64BE(value, at);
    return this;
  }

  /** A text with the final NUL that the kernel expects. */
  attrText(type: number, text: string): this {
    const length = Buffer.byteLength(text);
    const at = this.#attribute(type, length + 1);
    this.#buffer.write(text, at, 'utf8');
    this.#buffer[at + length] = 0;
    return this;
  }

  /** Starts a nested attribute; give the result to `endNest`. */
  nest(type: number): number {
    const at = this.#attribute(type | NLA_F_NESTED, 0);
    return at - 4;
  }

  endNest(start: number): void {
    const length = this.#length - start;
    if (length > 0xffff) throw new RangeError(`nested netlink attribute would have ${length} bytes`);
    this.#buffer.writeUInt16LE(length, start);
  }
}

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Everything after the header: a view that the next receive overwrites. */
  readonly payload: Buffer;
}

/** The messages of one datagram; stops at a broken length rather than read past the end. */
export function* parseMessages(bytes: Buffer): Generator<NetlinkMessage, void, undefined> {
  let at = 0;
  while (at + NLMSG_HEADER_LENGTH <= bytes.length) {
    const length = bytes.readUInt32LE(at);
    if (length < NLMSG_HEADER_LENGTH || at + length > bytes.length) return;
    yield {
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      payload: bytes.subarray(at + NLMSG_HEADER_LENGTH, at + length),
    };
    at += (length + 3) & ~3;
  }
}

/**
 * Calls back for each attribute between two offsets, with the offsets of its value: for dumps of so many elements that
 * a view of each would cost more than reading them. Stops at a broken length.
 */
export function eachAttribute(
  bytes: Buffer,
  start: number,
  end: number,
  visit: (type: number, from: number, to: number) => void,
): void {
  let at = start;
  while (at + 4 <= end) {
    const length = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    if (length < 4 || at + length > end) return;
    visit(((bytes[at + 2] ?? 0) | ((bytes[at + 3] ?? 0) << 8)) & NLA_TYPE_MASK, at + 4, at + length);
    at += (length + 3) & ~3;
  }
}

/** Attributes by type (the last of equals); stops at a broken length. */
export function parseAttributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (const [type, value] of attributeList(bytes)) found.set(type, value);
  return found;
}

/** Attributes in order, for lists whose entries share a type. */
export function* attributeList(bytes: Buffer): Generator<readonly [type: number, value: Buffer], void, undefined> {
  let at = 0;
  while (at + 4 <= bytes.length) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) return;
    yield [bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + length)];
    at += (length + 3) & ~3;
  }
}

/** Text of an attribute without its final NUL. */
export function attributeText(value: Buffer | undefined): string | undefined {
  if (value === undefined) return undefined;
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? value.length : end);
}
