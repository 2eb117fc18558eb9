// kubectl port-forward: each connection is a pair of SPDY streams (data and error), over SPDY itself or inside
// WebSocket messages, joined with a TCP connection made in the pod's network namespace.
import type { IncomingMessage } from 'node:http';
import net from 'node:net';
import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { connectTcpIn } from '../../linux/index.ts';
import { errorText } from '../../errors/index.ts';
import type { Logger } from '../../log/index.ts';
import { HttpError } from './http-error.ts';
import { acceptSpdy } from './spdy-streams.ts';
import { SpdySession, type SpdyStream } from './spdy/session.ts';
import { acceptWebSocket } from './websocket-streams.ts';

const PROTOCOL = 'portforward.k8s.io';
/** Not a token by RFC 6455, so the WebSocket library must not see it. */
const TUNNEL_PROTOCOL = `SPDY/3.1+${PROTOCOL}`;

export interface PortForward {
  readonly req: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  /** The pod's namespace; undefined for a pod on the host network. */
  readonly netns: string | undefined;
  readonly log: Logger;
  readonly ports: readonly number[];
}

export async function upgradePortForward(o: PortForward): Promise<void> {
  const pairs = new Map<string, { data?: SpdyStream; error?: SpdyStream }>();
  const onStream = (stream: SpdyStream) => {
    const type = stream.headers.get('streamtype');
    // Old clients send no request id; their streams come in pairs, the error stream first.
    const request = stream.headers.get('requestid') ?? String(type === 'data' ? stream.id - 2 : stream.id);
    const pair = pairs.get(request) ?? {};
    pairs.set(request, pair);
    if (type === 'error') pair.error = stream;
    else pair.data = stream;
    if (pair.data === undefined || pair.error === undefined) return;
    pairs.delete(request);
    forward(o, pair.data, pair.error);
  };
  const transport = await openTransport(o);
  const session = new SpdySession(transport.stream, transport.head, onStream);
  await session.closed;
}

async function openTransport(o: PortForward): Promise<{ stream: Duplex; head: Buffer }> {
  if (String(o.req.headers.upgrade ?? '').toLowerCase() !== 'websocket') {
    acceptSpdy(o.req, o.socket, [PROTOCOL]);
    return { stream: o.socket, head: o.head };
  }
  const offered = String(o.req.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((p) => p.trim());
  if (!offered.includes(TUNNEL_PROTOCOL)) {
    throw new HttpError(400, `port-forward over WebSocket needs the subprotocol ${TUNNEL_PROTOCOL}`);
  }
  delete o.req.headers['sec-websocket-protocol'];
  const ws = await acceptWebSocket(o.req, o.socket, o.head, [], TUNNEL_PROTOCOL);
  return { stream: webSocketDuplex(ws), head: Buffer.alloc(0) };
}

/** The bytes inside binary messages as one stream. */
function webSocketDuplex(ws: WebSocket): Duplex {
  const duplex = new Duplex({
    read: () => ws.resume(),
    write: (chunk: Buffer, _, done) => ws.send(chunk, { binary: true }, () => done()),
    final: (done) => {
      ws.close(1000);
      done();
    },
    destroy: (error, done) => {
      ws.terminate();
      done(error);
    },
  });
  ws.on('message', (data: Buffer) => {
    if (!duplex.push(data)) ws.pause();
  });
  ws.on('close', () => {
    duplex.push(null);
    duplex.destroy();
  });
  ws.on('error', () => ws.terminate());
  return duplex;
}

function connect(netns: string | undefined, host: string, port: number): net.Socket {
  return netns === undefined ? net.connect({ host, port, allowHalfOpen: true }) : connectTcpIn(netns, { host, port });
}

function forward(o: PortForward, data: SpdyStream, error: SpdyStream): void {
  const port = Number(data.headers.get('port') ?? error.headers.get('port'));
  const fail = (message: string) => {
    error.end(`error forwarding port ${port} to pod: ${message}`);
    data.destroy();
  };
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    fail('the port is not a number from 1 to 65535');
    return;
  }
  const open = (hosts: readonly string[]) => {
    const [host = '', ...others] = hosts;
    let socket: net.Socket;
    try {
      socket = connect(o.netns, host, port);
    } catch (e) {
      fail(errorText(e));
      return;
    }
    let isOpen = false;
    socket.on('connect', () => {
      isOpen = true;
      data.pipe(socket);
      socket.pipe(data);
    });
    socket.on('error', (e: NodeJS.ErrnoException) => {
      if (!isOpen && others.length > 0) open(others);
      else if (!isOpen)
        fail(
          `connect to 127.0.0.1:${port} in the pod: ${e.code === 'ECONNREFUSED' ? 'connection refused' : e.message}`,
        );
      else data.destroy();
    });
    socket.on('close', () => {
      if (!isOpen) return;
      error.end();
    });
    data.on('close', () => socket.destroy());
  };
  open(['127.0.0.1', '::1']);
}
