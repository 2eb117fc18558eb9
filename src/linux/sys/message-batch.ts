// Memory for recvmmsg and sendmmsg: C structures that point into buffers, laid out once and reused for ever. The kernel
// sees these addresses only during a call; the buffers live as long as the batch does.

import { addressOf, MSG_DONTWAIT, recvmmsg, sendmmsg } from './libc.ts';

// struct msghdr on 64-bit Linux: name, namelen, iov, iovlen, control, controllen, flags; mmsghdr adds the length.
const MESSAGE_SIZE = 64;
const NAME = 0;
const NAME_LENGTH = 8;
const IOV = 16;
const IOV_COUNT = 24;
const CONTROL = 32;
const CONTROL_LENGTH = 40;
const LENGTH = 56;
const IOVEC_SIZE = 16;
/** Room for any sockaddr used here. */
export const SOCKADDR_ROOM = 32;
const CONTROL_ROOM = 128;

interface Layout {
  readonly messages: Buffer;
  readonly vectors: Buffer;
  readonly names: Buffer;
  readonly controls: Buffer;
}

function layOut(slots: number): Layout {
  const layout = {
    // At least two slots' worth, so that every buffer is large enough to have an address of its own.
    messages: Buffer.alloc(Math.max(slots, 2) * MESSAGE_SIZE),
    vectors: Buffer.alloc(Math.max(slots, 8) * IOVEC_SIZE),
    names: Buffer.alloc(Math.max(slots, 4) * SOCKADDR_ROOM),
    controls: Buffer.alloc(Math.max(slots, 2) * CONTROL_ROOM),
  };
  const names = addressOf(layout.names);
  const vectors = addressOf(layout.vectors);
  for (let i = 0; i < slots; i++) {
    const at = i * MESSAGE_SIZE;
    layout.messages.writeBigUInt64LE(names + BigInt(i * SOCKADDR_ROOM), at + NAME);
    layout.messages.writeBigUInt64LE(vectors + BigInt(i * IOVEC_SIZE), at + IOV);
    layout.messages.writeBigUInt64LE(1n, at + IOV_COUNT);
  }
  return layout;
}

export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly value: Buffer;
}

/** Receives up to `slots` datagrams with one call. */
export class ReceiveBatch {
  readonly slots: number;
  readonly #slotBytes: number;
  readonly #layout: Layout;
  readonly #data: Buffer;

  constructor(slots: number, slotBytes: number, options: { readonly control?: boolean } = {}) {
    this.slots = slots;
    this.#slotBytes = slotBytes;
    this.#layout = layOut(slots);
    this.#data = Buffer.allocUnsafeSlow(Math.max(slots * slotBytes, 128));
    const data = addressOf(this.#data);
    const controls = addressOf(this.#layout.controls);
    for (let i = 0; i < slots; i++) {
      this.#layout.vectors.writeBigUInt64LE(data + BigInt(i * slotBytes), i * IOVEC_SIZE);
      this.#layout.vectors.writeBigUInt64LE(BigInt(slotBytes), i * IOVEC_SIZE + 8);
      if (options.control) {
        this.#layout.messages.writeBigUInt64LE(controls + BigInt(i * CONTROL_ROOM), i * MESSAGE_SIZE + CONTROL);
      }
    }
    this.#control = options.control ?? false;
  }

  readonly #control: boolean;

  /** Number of datagrams now in the slots, or `-errno`; never blocks. */
  receive(fd: number, flags = 0): number {
    const { messages } = this.#layout;
    for (let i = 0; i < this.slots; i++) {
      const at = i * MESSAGE_SIZE;
      messages.writeUInt32LE(SOCKADDR_ROOM, at + NAME_LENGTH);
      if (this.#control) messages.writeUInt32LE(CONTROL_ROOM, at + CONTROL_LENGTH);
    }
    return recvmmsg(fd, messages, this.slots, MSG_DONTWAIT | flags);
  }

  /** Length of a datagram; with MSG_TRUNC its true one, even when the slot is smaller. */
  length(slot: number): number {
    return this.#layout.messages.readUInt32LE(slot * MESSAGE_SIZE + LENGTH);
  }

  /** The bytes: a view, overwritten by the next `receive`. */
  bytes(slot: number): Buffer {
    const start = slot * this.#slotBytes;
    return this.#data.subarray(start, start + Math.min(this.length(slot), this.#slotBytes));
  }

  /** The sender's sockaddr: a view. */
  name(slot: number): Buffer {
    const length = this.#layout.messages.readUInt32LE(slot * MESSAGE_SIZE + NAME_LENGTH);
    const start = slot * SOCKADDR_ROOM;
    return this.#layout.names.subarray(start, start + Math.min(length, SOCKADDR_ROOM));
  }

  /** Ancillary data: views. */
  *controls(slot: number): Generator<ControlMessage, void, undefined> {
    const start = slot * CONTROL_ROOM;
    const length = this.#layout.messages.readUInt32LE(slot * MESSAGE_SIZE + CONTROL_LENGTH);
    const bytes = this.#layout.controls.subarray(start, start + Math.min(length, CONTROL_ROOM));
    let at = 0;
    // struct cmsghdr: length (8 bytes), level, type, then the value; aligned to 8.
    while (at + 16 <= bytes.length) {
      const size = bytes.readUInt32LE(at);
      if (size < 16 || at + size > bytes.length) return;
      yield {
        level: bytes.readInt32LE(at + 8),
        type: bytes.readInt32LE(at + 12),
        value: bytes.subarray(at + 16, at + size),
      };
      at += (size + 7) & ~7;
    }
  }
}

/** Sends up to `slots` datagrams with one call. Bytes are copied in, so the caller's buffers are free at once. */
export class SendBatch {
  readonly slots: number;
  readonly #slotBytes: number;
  readonly #layout: Layout;
  readonly #data: Buffer;
  #count = 0;

  constructor(slots: number, slotBytes: number) {
    this.slots = slots;
    this.#slotBytes = slotBytes;
    this.#layout = layOut(slots);
    this.#data = Buffer.allocUnsafeSlow(Math.max(slots * slotBytes, 128));
    const data = addressOf(this.#data);
    for (let i = 0; i < slots; i++) this.#layout.vectors.writeBigUInt64LE(data + BigInt(i * slotBytes), i * IOVEC_SIZE);
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.slots;
  }

  /** Queues a datagram; the batch must not be full and the datagram must fit. */
  add(bytes: Uint8Array, sockaddr: Uint8Array): void {
    if (bytes.length > this.#slotBytes)
      throw new RangeError(`a datagram of ${bytes.length} bytes does not fit ${this.#slotBytes}`);
    const slot = this.#count++;
    this.#data.set(bytes, slot * this.#slotBytes);
    this.#layout.vectors.writeUInt32LE(bytes.length, slot * IOVEC_SIZE + 8);
    this.#layout.names.set(sockaddr, slot * SOCKADDR_ROOM);
    this.#layout.messages.writeUInt32LE(sockaddr.length, slot * MESSAGE_SIZE + NAME_LENGTH);
  }

  /** Sends all; datagrams the kernel will not take now are dropped, as UDP may. Number sent. */
  flush(fd: number): number {
    let sent = 0;
    let start = 0;
    while (start < this.#count) {
      const rest = start === 0 ? this.#layout.messages : this.#layout.messages.subarray(start * MESSAGE_SIZE);
      const result = sendmmsg(fd, rest, this.#count - start, MSG_DONTWAIT);
      // An error belongs to the first datagram (an unreachable receiver, say): skip it, the others are innocent.
      if (result > 0) sent += result;
      start += Math.max(result, 1);
    }
    this.#count = 0;
    return sent;
  }
}
