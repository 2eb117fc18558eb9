// An ICMP echo request, and whether its reply comes: the question that every host's kernel answers by itself.
// RFC 792, RFC 4443; ip(7), raw(7).
import { randomInt } from 'node:crypto';
import { closeSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { encodeSockaddr } from '../netns/sockets.ts';
import { inNetns } from '../netns/netns.ts';
import { KernelError } from '../sys/kernel-error.ts';
import {
  AF_INET,
  AF_INET6,
  bind,
  connect,
  pollReadable,
  recv,
  send,
  setsockopt,
  SOCK_NONBLOCK,
  SOCK_RAW,
  socket,
} from '../sys/libc.ts';

const IPPROTO_IP = 0;
const IPPROTO_ICMP = 1;
const IPPROTO_IPV6 = 41;
const IPPROTO_ICMPV6 = 58;
const IP_MTU_DISCOVER = 10;
const IPV6_MTU_DISCOVER = 23;
/** Never fragment, and believe no path MTU that was heard of. */
const PMTUDISC_PROBE = 3;

const HEADER = { v4: 20, v6: 40, icmp: 8 };
const TYPES = { v4: { request: 8, reply: 0 }, v6: { request: 128, reply: 129 } };

export interface EchoOptions {
  readonly netns?: string | undefined;
  readonly to: string;
  /** Source address, one of the namespace's own. */
  readonly from?: string;
  /** Size of the IP packet. @default the smallest there is */
  readonly bytes?: number;
  readonly timeoutMs: number;
}

/** False also when the kernel cannot send it: no route, or a packet larger than the device takes. Needs root. */
export async function echo(options: EchoOptions): Promise<boolean> {
  const v6 = isIPv6(options.to);
  let fd: number;
  try {
    fd = inNetns(options.netns, () => openRaw(v6, options));
  } catch (error) {
    if (error instanceof KernelError) return false;
    throw error;
  }
  const id = randomInt(0x10000);
  return new Promise((resolve) => {
    const buffer = Buffer.alloc(0x10000);
    const end = (came: boolean) => {
      clearTimeout(timer);
      poll.close();
      closeSync(fd);
      resolve(came);
    };
    const hasReply = (): boolean => {
      // A negative length is an ICMP error about the request: the reply may still come by another way, or time runs out.
      for (let length = recv(fd, buffer, 0); length >= 0; length = recv(fd, buffer, 0)) {
        if (isReply(buffer.subarray(0, length), v6, id)) return true;
      }
      return false;
    };
    // A busy event loop hears of the time before it hears of the packet.
    const timer = setTimeout(() => end(hasReply()), options.timeoutMs);
    const poll = pollReadable(fd, () => {
      if (hasReply()) end(true);
    });
    try {
      send(fd, request(v6, id, options.bytes ?? 0), `send an echo request to ${options.to}`);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      end(false);
    }
  });
}

function openRaw(v6: boolean, { to, from }: EchoOptions): number {
  const fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
  try {
    if (v6) setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_PROBE);
    else setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_PROBE);
    if (from !== undefined) bind(fd, encodeSockaddr(from, 0), `bind ${from}`);
    connect(fd, encodeSockaddr(to, 0), `reach ${to}`);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function request(v6: boolean, id: number, bytes: number): Buffer {
  const head = (v6 ? HEADER.v6 : HEADER.v4) + HEADER.icmp;
  const packet = Buffer.alloc(HEADER.icmp + Math.max(0, bytes - head));
  packet.writeUInt8((v6 ? TYPES.v6 : TYPES.v4).request, 0);
  packet.writeUInt16BE(id, 4);
  packet.writeUInt16BE(1, 6);
  // Of ICMPv6 the kernel fills it in.
  if (!v6) packet.writeUInt16BE(internetChecksum(packet), 2);
  return packet;
}

/** RFC 1071. */
export function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += at + 1 < bytes.length ? bytes.readUInt16BE(at) : bytes.readUInt8(at) << 8;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Of IPv4 the socket gives the IP header too; of IPv6 it does not. */
function isReply(packet: Buffer, v6: boolean, id: number): boolean {
  const at = v6 ? 0 : ((packet[0] ?? 0) & 0x0f) * 4;
  if (packet.length < at + HEADER.icmp) return false;
  return packet.readUInt8(at) === (v6 ? TYPES.v6 : TYPES.v4).reply && packet.readUInt16BE(at + 4) === id;
}
