// A UDP socket served in batches: one system call receives what has arrived, one sends all the replies. For servers with
// many small datagrams, such as DNS; the socket is opened and bound by `openUdpSocketIn`.

import { closeSync } from 'node:fs';
import { formatIp, ipFromBytes } from '../../ip/index.ts';
import { boundPort } from '../netns/sockets.ts';
import { isErrno } from '../sys/kernel-error.ts';
import { AF_INET6, pollReadable, setsockopt, SOL_SOCKET } from '../sys/libc.ts';
import type { FdPoll } from '../sys/libc.ts';
import { ReceiveBatch, SendBatch } from '../sys/message-batch.ts';

const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;

/** Who sent a datagram: the kernel's sockaddr, which a reply goes back to unread. */
export type UdpPeer = Uint8Array;

export interface UdpBatchOptions {
  /** Datagrams a call. @default {64} */
  readonly slots?: number;
  /** Longer datagrams are cut when received and refused when sent. @default {4096} */
  readonly datagramBytes?: number;
  /** Kernel memory for datagrams not yet read; a burst beyond it is lost. @default {4194304} */
  readonly receiveBufferBytes?: number;
}

/** Address and port of a peer, for logs and access rules. */
export function udpPeerAddress(peer: UdpPeer): { readonly address: string; readonly port: number } {
  const view = Buffer.from(peer.buffer, peer.byteOffset, peer.byteLength);
  const v6 = view.readUInt16LE(0) === AF_INET6;
  return {
    address: formatIp(ipFromBytes(v6 ? view.subarray(8, 24) : view.subarray(4, 8))),
    port: view.readUInt16BE(2),
  };
}

export interface UdpBatch {
  readonly port: number;
  /** Queues a reply; it leaves at the end of the running batch, or with the event loop's turn. */
  send(bytes: Uint8Array, peer: UdpPeer): void;
  /** Sends what is queued now. */
  flush(): void;
  /** Stops and closes the descriptor. */
  close(): void;
}

/**
 * Serves a bound, non-blocking UDP descriptor. `onDatagram` gets views: `bytes` and `peer` are overwritten after it
 * returns, so an answer that comes later must copy them (`Uint8Array.from(peer)`).
 */
export function openUdpBatch(
  fd: number,
  onDatagram: (bytes: Buffer, peer: UdpPeer) => void,
  options: UdpBatchOptions = {},
): UdpBatch {
  return new PolledUdpBatch(fd, onDatagram, options);
}

/** Beyond the machine's limit where allowed (as root), up to it elsewhere. */
function raiseReceiveBuffer(fd: number, bytes: number): void {
  try {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes);
  } catch (error) {
    if (!isErrno(error, 'EPERM')) throw error;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, bytes);
  }
}

/** Batches read in one turn of the event loop, so that timers and other sockets get theirs. */
const BATCHES_A_TURN = 8;

class PolledUdpBatch implements UdpBatch {
  readonly port: number;
  readonly #fd: number;
  readonly #poll: FdPoll;
  readonly #incoming: ReceiveBatch;
  readonly #outgoing: SendBatch;
  readonly #onDatagram: (bytes: Buffer, peer: UdpPeer) => void;
  #receiving = false;
  #flushScheduled = false;
  #closed = false;

  constructor(fd: number, onDatagram: (bytes: Buffer, peer: UdpPeer) => void, options: UdpBatchOptions) {
    const { slots = 64, datagramBytes = 4096 } = options;
    this.#fd = fd;
    this.port = boundPort(fd);
    this.#onDatagram = onDatagram;
    this.#incoming = new ReceiveBatch(slots, datagramBytes);
    this.#outgoing = new SendBatch(slots, datagramBytes);
    raiseReceiveBuffer(fd, options.receiveBufferBytes ?? 4 << 20);
    this.#poll = pollReadable(fd, () => this.#receive());
  }

  #receive(): void {
    this.#receiving = true;
    try {
      for (let turn = 0; turn < BATCHES_A_TURN && !this.#closed; turn++) {
        // Errors here are those of earlier sends (a closed port answers so); the next call reads on.
        const count = this.#incoming.receive(this.#fd);
        for (let i = 0; i < count; i++) this.#onDatagram(this.#incoming.bytes(i), this.#incoming.name(i));
        this.flush();
        if (count < this.#incoming.slots) return;
      }
    } finally {
      this.#receiving = false;
      this.flush();
    }
  }

  send(bytes: Uint8Array, peer: UdpPeer): void {
    if (this.#closed) return;
    if (this.#outgoing.isFull) this.flush();
    this.#outgoing.add(bytes, peer);
    if (this.#receiving || this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#outgoing.count > 0 && !this.#closed) this.#outgoing.flush(this.#fd);
  }

  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    this.#poll.close();
    closeSync(this.#fd);
  }
}
