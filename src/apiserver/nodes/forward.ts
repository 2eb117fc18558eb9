// Passes a request on to a node agent or into the pod network, and its answer back, byte for byte.
import type { IncomingMessage, RequestOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import { http, https } from '../../http/index.ts';
import { serviceUnavailable, StatusError } from '../../api/index.ts';
import type { NodeAgentTls } from '../contract.ts';
import type { Answer } from '../request/answer.ts';
import type { Destination } from './destination.ts';

/** Headers that belong to one connection, or that would give the caller's credentials away. */
const DROPPED: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-length',
  'host',
  'http2-settings',
  'impersonate-user',
  'impersonate-group',
  'impersonate-uid',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const CONNECT_TIMEOUT_MS = 10_000;

type Headers = Readonly<Record<string, string | undefined>>;

function passedOn(headers: Headers): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !DROPPED.has(name) && !name.startsWith('impersonate-extra-')) kept[name] = value;
  }
  return kept;
}

function optionsFor(to: Destination, tls: NodeAgentTls | undefined): RequestOptions {
  const { host, port, target: path } = to;
  if (!to.isAgent) return { host, port, path, ...(to.scheme === 'https' ? { rejectUnauthorized: false } : {}) };
  if (tls === undefined) throw serviceUnavailable('this server has no certificate for node agents; start it with one');
  // An agent's certificate names the node, and the address it had when it was made; what counts is who signed it.
  const checkServerIdentity = () => undefined;
  return { host, port, path, cert: tls.certPem, key: tls.keyPem, ca: tls.caPem, checkServerIdentity } as RequestOptions;
}

const unreachable = (to: Destination, cause: Error): StatusError =>
  new StatusError(
    to.isAgent ? 502 : 503,
    to.isAgent ? 'BadGateway' : 'ServiceUnavailable',
    `error trying to reach ${to.isAgent ? 'the node agent' : 'service'} at ${to.scheme}://${to.host}:${to.port}: ${cause.message}`,
  );

export interface Forwarded {
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array | undefined;
  readonly signal: AbortSignal;
}

/** A request and its answer, streamed. */
export function forward(to: Destination, tls: NodeAgentTls | undefined, request: Forwarded): Promise<Answer> {
  const options = optionsFor(to, tls);
  const send = to.scheme === 'https' ? https.request : http.request;
  return new Promise((resolve, reject) => {
    const outgoing = send({
      ...options,
      method: request.method,
      headers: passedOn(request.headers),
      signal: request.signal,
    });
    outgoing.setTimeout(CONNECT_TIMEOUT_MS, () => {
      if (outgoing.socket?.connecting === true) outgoing.destroy(new Error('connection timed out'));
    });
    outgoing.once('response', (response) => resolve(answerOf(response)));
    outgoing.once('error', (error) => reject(unreachable(to, error)));
    if (request.body !== undefined) outgoing.setHeader('content-length', request.body.length);
    outgoing.end(request.body);
  });
}

function answerOf(response: IncomingMessage): Answer {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value === undefined || name === 'connection' || name === 'transfer-encoding' || name === 'keep-alive') continue;
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return { status: response.statusCode ?? 502, headers, body: { form: 'stream', chunks: response } };
}

export interface Upgrade {
  readonly method: string;
  readonly headers: Headers;
  /** The raw connection to the client and what it has sent already. */
  readonly socket: Duplex;
  readonly head: Buffer;
}

/**
 * Tunnels a connection that changes its protocol (WebSocket, SPDY): the bytes are none of our business.
 * @throws StatusError when the other side cannot be reached; nothing was sent to the client then.
 */
export function tunnel(to: Destination, tls: NodeAgentTls | undefined, upgrade: Upgrade): Promise<void> {
  const options = optionsFor(to, tls);
  const send = to.scheme === 'https' ? https.request : http.request;
  const { socket, head } = upgrade;
  const headers = {
    ...passedOn(upgrade.headers),
    connection: upgrade.headers['connection'] ?? 'Upgrade',
    upgrade: upgrade.headers['upgrade'] ?? '',
  };
  return new Promise((resolve, reject) => {
    const outgoing = send({ ...options, method: upgrade.method, headers });
    const abandoned = () => outgoing.destroy();
    socket.once('close', abandoned);
    outgoing.once('error', (error) => reject(unreachable(to, error)));
    // Refused: the answer goes back as it is.
    outgoing.once('response', (response) => {
      socket.write(statusLines(response, 'close'));
      response.pipe(socket);
      resolve();
    });
    outgoing.once('upgrade', (response, far: Duplex, farHead: Buffer) => {
      socket.off('close', abandoned);
      socket.write(statusLines(response, response.headers.connection ?? 'Upgrade'));
      if (farHead.length > 0) socket.write(farHead);
      if (head.length > 0) far.write(head);
      join(socket, far);
      resolve();
    });
    outgoing.end();
  });
}

function statusLines(response: IncomingMessage, connection: string): string {
  const lines = [`HTTP/1.1 ${response.statusCode ?? 502} ${response.statusMessage ?? ''}`];
  for (let i = 0; i < response.rawHeaders.length; i += 2) {
    const name = response.rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'connection' || lower === 'transfer-encoding') continue;
    lines.push(`${name}: ${response.rawHeaders[i + 1] ?? ''}`);
  }
  return `${lines.join('\r\n')}\r\nConnection: ${connection}\r\n\r\n`;
}

/** Each side's end, and each side's failure, is the other's. */
function join(a: Duplex, b: Duplex): void {
  a.pipe(b).pipe(a);
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    one.once('error', () => other.destroy());
    one.once('close', () => other.destroy());
  }
}
