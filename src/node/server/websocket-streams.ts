// exec and attach over WebSocket: one byte of channel number before each message (channel.k8s.io, versions 1, 4, 5).
import type { IncomingMessage } from 'node:http';
import { PassThrough, Writable, type Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { parseResize, type RemoteStreams, type RemoteWish } from './remote-streams.ts';

export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
/** Best first. */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'channel.k8s.io'];
const MAX_MESSAGE = 16 * 1024 * 1024;

/** `announce`: a subprotocol to answer with that the library itself does not accept. */
export async function acceptWebSocket(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocols: readonly string[],
  announce?: string,
) {
  // Loaded at the first use: most nodes never see an exec.
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
    handleProtocols: (offered) => protocols.find((p) => offered.has(p)) ?? false,
  });
  if (announce !== undefined) server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${announce}`));
  return new Promise<WebSocket>((resolve) => server.handleUpgrade(req, socket, head, resolve));
}

export async function webSocketStreams(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  wish: RemoteWish,
): Promise<RemoteStreams> {
  const ws = await acceptWebSocket(req, socket, head, PROTOCOLS);
  const writable = (channel: number) =>
    new Writable({
      write(chunk: Buffer, _, done) {
        // The client may be gone: that is told by `closed`, not by every stream.
        ws.send(Buffer.concat([Buffer.from([channel]), chunk]), { binary: true }, () => done());
      },
    });
  const stdin = wish.stdin ? new PassThrough() : undefined;
  let resize: (columns: number, rows: number) => void = () => undefined;
  ws.on('message', (data: Buffer, isBinary: boolean) => {
    if (!isBinary && data.length === 0) return;
    const body = data.subarray(1);
    switch (data[0]) {
      case CHANNEL.stdin:
        if (stdin !== undefined && !stdin.writableEnded && body.length > 0 && !stdin.write(body)) {
          ws.pause();
          stdin.once('drain', () => ws.resume());
        }
        break;
      case CHANNEL.resize: {
        const size = parseResize(body.toString());
        if (size !== undefined) resize(size.columns, size.rows);
        break;
      }
      case CHANNEL.close:
        // Version 5: the client has no more for this channel.
        if (body[0] === CHANNEL.stdin) stdin?.end();
        break;
      default:
    }
  });
  const closed = new Promise<void>((resolve) => {
    ws.on('close', () => {
      stdin?.end();
      resolve();
    });
  });
  ws.on('error', () => ws.terminate());
  // Tells the client that the session stands.
  ws.send(Buffer.from([CHANNEL.stdout]), { binary: true });
  return {
    stdin,
    stdout: wish.stdout ? writable(CHANNEL.stdout) : undefined,
    stderr: wish.stderr ? writable(CHANNEL.stderr) : undefined,
    onResize: (handler) => {
      resize = handler;
    },
    closed,
    async finish(status) {
      const message = Buffer.concat([Buffer.from([CHANNEL.error]), Buffer.from(JSON.stringify(status))]);
      if (ws.readyState === ws.OPEN) ws.send(message, { binary: true });
      ws.close(1000);
      await closed;
    },
  };
}
