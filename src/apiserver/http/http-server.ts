// One TLS port for everything: HTTP/2 and HTTP/1.1 by ALPN, and HTTP/1.1 upgrades. Knows sockets, not Kubernetes.
import { createSecureServer, type Http2SecureServer, type Http2ServerRequest, type Http2Session } from 'node:http2';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { ListenAddress, Listening, ServingTls } from '../contract.ts';
import type { PeerIdentity } from './peer-user.ts';
import { peerIdentity } from './peer-user.ts';
import type { Response } from './write-answer.ts';

export type Incoming = IncomingMessage | Http2ServerRequest;

export interface HttpHandlers {
  request(request: Incoming, response: Response, peer: PeerIdentity): Promise<void>;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, peer: PeerIdentity): Promise<void>;
}

/** How long open requests may finish after the server stopped accepting. */
const CLOSE_GRACE_MS = 500;

/** Opens every address; when one fails the others are closed again. */
export async function listenHttp(
  addresses: readonly ListenAddress[],
  tls: ServingTls,
  handlers: HttpHandlers,
): Promise<Listening> {
  const servers = addresses.map(() => secureServer(tls, handlers));
  const opened = await Promise.allSettled(servers.map((s, i) => openPort(s.server, addresses[i])));
  const failed = opened.find((o) => o.status === 'rejected');
  if (failed !== undefined) {
    await Promise.all(servers.map((s) => s.close()));
    throw failed.reason;
  }
  return {
    addresses: opened.flatMap((o) => (o.status === 'fulfilled' ? [o.value] : [])),
    setTls(next) {
      for (const { server } of servers) server.setSecureContext(secureContext(next));
    },
    close: async () => void (await Promise.all(servers.map((s) => s.close()))),
  };
}

const secureContext = (tls: ServingTls) => ({ cert: tls.certPem, key: tls.keyPem, ca: tls.clientCaPem });

function openPort(
  server: Http2SecureServer,
  at: ListenAddress | undefined,
): Promise<{ address: string; port: number }> {
  return new Promise((resolve, reject) => {
    const where = at === undefined ? 'nowhere' : 'fd' in at ? `descriptor ${at.fd}` : `${at.host}:${at.port}`;
    const onError = (cause: Error) => reject(new Error(`cannot listen on ${where}: ${cause.message}`, { cause }));
    server.once('error', onError);
    server.listen(at, () => {
      server.off('error', onError);
      const bound = server.address() as AddressInfo;
      resolve({ address: bound.address, port: bound.port });
    });
  });
}

function secureServer(
  tls: ServingTls,
  handlers: HttpHandlers,
): { server: Http2SecureServer; close: () => Promise<void> } {
  const sessions = new Set<Http2Session>();
  const sockets = new Set<Socket>();
  const server = createSecureServer({
    allowHTTP1: true,
    ...secureContext(tls),
    // A certificate is one way among others to say who one is; whether it is good is looked at per connection.
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    settings: { maxConcurrentStreams: 1000, initialWindowSize: 1024 * 1024 },
  });
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  };
  // Before the handshake too: who connects and falls silent, or whose cable is pulled, must not hold up an end.
  server.on('connection', keep);
  server.on('secureConnection', keep);
  server.on('session', (session) => {
    sessions.add(session);
    // The default connection window (64 KiB) makes a client with many watches wait for its own acknowledgements.
    session.setLocalWindowSize(4 * 1024 * 1024);
    session.once('close', () => sessions.delete(session));
    session.on('error', () => session.destroy());
  });
  // Broken handshakes and garbage on the wire are the client's affair.
  server.on('sessionError', () => undefined);
  server.on('tlsClientError', (_error, socket) => void socket.destroy());
  server.on('clientError', (_error: Error, socket: Duplex) => void socket.destroy());
  server.on('request', (request, response) => {
    const h2 = request.httpVersionMajor === 2;
    const key = h2 ? (request.stream.session ?? request.stream) : request.socket;
    const socket = (h2 ? request.stream.session?.socket : request.socket) as TLSSocket | undefined;
    if (socket === undefined) return;
    void handlers.request(request, response as unknown as Response, peerIdentity(key, socket));
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    void handlers.upgrade(request, socket, head, peerIdentity(socket, socket as TLSSocket));
  });
  const close = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        for (const session of sessions) session.destroy();
        for (const socket of sockets) socket.destroy();
      }, CLOSE_GRACE_MS);
      server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      for (const session of sessions) session.close();
    });
  return { server, close };
}
