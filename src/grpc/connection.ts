// One HTTP/2 connection to a gRPC server over TCP, TLS or a unix socket, made when it is needed and again when it broke.
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';

/** Larger windows than the protocol's 64 KiB: a list of ten thousand objects arrives without a pause for each piece. */
const STREAM_WINDOW = 4 << 20;
const CONNECTION_WINDOW = 16 << 20;

export interface GrpcTls {
  /** The authorities to trust, PEM. @default the system's */
  readonly ca?: string;
  /** Client certificate and key, PEM. */
  readonly cert?: string;
  readonly key?: string;
  /** The name the server's certificate must have. @default the host */
  readonly servername?: string;
}

export type GrpcTarget =
  | { readonly unixPath: string }
  | {
      readonly host: string;
      readonly port: number;
      readonly tls?: GrpcTls;
      /** Opens the TCP connection where that is not the ordinary way: from another network namespace, say. */
      readonly open?: (host: string, port: number) => net.Socket;
    };

export interface ConnectionOptions {
  /** @default 5000 */
  readonly connectTimeoutMs?: number;
  /** The connection is given up when a ping is not answered within this time; pings go out as often. Left out: none. */
  readonly keepaliveMs?: number;
}

export interface Connection {
  /** A connection that takes a request; its own errors end every call on it. */
  session(): http2.ClientHttp2Session;
  /** Was the server ever reached on it? Requests made before leave only then. */
  wasConnected(session: http2.ClientHttp2Session): boolean;
  /** Why that connection broke; undefined for one that did not. */
  errorOf(session: http2.ClientHttp2Session): Error | undefined;
  close(): void;
}

/** How the target is written in messages: `unix:///run/x.sock`, `10.0.0.1:2379`. */
export function targetName(target: GrpcTarget): string {
  if ('unixPath' in target) return `unix://${target.unixPath}`;
  return `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
}

/** The socket to speak on, and what it stands on. */
function dial(target: GrpcTarget): net.Socket[] {
  if ('unixPath' in target) return [net.connect({ path: target.unixPath })];
  const { host, port } = target;
  const tcp = target.open?.(host, port) ?? net.connect({ host, port });
  tcp.setNoDelay(true);
  if (target.tls === undefined) return [tcp];
  const { servername = net.isIP(host) === 0 ? host : '', ...credentials } = target.tls;
  const socket = tls.connect({ host, socket: tcp, ...credentials, servername, ALPNProtocols: ['h2'] });
  // What breaks below the TLS layer before it is up would otherwise be nobody's error.
  tcp.on('error', (error) => socket.destroy(error));
  return [socket, tcp];
}

export function openConnection(target: GrpcTarget, options: ConnectionOptions): Connection {
  let current: http2.ClientHttp2Session | undefined;
  const errors = new WeakMap<http2.ClientHttp2Session, Error>();
  const connected = new WeakSet<http2.ClientHttp2Session>();
  let closed = false;
  /** Takes away what belongs to a session; those that were left for a new one are among them. */
  const open = new Set<() => void>();

  const connect = (): http2.ClientHttp2Session => {
    const secure = 'tls' in target && target.tls !== undefined;
    const authority = 'unixPath' in target ? 'localhost' : targetName(target);
    // When the TLS layer is refused, nobody else closes what is below.
    const sockets = dial(target);
    const [socket] = sockets as [net.Socket];
    const session = http2.connect(`${secure ? 'https' : 'http'}://${authority}`, {
      createConnection: () => socket,
      settings: { initialWindowSize: STREAM_WINDOW, enablePush: false },
    });
    const timeoutMs = options.connectTimeoutMs ?? 5000;
    const overdue = setTimeout(() => session.destroy(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
    const leave = () => {
      clearTimeout(overdue);
      if (current === session) current = undefined;
    };
    let pings: NodeJS.Timeout | undefined;
    session.on('connect', () => {
      clearTimeout(overdue);
      connected.add(session);
      session.setLocalWindowSize(CONNECTION_WINDOW);
      if (options.keepaliveMs !== undefined && open.has(end)) pings = keepAlive(session, options.keepaliveMs);
    });
    const end = () => {
      if (!open.delete(end)) return;
      clearInterval(pings);
      leave();
      session.destroy();
      for (const part of sockets) part.destroy();
    };
    open.add(end);
    const fail = (error: Error) => {
      errors.set(session, error);
      end();
    };
    session.on('error', fail);
    // The session says neither 'error' nor 'close' when the server refuses our certificate after the handshake.
    for (const part of sockets) {
      part.on('error', fail);
      part.on('close', end);
    }
    // Calls that the server has taken may end; new ones go to a new connection.
    session.on('goaway', leave);
    session.on('close', end);
    return session;
  };

  return {
    session() {
      if (closed) throw new Error('the client was closed');
      if (current === undefined || current.closed || current.destroyed) current = connect();
      return current;
    },
    wasConnected: (session) => connected.has(session),
    errorOf: (session) => errors.get(session),
    close() {
      closed = true;
      for (const end of open) end();
    },
  };
}

function keepAlive(session: http2.ClientHttp2Session, everyMs: number): NodeJS.Timeout {
  let answered = true;
  return setInterval(() => {
    if (session.destroyed) return;
    if (!answered) {
      session.destroy(new Error(`no answer to a ping within ${everyMs} ms`));
      return;
    }
    answered = false;
    session.ping(() => {
      answered = true;
    });
  }, everyMs);
}
