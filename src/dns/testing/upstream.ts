// A DNS server of somebody else, for tests: real UDP and TCP sockets on loopback, with the faults upstreams have.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { decodeMessage, encodeMessage, Flag, formatName, parseRecord, Rcode, Type } from '../../dnswire/index.ts';
import type { Message } from '../../dnswire/index.ts';

export interface UpstreamReply {
  readonly rcode?: number;
  readonly answers?: readonly string[];
  readonly authorities?: readonly string[];
  readonly truncated?: boolean;
  readonly delayMs?: number;
  /** Change the message before it is sent: a lying server. */
  readonly damage?: (message: Message) => Message;
}

/** What to answer; undefined: stay silent. */
export type Behaviour = (
  question: string,
  transport: 'udp' | 'tcp' | 'tls',
  query: Message,
) => UpstreamReply | undefined;

export interface TestUpstream extends AsyncDisposable {
  readonly port: number;
  readonly target: { address: string; port: number };
  /** Questions so far, as `udp NAME TYPE`. */
  readonly asked: string[];
  /** Streams opened so far. */
  readonly connections: number;
  behave: Behaviour;
}

export async function startUpstream(
  behave: Behaviour,
  options: { port?: number; tls?: { key: string; cert: string } } = {},
): Promise<TestUpstream> {
  const asked: string[] = [];
  let closed = false;
  let connections = 0;
  const sockets = new Set<Socket>();
  const respond = (bytes: Buffer, transport: 'udp' | 'tcp' | 'tls', send: (reply: Buffer) => void) => {
    const query = decodeMessage(bytes);
    const [question] = query.questions;
    if (question === undefined) return;
    const typeText = Object.entries(Type).find(([, number]) => number === question.type)?.[0] ?? String(question.type);
    const text = `${formatName(question.name)} ${typeText}`;
    asked.push(`${transport} ${text}`);
    const reply = upstream.behave(text, transport, query);
    if (reply === undefined) return;
    const message: Message = {
      id: query.id,
      flags: Flag.QR | Flag.RA | (query.flags & Flag.RD) | (reply.truncated === true ? Flag.TC : 0),
      rcode: reply.rcode ?? Rcode.NOERROR,
      questions: query.questions,
      answers: (reply.answers ?? []).map((line) => parseRecord(line)),
      authorities: (reply.authorities ?? []).map((line) => parseRecord(line)),
      additionals: [],
    };
    const wire = encodeMessage(reply.damage?.(message) ?? message, transport === 'udp' ? 1232 : 65535);
    if (reply.delayMs === undefined) send(wire);
    else setTimeout(() => closed || send(wire), reply.delayMs);
  };
  const stream = (transport: 'tcp' | 'tls') => (socket: Socket) => {
    sockets.add(socket);
    connections += 1;
    socket.on('error', () => socket.destroy());
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        respond(rest.subarray(2, end), transport, (reply) => {
          const head = Buffer.alloc(2);
          head.writeUInt16BE(reply.length);
          socket.write(Buffer.concat([head, reply]));
        });
        rest = rest.subarray(end);
      }
    });
  };
  const tcp: Server =
    options.tls === undefined ? createServer(stream('tcp')) : createTlsServer(options.tls, stream('tls'));
  tcp.listen(options.port ?? 0, '127.0.0.1');
  await once(tcp, 'listening');
  const address = tcp.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const udp = createSocket('udp4');
  udp.on('message', (bytes, client) => respond(bytes, 'udp', (reply) => udp.send(reply, client.port, client.address)));
  const listening = once(udp, 'listening');
  udp.bind(port, '127.0.0.1');
  try {
    await listening;
  } catch (error) {
    tcp.close();
    // A port that was free for TCP may be taken for UDP.
    if (options.port === undefined) return startUpstream(behave, options);
    throw error;
  }
  const upstream: TestUpstream = {
    port,
    target: { address: '127.0.0.1', port },
    asked,
    get connections() {
      return connections;
    },
    behave,
    [Symbol.asyncDispose]: async () => {
      closed = true;
      udp.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => void tcp.close(resolve));
    },
  };
  return upstream;
}
