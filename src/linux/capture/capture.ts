// Packet capture by a packet socket: one device or all of a namespace, both directions, nanosecond clock of the kernel.

import { closeSync } from 'node:fs';
import { inNetns } from '../netns/netns.ts';
import { KernelError } from '../sys/kernel-error.ts';
import {
  addressOf,
  AF_PACKET,
  bind,
  EAGAIN,
  getsockopt,
  MSG_TRUNC,
  pollReadable,
  setsockopt,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  socket,
  SOL_SOCKET,
} from '../sys/libc.ts';
import type { FdPoll } from '../sys/libc.ts';
import { ReceiveBatch } from '../sys/message-batch.ts';
import type { BpfInstruction, PacketFilter } from './bpf.ts';
import { compileFilter, encodeProgram } from './bpf.ts';

const SOL_PACKET = 263;
const SO_ATTACH_FILTER = 26;
const SO_RCVBUFFORCE = 33;
const SO_TIMESTAMPNS = 35;
const PACKET_STATISTICS = 6;
const PACKET_AUXDATA = 8;
const TP_STATUS_CSUMNOTREADY = 8;
const ETH_P_ALL = 0x0003;
const ENETDOWN = 100;
const SLOTS = 32;

export interface CapturedPacket {
  /** Index of the device in its namespace. */
  readonly device: number;
  /** `out`: the device sends it; `in`: it arrives. */
  readonly direction: 'in' | 'out';
  /** Whom the frame was for, as the device saw it. */
  readonly addressed: 'host' | 'broadcast' | 'multicast' | 'other-host' | 'outgoing';
  /** EtherType: 0x0800 IPv4, 0x86dd IPv6. */
  readonly protocol: number;
  /** ARPHRD_*: 1 Ethernet, 772 loopback. */
  readonly hardwareType: number;
  /** Nanoseconds since 1970, one clock for all namespaces of the machine. */
  readonly timeNs: bigint;
  /** Length on the wire. */
  readonly length: number;
  /** From the network header on (cooked) or from the Ethernet header on, cut to the snap length. */
  readonly bytes: Buffer;
  /** False: the checksum is left to the (virtual) hardware, and wrong in `bytes`. */
  readonly checksumReady: boolean;
}

export interface CaptureOptions {
  readonly netns?: string | undefined;
  /** Index of one device; left out, all of the namespace. */
  readonly device?: number;
  /** `cooked`: from the network header on, the same for every kind of device. @default {'cooked'} */
  readonly framing?: 'cooked' | 'ethernet';
  /** Bytes kept of each packet. @default {65535} */
  readonly snapLength?: number;
  /** What to capture: any of these (cooked framing only), or a program of one's own. Left out, everything. */
  readonly filter?: PacketFilter | readonly BpfInstruction[];
  /** Kernel memory for packets not yet read. @default {8388608} */
  readonly bufferBytes?: number;
}

export interface Capture {
  /** Reads all that has arrived so far, without waiting for the event loop. */
  drain(): void;
  /** Packets seen since the last call, and how many of them were lost for want of buffer. */
  statistics(): { readonly received: number; readonly dropped: number };
  close(): void;
}

const ADDRESSED = ['host', 'broadcast', 'multicast', 'other-host', 'outgoing'] as const;

/** Packets from now on until `close`; the socket sees them as soon as this returns. Does not keep the process alive. */
export function openCapture(options: CaptureOptions, onPacket: (packet: CapturedPacket) => void): Capture {
  return new PacketSocket(options, onPacket);
}

/** Referenced while the kernel copies it: nothing else holds a buffer whose address is all that was passed on. */
let attaching: Buffer | undefined;

function attachFilter(fd: number, program: readonly BpfInstruction[]): void {
  // Padded, because a small buffer has no lasting address.
  attaching = Buffer.concat([encodeProgram(program), Buffer.alloc(128)]);
  const head = Buffer.alloc(16); // struct sock_fprog
  head.writeUInt16LE(program.length);
  head.writeBigUInt64LE(addressOf(attaching), 8);
  setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, head);
  attaching = undefined;
}

class PacketSocket implements Capture {
  readonly #fd: number;
  readonly #poll: FdPoll;
  readonly #batch: ReceiveBatch;
  readonly #onPacket: (packet: CapturedPacket) => void;
  #closed = false;

  constructor(options: CaptureOptions, onPacket: (packet: CapturedPacket) => void) {
    const { framing = 'cooked', snapLength = 65535, filter } = options;
    this.#onPacket = onPacket;
    this.#batch = new ReceiveBatch(SLOTS, snapLength, { control: true });
    // Protocol 0 receives nothing until the bind below, when the filter is in place.
    const type = (framing === 'cooked' ? SOCK_DGRAM : SOCK_RAW) | SOCK_NONBLOCK;
    const fd = inNetns(options.netns, () => socket(AF_PACKET, type, 0));
    this.#fd = fd;
    try {
      setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, options.bufferBytes ?? 8 << 20);
      setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
      setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, 1);
      if (filter !== undefined) {
        if (!('length' in filter) && framing !== 'cooked')
          throw new RangeError('a packet filter by hosts and ports needs cooked framing');
        attachFilter(fd, 'length' in filter ? filter : compileFilter(filter, snapLength));
      }
      const address = Buffer.alloc(20); // struct sockaddr_ll
      address.writeUInt16LE(AF_PACKET);
      address.writeUInt16BE(ETH_P_ALL, 2);
      address.writeInt32LE(options.device ?? 0, 4);
      bind(fd, address, `capture packets${options.netns === undefined ? '' : ` in ${options.netns}`}`);
      this.#poll = pollReadable(fd, () => this.#read(4));
      this.#poll.unref();
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  #read(batches: number): void {
    for (let i = 0; i < batches && !this.#closed; i++) {
      const count = this.#batch.receive(this.#fd, MSG_TRUNC);
      if (count === -EAGAIN) return;
      // A device that goes down leaves an error to be read; the others go on.
      if (count === -ENETDOWN) continue;
      if (count < 0) throw new KernelError(-count, 'read captured packets');
      for (let slot = 0; slot < count && !this.#closed; slot++) this.#onPacket(this.#packet(slot));
      if (count < SLOTS) return;
    }
  }

  #packet(slot: number): CapturedPacket {
    const name = this.#batch.name(slot);
    const addressed = ADDRESSED[name[10] ?? 0] ?? 'host';
    let timeNs = 0n;
    let checksumReady = true;
    for (const { level, type, value } of this.#batch.controls(slot)) {
      if (level === SOL_SOCKET && type === SO_TIMESTAMPNS) {
        timeNs = value.readBigInt64LE(0) * 1_000_000_000n + value.readBigInt64LE(8);
      } else if (level === SOL_PACKET && type === PACKET_AUXDATA) {
        checksumReady = (value.readUInt32LE(0) & TP_STATUS_CSUMNOTREADY) === 0;
      }
    }
    return {
      device: name.readInt32LE(4),
      direction: addressed === 'outgoing' ? 'out' : 'in',
      addressed,
      protocol: name.readUInt16BE(2),
      hardwareType: name.readUInt16LE(8),
      timeNs,
      length: this.#batch.length(slot),
      bytes: Buffer.from(this.#batch.bytes(slot)),
      checksumReady,
    };
  }

  drain(): void {
    this.#read(Number.POSITIVE_INFINITY);
  }

  statistics(): { readonly received: number; readonly dropped: number } {
    const value = getsockopt(this.#fd, SOL_PACKET, PACKET_STATISTICS, 8);
    return { received: value.readUInt32LE(0), dropped: value.readUInt32LE(4) };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poll.close();
    closeSync(this.#fd);
  }
}
