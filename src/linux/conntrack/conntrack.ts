// Connection tracking of one namespace over nfnetlink.

import { canonicalIp, ipFamily } from '../../ip/index.ts';
import type { NetlinkMessage } from '../netlink/message.ts';
import {
  MessageWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  parseAttributes,
  parseMessages,
} from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket, parseAcknowledgement } from '../netlink/socket.ts';
import { KernelError } from '../sys/kernel-error.ts';
import { decodeEntry, hasPorts, matchesFilter, writeEntryKey, writeFilter } from './codec.ts';
import type { Conntrack, ConntrackEntry, ConntrackEvent, ConntrackFilter } from './contract.ts';

const SUBSYSTEM = 1 << 8;
const MSG = { NEW: 0, GET: 1, DELETE: 2, GET_STATS: 5 } as const;
const GROUPS = [1, 2, 3];
const STATS_GLOBAL_ENTRIES = 1;
const FAMILY = { 4: 2, 6: 10 } as const;
const ENOENT = 2;
/** Deletions in one send: their answers must fit the receive buffer. */
const DELETE_CHUNK = 256;

/** Opens the namespace's connection tracking. Close it when done. */
export function openConntrack(netns?: string): Conntrack {
  return new NetlinkConntrack(netns);
}

/** Text compares with what the kernel gives only in canonical form. */
function canonicalFilter(filter: ConntrackFilter): ConntrackFilter {
  const address = (text: string | undefined) => (text === undefined ? undefined : (canonicalIp(text) ?? text));
  const [source, destination, replySource] = [filter.source, filter.destination, filter.replySource].map(address);
  const some = source ?? destination ?? replySource;
  const family = filter.family ?? (some === undefined ? undefined : ipFamily(some) === 'IPv4' ? 4 : 6);
  return {
    ...filter,
    ...(family && { family }),
    ...(source !== undefined && { source }),
    ...(destination !== undefined && { destination }),
    ...(replySource !== undefined && { replySource }),
  };
}

class NetlinkConntrack implements Conntrack {
  readonly #netns: string | undefined;
  readonly #socket: NetlinkSocket;
  readonly #writer = new MessageWriter();
  readonly #listeners = new Set<NetlinkSocket>();

  constructor(netns: string | undefined) {
    this.#netns = netns;
    this.#socket = new NetlinkSocket(NETLINK_NETFILTER, { netns, receiveBuffer: 1 << 20 });
  }

  #message(
    type: number,
    flags: number,
    sequence: number,
    family: 4 | 6 | undefined,
    body: (w: MessageWriter) => void,
  ): void {
    const w = this.#writer;
    const start = w.begin(SUBSYSTEM | type, NLM_F_REQUEST | flags, sequence);
    w.u8(family === undefined ? 0 : FAMILY[family])
      .u8(0)
      .u16(0);
    body(w);
    w.end(start);
  }

  entries(filter: ConntrackFilter = {}): ConntrackEntry[] {
    const wanted = canonicalFilter(filter);
    // The kernel filters within one family only.
    if (wanted.family !== undefined || Object.keys(wanted).length === 0) return this.#dump(wanted);
    return [...this.#dump({ ...wanted, family: 4 }), ...this.#dump({ ...wanted, family: 6 })];
  }

  #dump(wanted: ConntrackFilter): ConntrackEntry[] {
    const build = (sequence: number): MessageWriter => {
      this.#writer.clear();
      this.#message(MSG.GET, NLM_F_DUMP, sequence, wanted.family, (w) => writeFilter(w, wanted));
      return this.#writer;
    };
    const decode = (message: NetlinkMessage): ConntrackEntry | undefined => {
      const entry = decodeEntry(message.payload);
      return entry !== undefined && matchesFilter(entry, wanted) ? entry : undefined;
    };
    return this.#socket.query(build, decode, 'list tracked connections');
  }

  delete(entry: ConntrackEntry): boolean {
    return this.deleteAll([entry]) === 1;
  }

  deleteAll(entries: readonly ConntrackEntry[]): number {
    const named = entries.filter(hasPorts);
    let deleted = 0;
    for (let at = 0; at < named.length; at += DELETE_CHUNK)
      deleted += this.#deleteChunk(named.slice(at, at + DELETE_CHUNK));
    return deleted;
  }

  #deleteChunk(entries: readonly ConntrackEntry[]): number {
    const what = 'delete tracked connections';
    this.#writer.clear();
    const waiting = new Set<number>();
    for (const entry of entries) {
      const sequence = this.#socket.nextSequence();
      waiting.add(sequence);
      this.#message(MSG.DELETE, NLM_F_ACK, sequence, entry.original.family, (w) => writeEntryKey(w, entry));
    }
    this.#socket.reserveSend(this.#writer.length);
    this.#socket.send(this.#writer.bytes(), what);
    let deleted = 0;
    let failure: KernelError | undefined;
    while (waiting.size > 0) {
      const datagram = this.#socket.receive(what);
      if (datagram === undefined) continue;
      for (const message of parseMessages(datagram)) {
        if (message.type !== NLMSG_ERROR || !waiting.delete(message.sequence)) continue;
        const { errno } = parseAcknowledgement(message);
        if (errno === 0) deleted++;
        else if (errno !== ENOENT) failure ??= new KernelError(errno, what);
      }
    }
    if (failure !== undefined) throw failure;
    return deleted;
  }

  flush(): void {
    this.#writer.clear();
    const sequence = this.#socket.nextSequence();
    // A deletion that names nothing deletes everything.
    this.#message(MSG.DELETE, NLM_F_ACK, sequence, undefined, () => {});
    this.#socket.request(this.#writer, sequence, 'forget all tracked connections');
  }

  count(): number {
    const build = (sequence: number): MessageWriter => {
      this.#writer.clear();
      this.#message(MSG.GET_STATS, NLM_F_ACK, sequence, undefined, () => {});
      return this.#writer;
    };
    const decode = (message: NetlinkMessage) =>
      parseAttributes(message.payload.subarray(4)).get(STATS_GLOBAL_ENTRIES)?.readUInt32BE();
    return this.#socket.query(build, decode, 'count tracked connections')[0] ?? 0;
  }

  listen(onEvent: (event: ConntrackEvent) => void): { close(): void } {
    const socket = new NetlinkSocket(NETLINK_NETFILTER, { netns: this.#netns, groups: GROUPS, receiveBuffer: 4 << 20 });
    this.#listeners.add(socket);
    socket.listen(
      (message) => {
        const entry = decodeEntry(message.payload);
        if (entry === undefined) return;
        if ((message.type & 255) === MSG.DELETE) onEvent({ action: 'destroy', entry });
        else onEvent({ action: (message.flags & NLM_F_CREATE) !== 0 ? 'new' : 'update', entry });
      },
      () => onEvent({ action: 'overflow' }),
    );
    return {
      close: () => {
        this.#listeners.delete(socket);
        socket.close();
      },
    };
  }

  close(): void {
    for (const socket of this.#listeners) socket.close();
    this.#listeners.clear();
    this.#socket.close();
  }
}
