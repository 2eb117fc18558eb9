// exec and attach over SPDY/3.1: one stream each for error, stdin, stdout, stderr and resize.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { parseResize, type RemoteStreams, type RemoteWish } from './remote-streams.ts';
import { SpdySession, type SpdyStream } from './spdy/session.ts';

/** Version 5 brings nothing to SPDY, whose streams close by themselves. */
const PROTOCOLS = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];
const STREAMS_TIMEOUT_MS = 30_000;

export function acceptSpdy(req: IncomingMessage, socket: Duplex, protocols: readonly string[]): string {
  const offered = String(req.headers['x-stream-protocol-version'] ?? '')
    .split(',')
    .map((p) => p.trim());
  const chosen = protocols.find((p) => offered.includes(p)) ?? protocols.at(-1) ?? '';
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${chosen}\r\n\r\n`,
  );
  return chosen;
}

export async function spdyStreams(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  wish: RemoteWish,
): Promise<RemoteStreams> {
  const protocol = acceptSpdy(req, socket, PROTOCOLS);
  const hasResize = wish.tty && !['channel.k8s.io', 'v2.channel.k8s.io'].includes(protocol);
  const expected = [
    'error',
    ...(wish.stdin ? ['stdin'] : []),
    ...(wish.stdout ? ['stdout'] : []),
    ...(wish.stderr ? ['stderr'] : []),
    ...(hasResize ? ['resize'] : []),
  ];
  const streams = new Map<string, SpdyStream>();
  const complete = Promise.withResolvers<void>();
  const session = new SpdySession(socket, head, (stream) => {
    streams.set(stream.headers.get('streamtype') ?? '', stream);
    if (expected.every((name) => streams.has(name))) complete.resolve();
  });
  const timer = setTimeout(
    () => complete.reject(new Error('the client did not open its streams in time')),
    STREAMS_TIMEOUT_MS,
  );
  void session.closed.then(() => complete.reject(new Error('the client went away')));
  try {
    await complete.promise;
  } finally {
    clearTimeout(timer);
  }
  const resizeStream = streams.get('resize');
  const error = streams.get('error');
  return {
    stdin: wish.stdin ? streams.get('stdin') : undefined,
    stdout: wish.stdout ? streams.get('stdout') : undefined,
    stderr: wish.stderr ? streams.get('stderr') : undefined,
    onResize: (handler) => {
      // One JSON object after the other, without separators other than white space.
      let text = '';
      resizeStream?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
          const size = parseResize(text.slice(0, end + 1));
          if (size !== undefined) handler(size.columns, size.rows);
          text = text.slice(end + 1);
        }
      });
    },
    closed: session.closed,
    async finish(status) {
      const wantsJson = protocol === 'v4.channel.k8s.io';
      const s = status as { status?: string; message?: string };
      const text = wantsJson ? JSON.stringify(status) : s.status === 'Success' ? '' : (s.message ?? '');
      const ends = [...streams].filter(([name]) => ['stdout', 'stderr', 'error'].includes(name));
      error?.write(text);
      await Promise.all(ends.map(([, stream]) => new Promise<void>((resolve) => stream.end(() => resolve()))));
      // The client closes when it has read everything; a lost one must not hold the socket for ever.
      const patience = setTimeout(() => session.close(), 5000);
      await session.closed;
      clearTimeout(patience);
    },
  };
}
