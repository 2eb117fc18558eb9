// HTTP/1.1 over node:https with kept connections. Watches have connections of their own, so that a burst of
// requests never waits behind one.
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import { http, https } from '../http/index.ts';
import type { ClientConfig } from './contract.ts';
import { ConnectionError } from './connection-error.ts';
import type { RawWatchEvent, Transport, TransportRequest, TransportResponse } from './transport.ts';
import { LineSplitter, parseWatchLine } from './watch-lines.ts';

export interface HttpTransportOptions {
  /** Whole time of a request that is no watch. */
  requestTimeoutMs?: number;
  /** Connections for requests; more requests than this wait for one. */
  maxConnections?: number;
  /** Told of every answer, and of every request that got none. */
  onAnswer?: (answer: AnswerReport) => void;
}

export interface AnswerReport {
  readonly method: TransportRequest['method'];
  /** Host and port of the server. */
  readonly host: string;
  /** Status code; `<error>` without an answer, as client-go has it. */
  readonly code: string;
  /** From the request to the head of the answer. */
  readonly seconds: number;
}

export function createHttpTransport(config: ClientConfig, options: HttpTransportOptions = {}): Transport {
  const base = parseServer(config.server);
  const secure = base.protocol === 'https:';
  const tls = {
    ...(config.caPem === undefined ? {} : { ca: config.caPem }),
    ...(config.certPem === undefined ? {} : { cert: config.certPem }),
    ...(config.keyPem === undefined ? {} : { key: config.keyPem }),
    ...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
    rejectUnauthorized: config.insecureSkipVerify !== true,
  };
  const kept = { keepAlive: true, keepAliveMsecs: 15_000, scheduling: 'lifo' } as const;
  const maxConnections = options.maxConnections ?? 16;
  const requests = secure
    ? new https.Agent({ ...kept, ...tls, maxSockets: maxConnections })
    : new http.Agent({ ...kept, maxSockets: maxConnections });
  const watches = secure ? new https.Agent({ ...kept, ...tls }) : new http.Agent(kept);
  const timeoutMs = options.requestTimeoutMs ?? 30_000;
  const prefix = base.pathname.replace(/\/$/, '');
  // URL keeps the brackets of an IPv6 host; sockets want it without.
  const hostname = base.hostname.replace(/^\[|\]$/g, '');

  const open = (request: TransportRequest, agent: Agent): Promise<Answer> =>
    new Promise<Answer>((resolve, reject) => {
      const began = performance.now();
      const tell = (code: string) =>
        options.onAnswer?.({
          method: request.method,
          host: base.host,
          code,
          seconds: (performance.now() - began) / 1000,
        });
      const payload = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
      const headers: Record<string, string | number> = {
        accept: 'application/json',
        'user-agent': config.userAgent ?? 'portico',
      };
      const token = typeof config.token === 'function' ? config.token() : config.token;
      if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
      if (payload !== undefined) {
        headers['content-type'] = request.contentType ?? 'application/json';
        headers['content-length'] = payload.length;
      }
      const req = (secure ? https : http).request({
        agent,
        hostname,
        port: base.port === '' ? (secure ? 443 : 80) : Number(base.port),
        method: request.method,
        path: prefix + request.path,
        headers,
        ...(config.credentials === undefined ? {} : clientCertificate(config.credentials())),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      });
      let answered = false;
      req.once('response', (response) => {
        answered = true;
        tell(String(response.statusCode ?? 0));
        resolve({ req, response });
      });
      // Stays for the life of the request: an error after the response is also given to the response's reader.
      req.on('error', (cause: NodeJS.ErrnoException) => {
        if (!answered) tell('<error>');
        reject(Object.assign(failure(request, config.server, cause), { stale: req.reusedSocket }));
      });
      req.end(payload);
    });

  const sendOnce = async (request: TransportRequest): Promise<TransportResponse> => {
    // Not AbortSignal.timeout(): its timers would outlive thousands of short requests.
    const late = new AbortController();
    const deadline = late.signal;
    const timer = setTimeout(() => late.abort(), timeoutMs);
    const signal = request.signal === undefined ? deadline : AbortSignal.any([request.signal, deadline]);
    try {
      const { response } = await open({ ...request, signal }, requests);
      return await readResponse(response);
    } catch (e) {
      if (deadline.aborted) {
        throw new ConnectionError(`${request.method} ${config.server}${request.path}: no answer in ${timeoutMs} ms`);
      }
      if (e instanceof ConnectionError) throw e;
      throw failure(request, config.server, e);
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    async send(request) {
      for (let left = maxConnections; ; left--) {
        try {
          return await sendOnce(request);
        } catch (e) {
          // The server closed a kept connection just as we used it, and perhaps all of them: each try uses one up. Only a
          // read may be repeated unseen.
          const stale = (e as { stale?: boolean }).stale === true;
          if (!stale || left === 0 || request.method !== 'GET' || request.signal?.aborted === true) throw e;
        }
      }
    },
    async watch(request) {
      const { response } = await open(request, watches);
      if ((response.statusCode ?? 0) >= 300) return { response: await readResponse(response) };
      const head = { status: response.statusCode ?? 0, headers: headersOf(response), body: undefined };
      return { response: head, events: readEvents(response, request, config.server) };
    },
    close() {
      requests.destroy();
      watches.destroy();
    },
  };
}

const clientCertificate = ({ certPem, keyPem }: { certPem: string; keyPem: string }) => ({
  cert: certPem,
  key: keyPem,
});

interface Answer {
  req: ClientRequest;
  response: IncomingMessage;
}

function parseServer(server: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(server);
  } catch {
    url = undefined;
  }
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new Error(`server "${server}": give the API server as a URL such as https://127.0.0.1:6443`);
  }
  return url;
}

function failure(request: TransportRequest, server: string, cause: unknown): Error {
  if (request.signal?.aborted === true) return new DOMException('The request was aborted', 'AbortError');
  const code = (cause as NodeJS.ErrnoException).code;
  const why = cause instanceof Error && cause.message !== '' ? cause.message : (code ?? 'unknown error');
  return new ConnectionError(`${request.method} ${server}${request.path}: ${why}`, cause);
}

function headersOf(response: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

async function readResponse(response: IncomingMessage): Promise<TransportResponse> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const headers = headersOf(response);
  const status = response.statusCode ?? 0;
  if (headers['content-type']?.includes('json') === true) {
    try {
      return { status, headers, body: JSON.parse(text) as unknown };
    } catch (cause) {
      throw new ConnectionError(`the server announced JSON and sent: ${text.slice(0, 120)}`, cause);
    }
  }
  return { status, headers, body: text };
}

async function* readEvents(
  response: IncomingMessage,
  request: TransportRequest,
  server: string,
): AsyncGenerator<RawWatchEvent> {
  const lines = new LineSplitter();
  try {
    for await (const chunk of response) {
      for (const line of lines.push(chunk as Buffer)) yield parseWatchLine(line);
    }
  } catch (cause) {
    if (request.signal?.aborted === true) return;
    if (cause instanceof Error && (cause as NodeJS.ErrnoException).code === undefined) throw cause;
    throw failure(request, server, cause);
  } finally {
    response.destroy();
  }
  if (lines.rest !== '') throw new ConnectionError(`GET ${server}${request.path}: the watch was cut inside an event`);
}
