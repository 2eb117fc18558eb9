// Lets a cluster that has no way out ask the host's nameservers: sockets inside the fabric's namespace receive the
// questions that cluster DNS forwards, and go on from the root namespace. Bounded; answers nothing by itself.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import net from 'node:net';

import type { Logger } from '../log/index.ts';

/** An upstream nameserver, port 53 unless given as `address:port` or `[v6]:port`. */
export interface Upstream {
  host: string;
  port: number;
}

const MAX_IN_FLIGHT = 512;
const TCP_IDLE_MS = 20_000;
/** Two nameservers fit into the five seconds that a resolver waits. */
const TIMEOUT_MS = 2_000;

/** @example parseUpstream('127.0.0.1:5300') // { host: '127.0.0.1', port: 5300 } */
export function parseUpstream(text: string): Upstream | undefined {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(text);
  const plain = /^([^:]+)(?::(\d+))?$/.exec(text);
  const host = bracketed?.[1] ?? (net.isIPv6(text) ? text : plain?.[1]);
  const port = Number(bracketed?.[2] ?? plain?.[2] ?? 53);
  return host !== undefined && net.isIP(host) !== 0 && port > 0 && port < 65536 ? { host, port } : undefined;
}

/** The nameservers of a resolv.conf(5). */
export function hostNameservers(file = '/etc/resolv.conf'): Upstream[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].flatMap((m) => {
    const upstream = parseUpstream((m[1] ?? '').replace(/%.*$/, ''));
    return upstream === undefined ? [] : [upstream];
  });
}

/** SERVFAIL for a question that cannot be passed on: header and question as they came (RFC 1035 4.1.1). */
function serverFailure(query: Buffer): Buffer {
  const reply = Buffer.from(query);
  reply[2] = 0x80 | ((query[2] ?? 0) & 0x79);
  reply[3] = 0x80 | 2;
  return reply;
}

export interface DnsRelay {
  close(): void;
}

/**
 * @param inside Sockets bound in the fabric's namespace: a UDP socket's fd and a listening TCP socket's fd.
 */
export function startDnsRelay(
  inside: { udpFd: number; tcpFd: number },
  upstreams: readonly Upstream[],
  log: Logger,
): DnsRelay {
  const front = createSocket({ type: 'udp4' });
  const asking = new Set<Socket>();

  front.on('message', (query, client) => ask(query, client));
  front.on('error', (error) => log.warn('DNS relay socket failed', { error }));
  front.bind({ fd: inside.udpFd });

  /** Asks one nameserver; the next one when it fails or stays silent. */
  function ask(query: Buffer, client: RemoteInfo, attempt = 0): void {
    const upstream = upstreams[attempt];
    const answer = (reply: Buffer) => front.send(reply, client.port, client.address, () => undefined);
    if (query.length < 12) return;
    if (upstream === undefined || asking.size >= MAX_IN_FLIGHT) return answer(serverFailure(query));
    const socket = createSocket(net.isIPv6(upstream.host) ? 'udp6' : 'udp4');
    asking.add(socket);
    const done = (reply: Buffer | undefined) => {
      if (!asking.delete(socket)) return;
      clearTimeout(timer);
      socket.close();
      if (reply === undefined) ask(query, client, attempt + 1);
      else answer(reply);
    };
    const timer = setTimeout(() => done(undefined), TIMEOUT_MS);
    socket.on('error', () => done(undefined));
    // Only the nameserver's own reply to this very question counts: a connected socket drops everybody else's.
    socket.on('message', (reply) => {
      if (reply.length >= 12 && reply.readUInt16BE(0) === query.readUInt16BE(0)) done(reply);
    });
    socket.connect(upstream.port, upstream.host, () => socket.send(query));
  }

  const tcp = net.createServer((client) => {
    const upstream = upstreams[0];
    if (upstream === undefined) {
      client.destroy();
      return;
    }
    const server = net.connect({ host: upstream.host, port: upstream.port });
    const end = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setTimeout(TCP_IDLE_MS, end);
      socket.on('error', end);
      socket.on('close', end);
    }
    client.pipe(server);
    server.pipe(client);
  });
  tcp.maxConnections = MAX_IN_FLIGHT;
  tcp.on('error', (error) => log.warn('DNS relay listener failed', { error }));
  tcp.listen({ fd: inside.tcpFd });

  return {
    close() {
      front.close();
      tcp.close();
      for (const socket of asking) socket.close();
      asking.clear();
    },
  };
}
