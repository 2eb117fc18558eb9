// From HTTP to the core and back: who is it, what was sent, and for upgrades the way to the other side.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { badRequest, notFoundPath, strategyOf } from '../../api/index.ts';
import type { Logger } from '../../log/index.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import type { ApiRequest, NodeAgentTls } from '../contract.ts';
import { destinationOf } from '../nodes/connect.ts';
import { tunnel } from '../nodes/forward.ts';
import { acceptedOf, isApiPath } from '../request/accept.ts';
import { bodyText } from '../request/answer.ts';
import { actingUser, dispatch, permit, type DispatchDeps } from '../request/dispatch.ts';
import { routeOf } from '../request/route.ts';
import { failureAnswer } from '../request/status-answer.ts';
import type { HttpHandlers } from './http-server.ts';
import type { UserRate } from '../request/user-rate.ts';
import { readBody, type BodyLimits } from './read-body.ts';
import { writeAnswer } from './write-answer.ts';

export interface ServeDeps {
  readonly dispatch: DispatchDeps;
  readonly authenticator: Authenticator;
  readonly userRate: UserRate;
  readonly body: BodyLimits;
  readonly nodeAgentTls: NodeAgentTls | undefined;
  readonly log: Logger;
}

/** Made once: a fresh DOMException per request costs more than reading the request. */
const CLIENT_GONE = new Error('the client closed the connection');

export function httpHandlers(deps: ServeDeps): HttpHandlers {
  const { authenticator, log } = deps;
  const serve: HttpHandlers['request'] = async (incoming, response, peer) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort(CLIENT_GONE));
    let answered;
    try {
      const headers = flatHeaders(incoming.headers);
      const user = await authenticator.authenticate(peer, headers['authorization']);
      const [path, query] = splitTarget(incoming.url ?? '/');
      const method = incoming.method ?? 'GET';
      // Before the body is read: who asks too much shall cost little.
      const refusal = deps.userRate.refuse(user);
      const hasBody = method !== 'GET' && method !== 'HEAD' && refusal === undefined;
      const body = hasBody ? await readBody(incoming, deps.body) : undefined;
      const request: ApiRequest = { method, path, query, headers, user, body, signal: gone.signal };
      answered = await dispatch(deps.dispatch, request, refusal);
    } catch (error) {
      answered = { answer: failureAnswer(error, log, incoming.url ?? ''), auditId: '' };
    }
    await writeAnswer(response, answered.answer, {
      auditId: answered.auditId,
      head: incoming.method === 'HEAD',
      yaml: isApiPath(incoming.url ?? '') && acceptedOf(incoming.headers.accept ?? '')?.notation === 'yaml',
      gzip: /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/.test(String(incoming.headers['accept-encoding'] ?? '')),
    });
  };
  return {
    async request(incoming, response, peer) {
      try {
        await serve(incoming, response, peer);
      } catch (error) {
        // The client went away, or the connection broke, in the middle of an answer.
        log.debug('an answer could not be sent', { path: incoming.url, error });
        response.destroy();
      }
    },
    async upgrade(incoming, socket, head, peer) {
      const leave = deps.dispatch.inFlight.enter('long');
      socket.once('close', leave);
      try {
        const headers = flatHeaders(incoming.headers);
        const user = await authenticator.authenticate(peer, headers['authorization']);
        const refusal = deps.userRate.refuse(user);
        if (refusal !== undefined) throw refusal;
        await serveUpgrade(deps, incoming, { socket, head, headers, user });
      } catch (error) {
        refuseUpgrade(socket, error, log, incoming.url ?? '');
      }
    },
  };
}

interface UpgradeParts {
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly headers: Record<string, string>;
  readonly user: ApiRequest['user'];
}

const UPGRADES: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy']);

async function serveUpgrade(deps: ServeDeps, incoming: IncomingMessage, parts: UpgradeParts): Promise<void> {
  const { socket, head, headers } = parts;
  const { verbs, authorizer } = deps.dispatch;
  const [path, query] = splitTarget(incoming.url ?? '/');
  const method = incoming.method ?? 'GET';
  const gone = new AbortController();
  socket.once('close', () => gone.abort(CLIENT_GONE));
  const request: ApiRequest = { method, path, query, headers, user: parts.user, body: undefined, signal: gone.signal };
  const route = routeOf(request);
  if (route.kind !== 'resource') throw notFoundPath();
  const user = await actingUser(authorizer, request);
  await permit(authorizer, route, { ...request, user });
  const { resource } = route.served;
  const { namespace, name, subresource, rest } = route.path;
  if (!UPGRADES.has(subresource)) throw badRequest('this resource does not take upgraded connections');
  const to = await destinationOf(
    verbs.store,
    {
      resource,
      strategy: strategyOf(resource),
      namespace,
      name,
      subresource,
      query,
      headers,
      user,
      body: undefined,
      signal: gone.signal,
      warnings: [],
    },
    rest,
  );
  if (to === undefined) throw badRequest('this resource does not take upgraded connections');
  const started = performance.now();
  await tunnel(to, deps.nodeAgentTls, { method, headers, socket, head });
  deps.dispatch.onAnswer({ auditId: '', request, user, route, status: 101, milliseconds: performance.now() - started });
}

function refuseUpgrade(socket: Duplex, error: unknown, log: Logger, path: string): void {
  const answer = failureAnswer(error, log, path);
  const text = bodyText(answer.body);
  const head = [
    `HTTP/1.1 ${answer.status} Refused`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  socket.end(text);
}

export function flatHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !name.startsWith(':')) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  // HTTP/2 has another name for it.
  const authority = headers[':authority'];
  if (typeof authority === 'string') flat['host'] ??= authority;
  return flat;
}

function splitTarget(target: string): [path: string, query: URLSearchParams] {
  const mark = target.indexOf('?');
  return mark < 0
    ? [target, new URLSearchParams()]
    : [target.slice(0, mark), new URLSearchParams(target.slice(mark + 1))];
}
