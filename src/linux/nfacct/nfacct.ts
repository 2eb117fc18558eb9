// Named packet counters of one namespace, which rules of iptables name with `-m nfacct`, over nfnetlink
// (include/uapi/linux/netfilter/nfnetlink_acct.h).
import type { NetlinkMessage } from '../netlink/message.ts';
import {
  attributeText,
  MessageWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REQUEST,
} from '../netlink/message.ts';
import { parseAttributes } from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts';
import { isErrno } from '../sys/kernel-error.ts';

const SUBSYSTEM = 7 << 8;
const MSG = { NEW: 0, GET: 1 } as const;
const ATTRIBUTE = { NAME: 1, PACKETS: 2, BYTES: 3 } as const;
const NFGENMSG_LENGTH = 4;

export interface PacketCounter {
  readonly name: string;
  readonly packets: number;
  readonly bytes: number;
}

function query<T>(netns: string | undefined, use: (socket: NetlinkSocket) => T): T {
  const socket = new NetlinkSocket(NETLINK_NETFILTER, { netns });
  try {
    return use(socket);
  } finally {
    socket.close();
  }
}

function writeMessage(w: MessageWriter, type: number, flags: number, sequence: number, name?: string): void {
  const start = w.begin(SUBSYSTEM | type, NLM_F_REQUEST | flags, sequence);
  w.u8(0).u8(0).u16(0);
  if (name !== undefined) w.attrText(ATTRIBUTE.NAME, name);
  w.end(start);
}

/**
 * Makes a counter; one of that name that exists stays as it is. It lives as long as the namespace.
 * @throws KernelError when the kernel has no such counters
 */
export function ensurePacketCounter(name: string, netns?: string): void {
  query(netns, (socket) => {
    const w = new MessageWriter();
    const sequence = socket.nextSequence();
    writeMessage(w, MSG.NEW, NLM_F_CREATE | NLM_F_ACK, sequence, name);
    try {
      socket.request(w, sequence, `make the packet counter ${name}`);
    } catch (error) {
      // How the kernel says that it exists.
      if (!isErrno(error, 'EBUSY')) throw error;
    }
  });
}

/** @throws KernelError when the kernel has no such counters */
export function readPacketCounters(netns?: string): PacketCounter[] {
  const build = (sequence: number): MessageWriter => {
    const w = new MessageWriter();
    writeMessage(w, MSG.GET, NLM_F_DUMP, sequence);
    return w;
  };
  const decode = (message: NetlinkMessage): PacketCounter => {
    const attributes = parseAttributes(message.payload.subarray(NFGENMSG_LENGTH));
    const count = (type: number) => Number(attributes.get(type)?.readBigUInt64BE() ?? 0n);
    return {
      name: attributeText(attributes.get(ATTRIBUTE.NAME)) ?? '',
      packets: count(ATTRIBUTE.PACKETS),
      bytes: count(ATTRIBUTE.BYTES),
    };
  };
  return query(netns, (socket) => socket.query(build, decode, 'list packet counters'));
}
