// The UDP edge: node:dgram sockets. A reply that the kernel does not take at once must own its bytes.
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { once } from 'node:events';
import type { Responder } from './responder.ts';

export interface UdpListener {
  readonly port: number;
  close(): Promise<void>;
}

export interface UdpOptions {
  readonly address: string;
  readonly port: number;
  /** Several workers on one port. */
  readonly reusePort: boolean;
}

const BUFFER_BYTES = 4 * 1024 * 1024;

// Addresses of clients are literal, so nothing is ever looked up; the default would do it through a thread pool.
type LookupDone = (error: null, address: string, family: number) => void;
const literal = (address: string, _options: unknown, done: LookupDone) => done(null, address, isIPv6(address) ? 6 : 4);

export async function listenUdp(responder: Responder, options: UdpOptions): Promise<UdpListener> {
  const v6 = isIPv6(options.address);
  const socket = createSocket({
    type: v6 ? 'udp6' : 'udp4',
    ipv6Only: v6,
    reusePort: options.reusePort,
    // The published type knows only the callback of dns.lookup.
    lookup: literal as never,
  });
  let open = true;
  let current: RemoteInfo;
  const later = () => {
    const client = current;
    const send = (bytes: Uint8Array) => {
      // A late answer after the server was stopped has nowhere to go.
      if (open) socket.send(bytes, client.port, client.address, ignore);
    };
    return { client, send };
  };
  const { out } = responder;
  socket.on('message', (packet, client) => {
    current = client;
    const length = responder.handle(packet, packet.length, 'udp', client, later);
    if (length === 0) return;
    // With nothing queued the kernel copies the bytes during the call, so the shared buffer will do.
    if (socket.getSendQueueCount() === 0) socket.send(out, 0, length, client.port, client.address);
    else socket.send(Buffer.from(out.subarray(0, length)), client.port, client.address, ignore);
  });
  // The literal lookup makes bind complete within the call.
  const listening = once(socket, 'listening');
  socket.bind({ port: options.port, address: options.address, exclusive: true });
  await listening;
  // Errors after this are of single packets (unreachable clients): nothing to do about them.
  socket.on('error', () => undefined);
  growBuffers(socket);
  return {
    port: socket.address().port,
    close: () => {
      open = false;
      return new Promise((resolve) => void socket.close(() => resolve()));
    },
  };
}

const ignore = () => undefined;

/** A burst of queries must fit while this process is busy; the kernel caps what it gives. */
function growBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(BUFFER_BYTES);
    socket.setSendBufferSize(BUFFER_BYTES);
  } catch {
    // Some sandboxes refuse; the default size works too.
  }
}
