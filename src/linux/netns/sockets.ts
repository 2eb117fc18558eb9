// Sockets that live in another namespace but are served by this event loop: opened and bound inside, used outside.

import { closeSync } from 'node:fs';
import { isIPv6, Socket } from 'node:net';
import { ipToBytes, toIp } from '../../ip/index.ts';
import {
  AF_INET,
  AF_INET6,
  bind,
  getsockname,
  listen,
  setsockopt,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  socket,
  SOL_SOCKET,
} from '../sys/libc.ts';
import { inNetns } from './netns.ts';

const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

export interface BoundSocketOptions {
  /** Address to bind; `0.0.0.0` and `::` are all addresses. */
  readonly address: string;
  /** 0 takes a free port; see `boundAddress`. */
  readonly port: number;
  /** Let several sockets share the port, the kernel spreading the load. @default {false} */
  readonly reusePort?: boolean;
  /** For UDP only; TCP listeners always have it. @default {false} */
  readonly reuseAddress?: boolean;
  /** IPv6 sockets take IPv4 too unless this is set. @default {true} */
  readonly v6Only?: boolean;
  /**
   * For TCP only: listen at once, with room for so many connections. Left out, the one who serves listens, and until
   * then others may bind the same port.
   */
  readonly backlog?: number;
}

/** The kernel's `sockaddr_in` or `sockaddr_in6`. */
export function encodeSockaddr(address: string, port: number): Buffer {
  const ip = toIp(address);
  const bytes = ipToBytes(ip);
  const sockaddr = Buffer.alloc(ip.family === 4 ? 16 : 28);
  sockaddr.writeUInt16LE(ip.family === 4 ? AF_INET : AF_INET6, 0);
  sockaddr.writeUInt16BE(port, 2);
  sockaddr.set(bytes, ip.family === 4 ? 4 : 8);
  return sockaddr;
}

function openBound(netns: string | undefined, type: number, options: BoundSocketOptions): number {
  const { address, port } = options;
  const v6 = isIPv6(address);
  return inNetns(netns, () => {
    const fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK, 0);
    try {
      if (v6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, (options.v6Only ?? true) ? 1 : 0);
      if (type === SOCK_STREAM || options.reuseAddress) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
      if (options.reusePort) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1);
      const where = `${type === SOCK_STREAM ? 'TCP' : 'UDP'} ${address} port ${port}`;
      const place = `${where}${netns === undefined ? '' : ` in ${netns}`}`;
      bind(fd, encodeSockaddr(address, port), `bind ${place}`);
      if (options.backlog !== undefined) listen(fd, options.backlog, `listen on ${place}`);
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  });
}

/** A bound UDP socket, for `dgram.createSocket(type).bind({fd})`. */
export function openUdpSocketIn(netns: string | undefined, options: BoundSocketOptions): number {
  return openBound(netns, SOCK_DGRAM, options);
}

/** A bound TCP socket, for `server.listen({fd})` of net, http or http2. */
export function openTcpListenerIn(netns: string | undefined, options: BoundSocketOptions): number {
  return openBound(netns, SOCK_STREAM, options);
}

/** Port a descriptor is bound to, when it was opened with port 0. */
export function boundPort(fd: number): number {
  return getsockname(fd).readUInt16BE(2);
}

/** A TCP connection that starts inside the namespace; `host` must be an address, since names resolve at home. */
export function connectTcpIn(
  netns: string | undefined,
  target: { readonly host: string; readonly port: number },
): Socket {
  const fd = inNetns(netns, () => socket(isIPv6(target.host) ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  // Without manualStart the stream would read from the socket before it is connected, and fail.
  const options = { fd, readable: true, writable: true, manualStart: true };
  const stream = new Socket(options);
  stream.connect({ host: target.host, port: target.port });
  return stream;
}
