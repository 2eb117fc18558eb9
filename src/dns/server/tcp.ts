// The TCP edge: length-prefixed messages (RFC 7766), many on one connection, answered as they become ready.
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { isIPv6 } from 'node:net';
import { once } from 'node:events';
import type { ClientAddress, Responder } from './responder.ts';

export interface TcpListener {
  readonly port: number;
  /** Stops listening and closes connections when their questions are answered. */
  close(): Promise<void>;
}

export interface TcpOptions {
  readonly address: string;
  readonly port: number;
  readonly reusePort: boolean;
  readonly idleMs: number;
  readonly maxConnections: number;
}

/** Questions of one connection that may wait at the same time; more are left in the kernel's buffer. */
const MAX_WAITING = 128;
const MAX_UNSENT_BYTES = 1024 * 1024;

export async function listenTcp(responder: Responder, options: TcpOptions): Promise<TcpListener> {
  const connections = new Set<Connection>();
  // Half-open: a client may send its questions, close its side and read the answers.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = new Connection(socket, responder, options.idleMs);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  server.maxConnections = options.maxConnections;
  server.listen({
    host: options.address,
    port: options.port,
    ipv6Only: isIPv6(options.address),
    reusePort: options.reusePort,
    exclusive: true,
  });
  await once(server, 'listening');
  // A connection that cannot be accepted (no descriptor left) is the client's to retry.
  server.on('error', () => undefined);
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: async () => {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      for (const connection of connections) connection.finish();
      await closed;
    },
  };
}

class Connection {
  readonly #socket: Socket;
  readonly #responder: Responder;
  readonly #client: ClientAddress;
  #rest: Buffer = Buffer.alloc(0);
  #waiting = 0;
  #ending = false;

  constructor(socket: Socket, responder: Responder, idleMs: number) {
    this.#socket = socket;
    this.#responder = responder;
    this.#client = {
      address: socket.remoteAddress ?? '',
      port: socket.remotePort ?? 0,
      family: socket.remoteFamily ?? 'IPv4',
    };
    socket.setNoDelay(true);
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('drain', () => this.#resume());
    // A client may close its side and still wait for answers.
    socket.on('end', () => this.finish());
  }

  /** No more questions; closes once the last answer is out. */
  finish(): void {
    this.#ending = true;
    if (this.#waiting === 0) this.#socket.end();
  }

  #receive(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#process();
  }

  #process(): void {
    const socket = this.#socket;
    socket.cork();
    let at = 0;
    while (this.#rest.length - at >= 2 && !this.#isFull()) {
      const length = this.#rest.readUInt16BE(at);
      if (this.#rest.length - at < 2 + length) break;
      const packet = this.#rest.subarray(at + 2, at + 2 + length);
      at += 2 + length;
      this.#ask(packet);
      if (socket.destroyed) return;
    }
    this.#rest = this.#rest.subarray(at);
    socket.uncork();
    if (this.#isFull()) socket.pause();
  }

  #isFull(): boolean {
    return this.#waiting >= MAX_WAITING || this.#socket.writableLength > MAX_UNSENT_BYTES;
  }

  #ask(packet: Buffer): void {
    let answered = false;
    this.#waiting += 1;
    const before = this.#responder.pending;
    const send = (bytes: Uint8Array) => {
      if (!answered) this.#done();
      answered = true;
      this.#send(bytes);
    };
    const client = this.#client;
    const length = this.#responder.handle(packet, packet.length, 'tcp', client, () => ({ client, send }));
    if (length > 0) {
      this.#send(this.#responder.out.subarray(0, length));
      this.#waiting -= 1;
    } else if (this.#responder.pending === before && !answered) {
      // Not a query: on a stream there is no way to know what the next bytes would be.
      this.#socket.destroy();
    }
  }

  #done(): void {
    this.#waiting -= 1;
    this.#resume();
    if (this.#ending && this.#waiting === 0) setImmediate(() => this.#socket.end());
  }

  #resume(): void {
    if (!this.#socket.isPaused() || this.#isFull()) return;
    this.#socket.resume();
    if (this.#rest.length > 0) setImmediate(() => this.#process());
  }

  #send(bytes: Uint8Array): void {
    if (this.#socket.destroyed) return;
    const framed = Buffer.allocUnsafe(2 + bytes.length);
    framed.writeUInt16BE(bytes.length, 0);
    framed.set(bytes, 2);
    this.#socket.write(framed);
  }
}
