// One question to one upstream server and its reply, by UDP or TCP. Replies that do not belong to the question are
// ignored, so a stranger cannot answer and a mistaken upstream cannot poison.
import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { randomInt } from 'node:crypto';
import { decodeMessage, DnsWireError, Flag, lowerName } from '../../../dnswire/index.ts';
import type { Message, Question } from '../../../dnswire/index.ts';

export interface UpstreamAddress {
  readonly address: string;
  readonly port: number;
  /** DNS over TLS; the name to check the certificate against, '' for the address itself. */
  readonly tlsName?: string;
  /** Files with the authorities to trust instead of the system's, and with a certificate of our own. */
  readonly tlsFiles?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** No usable reply: refused, unreachable, closed or too late. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
}

/** A query ready to send: `wire` with any id, `question` to compare the reply with. */
export interface OutgoingQuery {
  readonly wire: Buffer;
  readonly question: Question;
}

/** Called for each question with whether an open socket took it. */
export type OnUse = (reused: boolean) => void;

export interface Transport {
  exchange(query: OutgoingQuery, signal: AbortSignal): Promise<Message>;
  close(): void;
}

interface Waiting {
  readonly question: Question;
  done(message: Message): void;
  fail(error: Error): void;
}

function belongsTo(message: Message, question: Question): boolean {
  const asked = message.questions[0];
  if ((message.flags & Flag.QR) === 0) return false;
  // Some servers reply to what they do not understand without a question.
  if (asked === undefined) return message.rcode !== 0;
  return asked.type === question.type && asked.class === question.class && lowerName(asked.name) === question.name;
}

/** Waiting questions of one socket by their id. */
class Pending {
  readonly #waiting = new Map<number, Waiting>();

  get size(): number {
    return this.#waiting.size;
  }

  /** A random free id: ids must not be guessable. */
  add(waiting: Waiting): number {
    let id = randomInt(65536);
    while (this.#waiting.has(id)) id = (id + 1) & 0xffff;
    this.#waiting.set(id, waiting);
    return id;
  }

  remove(id: number): void {
    this.#waiting.delete(id);
  }

  receive(bytes: Uint8Array): void {
    let message: Message;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      if (error instanceof DnsWireError) return;
      throw error;
    }
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined || !belongsTo(message, waiting.question)) return;
    this.#waiting.delete(message.id);
    waiting.done(message);
  }

  failAll(error: Error): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiting of all) waiting.fail(error);
  }
}

function exchangeOver(
  pending: Pending,
  query: OutgoingQuery,
  signal: AbortSignal,
  send: (wire: Buffer) => void,
): Promise<Message> {
  return new Promise<Message>((resolve, reject) => {
    const abort = () => {
      pending.remove(id);
      reject(new UpstreamError('no reply in time'));
    };
    const settle = () => signal.removeEventListener('abort', abort);
    const id = pending.add({
      question: query.question,
      done: (message) => {
        settle();
        resolve(message);
      },
      fail: (error) => {
        settle();
        reject(error);
      },
    });
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    const wire = Buffer.from(query.wire);
    wire.writeUInt16BE(id, 0);
    send(wire);
  });
}

const UDP_SOCKETS = 8;
/** A socket is replaced after this many questions, so that its port is not a constant of the server. */
const UDP_USES = 256;

/** UDP to one upstream over a few connected sockets with ports chosen by the kernel. */
export function udpTransport(upstream: UpstreamAddress, onUse: OnUse): Transport {
  const sockets: (UdpLine | undefined)[] = Array.from({ length: UDP_SOCKETS });
  return {
    exchange: (query, signal) => {
      const slot = randomInt(UDP_SOCKETS);
      let line = sockets[slot];
      const reused = line !== undefined && line.used < UDP_USES && !line.closed;
      onUse(reused);
      if (line === undefined || !reused) {
        line?.retire();
        line = new UdpLine(upstream);
        sockets[slot] = line;
      }
      return line.exchange(query, signal);
    },
    close: () => {
      for (const line of sockets) line?.close();
    },
  };
}

class UdpLine {
  used = 0;
  closed = false;
  #retired = false;
  readonly #socket: UdpSocket;
  readonly #pending = new Pending();
  readonly #connected: Promise<void>;

  constructor(upstream: UpstreamAddress) {
    this.#socket = createSocket(upstream.address.includes(':') ? 'udp6' : 'udp4');
    this.#socket.unref();
    this.#socket.on('message', (bytes) => {
      this.#pending.receive(bytes);
      this.#closeIfIdle();
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#connected = new Promise((resolve) => {
      this.#socket.connect(upstream.port, upstream.address, () => resolve());
    });
  }

  exchange(query: OutgoingQuery, signal: AbortSignal): Promise<Message> {
    this.used += 1;
    return exchangeOver(this.#pending, query, signal, (wire) => {
      void this.#connected.then(() => {
        if (this.closed) return;
        // A refused port is reported on the next call of a connected socket.
        this.#socket.send(wire, (error) => {
          if (error !== null) this.#fail(error);
        });
      });
    });
  }

  #fail(error: Error): void {
    const failure = new UpstreamError(`upstream socket: ${error.message}`, { cause: error });
    this.close(failure);
  }

  /** No new questions; closes when the last is answered or given up. */
  retire(): void {
    this.#retired = true;
    this.#closeIfIdle();
    if (!this.closed) setTimeout(() => this.close(), 5000).unref();
  }

  #closeIfIdle(): void {
    if (this.#retired && this.#pending.size === 0) this.close();
  }

  close(error: Error = new UpstreamError('the forwarder was stopped')): void {
    if (this.closed) return;
    this.closed = true;
    this.#socket.close();
    this.#pending.failAll(error);
  }
}

const TCP_IDLE_MS = 10_000;

/** TCP to one upstream, one connection shared by all questions (RFC 7766 §6.2.1). `open` may add TLS. */
export function streamTransport(
  upstream: UpstreamAddress,
  open: (upstream: UpstreamAddress) => Socket,
  onUse: OnUse,
): Transport {
  let stream: StreamLine | undefined;
  return {
    exchange: (query, signal) => {
      onUse(stream?.closed === false);
      if (stream === undefined || stream.closed) stream = new StreamLine(open(upstream));
      return stream.exchange(query, signal);
    },
    close: () => stream?.close(new UpstreamError('the forwarder was stopped')),
  };
}

export const openTcp = (upstream: UpstreamAddress): Socket => connect({ host: upstream.address, port: upstream.port });

class StreamLine {
  closed = false;
  readonly #socket: Socket;
  readonly #pending = new Pending();
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setTimeout(TCP_IDLE_MS, () => this.close(new UpstreamError('the connection was idle')));
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) =>
      this.close(new UpstreamError(`upstream connection: ${error.message}`, { cause: error })),
    );
    socket.on('close', () => this.close(new UpstreamError('the upstream closed the connection')));
  }

  exchange(query: OutgoingQuery, signal: AbortSignal): Promise<Message> {
    return exchangeOver(this.#pending, query, signal, (wire) => {
      const framed = Buffer.allocUnsafe(2 + wire.length);
      framed.writeUInt16BE(wire.length, 0);
      framed.set(wire, 2);
      this.#socket.write(framed);
    });
  }

  #receive(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 2 && this.#rest.length >= 2 + this.#rest.readUInt16BE(0)) {
      const end = 2 + this.#rest.readUInt16BE(0);
      this.#pending.receive(this.#rest.subarray(2, end));
      this.#rest = this.#rest.subarray(end);
    }
  }

  close(error: Error): void {
    if (this.closed) return;
    this.closed = true;
    this.#socket.destroy();
    this.#pending.failAll(error);
  }
}
