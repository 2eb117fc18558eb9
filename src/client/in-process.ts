// A client for components that run in the API server's own process: the same requests without sockets and JSON text.
import type { Client } from './contract.ts';
import { clientOver } from './rest-client.ts';
import { LineSplitter, parseWatchLine } from './watch-lines.ts';
import type { RawWatchEvent, Transport, TransportRequest, TransportResponse } from './transport.ts';

/** Who makes the request, as the server's authorizer sees it. */
export interface InProcessUser {
  name: string;
  groups: readonly string[];
}

/** Structural twin of what the API server's core takes, so that this room need not import that one. */
export interface InProcessRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Readonly<Record<string, string>>;
  user: InProcessUser;
  body: unknown;
  signal: AbortSignal;
}

export interface InProcessResponse {
  status: number;
  headers: Readonly<Record<string, string>>;
  /** A JSON value, text, bytes, or the events of a watch. */
  body: unknown;
}

export type InProcessHandle = (request: InProcessRequest) => Promise<InProcessResponse> | InProcessResponse;

/**
 * Objects in answers are the server's own: read them, never change them.
 * @param userAgent names the program in the audit log, and the field manager of its writes
 */
export function createInProcessClient(
  handle: InProcessHandle,
  user: InProcessUser,
  userAgent: string = 'portico',
): Client {
  return clientOver(inProcessTransport(handle, user, userAgent));
}

function inProcessTransport(handle: InProcessHandle, user: InProcessUser, userAgent: string): Transport {
  const closed = new AbortController();
  const run = (request: TransportRequest) => {
    closed.signal.throwIfAborted();
    const mark = request.path.indexOf('?');
    const path = mark < 0 ? request.path : request.path.slice(0, mark);
    const query = new URLSearchParams(mark < 0 ? '' : request.path.slice(mark + 1));
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': userAgent };
    if (request.body !== undefined) headers['content-type'] = request.contentType ?? 'application/json';
    const signal = request.signal === undefined ? closed.signal : AbortSignal.any([request.signal, closed.signal]);
    return handle({ method: request.method, path, query, headers, user, body: request.body, signal });
  };
  return {
    async send(request) {
      return plain(await run(request));
    },
    async watch(request) {
      const answer = await run(request);
      if (answer.status >= 300 || !isAsyncIterable(answer.body)) return { response: plain(answer) };
      return { response: { ...answer, body: undefined }, events: events(answer.body) };
    },
    close: () => closed.abort(),
  };
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function plain(answer: InProcessResponse): TransportResponse {
  const { status, headers, body } = answer;
  if (!(body instanceof Uint8Array) && typeof body !== 'string') return { status, headers, body };
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
  const json = headers['content-type']?.includes('json') === true;
  return { status, headers, body: json ? (JSON.parse(text) as unknown) : text };
}

/** Accepts events as values or as lines of text or bytes. */
async function* events(body: AsyncIterable<unknown>): AsyncGenerator<RawWatchEvent> {
  const lines = new LineSplitter();
  for await (const item of body) {
    if (typeof item !== 'string' && !(item instanceof Uint8Array)) {
      yield item as RawWatchEvent;
      continue;
    }
    for (const line of lines.push(Buffer.from(item as Uint8Array))) yield parseWatchLine(line);
  }
}
