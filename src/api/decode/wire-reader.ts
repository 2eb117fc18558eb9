// Reads the protobuf wire format: varints, length-delimited chunks, fixed-size numbers. Bounds are always checked.

export class WireError extends Error {}

export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Field number and wire type of the next field. */
  tag(): { number: number; wire: number } {
    const tag = Number(this.varint());
    if (tag < 8) throw new WireError('field number 0');
    return { number: Math.floor(tag / 8), wire: tag % 8 };
  }

  /** A varint as a signed 64-bit number. */
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new WireError('unexpected EOF');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new WireError('varint too long');
  }

  chunk(): Uint8Array {
    const length = Number(this.varint());
    if (length < 0 || this.#at + length > this.#bytes.length) throw new WireError('unexpected EOF');
    const chunk = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return chunk;
  }

  double(): number {
    const at = this.#at;
    this.#advance(8);
    return this.#view.getFloat64(at, true);
  }

  skip(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 1) this.#advance(8);
    else if (wire === 2) this.chunk();
    else if (wire === 5) this.#advance(4);
    else throw new WireError(`wire type ${wire} is not supported`);
  }

  #advance(count: number): void {
    if (this.#at + count > this.#bytes.length) throw new WireError('unexpected EOF');
    this.#at += count;
  }
}
