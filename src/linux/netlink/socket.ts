// One netlink socket: synchronous requests and dumps bounded by a receive timeout, and multicast events through the
// event loop. The socket belongs to the namespace it was opened in, wherever the thread goes afterwards.

import { closeSync } from 'node:fs';
import { KernelError } from '../sys/kernel-error.ts';
import {
  AF_NETLINK,
  bind,
  EAGAIN,
  MSG_DONTWAIT,
  MSG_TRUNC,
  pollReadable,
  recv,
  send,
  setsockopt,
  SOCK_RAW,
  socket,
  SOL_SOCKET,
} from '../sys/libc.ts';
import { inNetns } from '../netns/netns.ts';
import type { MessageWriter, NetlinkMessage } from './message.ts';
import {
  attributeText,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HEADER_LENGTH,
  parseAttributes,
  parseMessages,
} from './message.ts';

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NLMSGERR_ATTR_MSG = 1;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

const ENOBUFS = 105;
const ETIMEDOUT = 110;

const TIMEOUT_SECONDS = 10;
const DUMP_ATTEMPTS = 20;

// One buffer a thread: a request is synchronous, so never two are being received. The kernel builds dumps of 32 KiB.
const received = Buffer.allocUnsafeSlow(256 * 1024);

/** What the kernel answered to one message of a request. `errno` 0 is an acknowledgement. */
export interface Acknowledgement {
  readonly sequence: number;
  readonly errno: number;
  /** The kernel's own words, when it gives any. */
  readonly detail: string | undefined;
}

/** Reads the payload of an NLMSG_ERROR message. */
export function parseAcknowledgement(message: NetlinkMessage): Acknowledgement {
  const { payload } = message;
  const errno = -payload.readInt32LE(0);
  let detail: string | undefined;
  if ((message.flags & NLM_F_ACK_TLVS) !== 0) {
    // The echoed request stands between the number and the attributes, unless it was capped to its header.
    const echoed = (message.flags & NLM_F_CAPPED) !== 0 || errno === 0 ? NLMSG_HEADER_LENGTH : payload.readUInt32LE(4);
    const attributes = parseAttributes(payload.subarray(4 + ((echoed + 3) & ~3)));
    detail = attributeText(attributes.get(NLMSGERR_ATTR_MSG));
  }
  return { sequence: payload.length >= 16 ? payload.readUInt32LE(12) : message.sequence, errno, detail };
}

export interface NetlinkOptions {
  readonly netns?: string | undefined;
  /** Multicast groups to join. */
  readonly groups?: readonly number[];
  readonly receiveBuffer?: number;
}

export class NetlinkSocket {
  readonly #fd: number;
  #sequence = 1;
  #sendBuffer = 0;
  #closed = false;
  #poll: { close(): void } | undefined;
  #onMessage: (message: NetlinkMessage) => void = () => {};
  #onOverflow: () => void = () => {};

  constructor(protocol: number, options: NetlinkOptions = {}) {
    const fd = inNetns(options.netns, () => socket(AF_NETLINK, SOCK_RAW, protocol));
    this.#fd = fd;
    try {
      const timeout = Buffer.alloc(16);
      timeout.writeBigInt64LE(BigInt(TIMEOUT_SECONDS));
      setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout);
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeout);
      setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
      setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
      if (options.receiveBuffer !== undefined) setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, options.receiveBuffer);
      const address = Buffer.alloc(12);
      address.writeUInt16LE(AF_NETLINK);
      bind(fd, address, 'bind a netlink socket');
      for (const group of options.groups ?? []) setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0 || 1;
    return this.#sequence;
  }

  /** Makes room for one message or batch of `bytes`. */
  reserveSend(bytes: number): void {
    if (bytes <= this.#sendBuffer || bytes < 64 * 1024) return;
    this.#sendBuffer = bytes + 65536;
    setsockopt(this.#fd, SOL_SOCKET, SO_SNDBUFFORCE, this.#sendBuffer);
  }

  send(bytes: Uint8Array, what: string): void {
    if (this.#closed) throw new Error(`${what}: the netlink socket is closed`);
    send(this.#fd, bytes, what);
  }

  /** Next datagram; undefined when nothing waits and `wait` is false. Times out with ETIMEDOUT. */
  receive(what: string, wait = true): Buffer | undefined {
    const length = recv(this.#fd, received, MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT));
    if (length > received.length) throw new Error(`${what}: the kernel sent a message of ${length} bytes`);
    if (length >= 0) return received.subarray(0, length);
    if (length !== -EAGAIN) throw new KernelError(-length, what);
    if (wait) throw new KernelError(ETIMEDOUT, `${what}: no answer within ${TIMEOUT_SECONDS} s`);
    return undefined;
  }

  /** Sends one message made by `build` and waits for its acknowledgement. */
  request(writer: MessageWriter, sequence: number, what: string): void {
    this.send(writer.bytes(), what);
    for (;;) {
      const datagram = this.receive(what);
      if (datagram === undefined) continue;
      for (const message of parseMessages(datagram)) {
        // Answers to a request that timed out earlier carry older numbers.
        if (message.sequence !== sequence || message.type !== NLMSG_ERROR) continue;
        const { errno, detail } = parseAcknowledgement(message);
        if (errno === 0) return;
        throw new KernelError(errno, what, detail === undefined ? {} : { detail });
      }
    }
  }

  /**
   * Sends a request and decodes every answer up to the end of the dump (or the one answer of a plain get). A dump that
   * the kernel marks as torn by a concurrent change is made again.
   */
  query<T>(
    build: (sequence: number) => MessageWriter,
    decode: (message: NetlinkMessage) => T | undefined,
    what: string,
  ): T[] {
    for (let attempt = 0; ; attempt++) {
      const sequence = this.nextSequence();
      this.send(build(sequence).bytes(), what);
      const { values, torn } = this.#collect(sequence, decode, what);
      if (!torn || attempt >= DUMP_ATTEMPTS) return values;
    }
  }

  #collect<T>(
    sequence: number,
    decode: (message: NetlinkMessage) => T | undefined,
    what: string,
  ): { values: T[]; torn: boolean } {
    const values: T[] = [];
    let torn = false;
    for (;;) {
      const datagram = this.receive(what);
      if (datagram === undefined) continue;
      for (const message of parseMessages(datagram)) {
        if (message.sequence !== sequence) continue;
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) torn = true;
        if (message.type === NLMSG_DONE) {
          const errno = message.payload.length >= 4 ? -message.payload.readInt32LE(0) : 0;
          if (errno > 0 && !torn) throw new KernelError(errno, what);
          return { values, torn };
        }
        if (message.type === NLMSG_ERROR) {
          const { errno, detail } = parseAcknowledgement(message);
          if (errno === 0) return { values, torn };
          throw new KernelError(errno, what, detail === undefined ? {} : { detail });
        }
        const value = decode(message);
        if (value !== undefined) values.push(value);
      }
    }
  }

  /**
   * Calls back for every multicast message until `close`. `onOverflow`: the kernel dropped events because they came
   * faster than they were read; the listener must list anew.
   */
  listen(onMessage: (message: NetlinkMessage) => void, onOverflow: () => void): void {
    // Level-triggered: what is left after this many datagrams comes with the next turn of the loop.
    const poll = pollReadable(this.#fd, () => this.#deliver(64));
    poll.unref();
    this.#poll = poll;
    this.#onMessage = onMessage;
    this.#onOverflow = onOverflow;
  }

  /** Delivers every event that waits, without the event loop. */
  drain(): void {
    this.#deliver(Number.POSITIVE_INFINITY);
  }

  #deliver(datagrams: number): void {
    for (let i = 0; i < datagrams && !this.#closed; i++) {
      let datagram: Buffer | undefined;
      try {
        datagram = this.receive('read netlink events', false);
      } catch (error) {
        if (!(error instanceof KernelError) || error.errno !== ENOBUFS) throw error;
        this.#onOverflow();
        continue;
      }
      if (datagram === undefined) return;
      // A copy: the listener may make requests of its own, which use the shared buffer.
      for (const message of parseMessages(Buffer.from(datagram))) this.#onMessage(message);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll?.close();
    closeSync(this.#fd);
  }
}
