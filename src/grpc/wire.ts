// The protobuf wire format: varints, length-delimited chunks, fixed-size numbers. Reading checks every bound.

/** Bytes that are no protobuf message of the expected type. */
export class WireError extends Error {}

export const VARINT = 0;
export const FIXED64 = 1;
export const CHUNK = 2;
const FIXED32 = 5;

const utf8 = new TextDecoder();
const toUtf8 = new TextEncoder();

export class WireReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Field number × 8 + wire type. */
  tag(): number {
    const tag = Number(this.unsigned());
    if (tag < 8) throw new WireError('field number 0');
    return tag;
  }

  /** A varint as an unsigned 64-bit number: a plain number while it is below 2^49. */
  unsigned(): number | bigint {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 7; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    let rest = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      rest |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, rest);
    }
    throw new WireError('varint too long');
  }

  chunk(): Uint8Array {
    const length = Number(this.unsigned());
    if (this.#at + length > this.#bytes.length) throw new WireError('unexpected end of the message');
    const chunk = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return chunk;
  }

  text(): string {
    return utf8.decode(this.chunk());
  }

  double(): number {
    const bytes = this.#fixed(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
  }

  skip(wire: number): void {
    if (wire === VARINT) this.unsigned();
    else if (wire === FIXED64) this.#fixed(8);
    else if (wire === CHUNK) this.chunk();
    else if (wire === FIXED32) this.#fixed(4);
    else throw new WireError(`wire type ${wire} is not supported`);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new WireError('unexpected end of the message');
    return byte;
  }

  #fixed(length: number): Uint8Array {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw new WireError('unexpected end of the message');
    this.#at += length;
    return this.#bytes.subarray(at, at + length);
  }
}

export class WireWriter {
  #bytes = new Uint8Array(64);
  #length = 0;

  /** What was written so far. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  tag(number: number, wire: number): void {
    this.unsigned(number * 8 + wire);
  }

  /** A number from 0 to 2^64 − 1; a negative bigint is written as its two's complement. */
  unsigned(value: number | bigint): void {
    this.#room(10);
    let rest = value;
    if (typeof rest === 'bigint') {
      rest = BigInt.asUintN(64, rest);
      while (rest > 0x7fn) {
        this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
        rest >>= 7n;
      }
      this.#bytes[this.#length++] = Number(rest);
      return;
    }
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  chunk(bytes: Uint8Array): void {
    this.unsigned(bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  text(value: string): void {
    this.chunk(toUtf8.encode(value));
  }

  double(value: number): void {
    this.#room(8);
    new DataView(this.#bytes.buffer).setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const bigger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    bigger.set(this.finish());
    this.#bytes = bigger;
  }
}
