// The subresources that end somewhere else: log, exec, attach, portforward, proxy.
import { badRequest, methodNotAllowed, StatusError } from '../../api/index.ts';
import type { Store } from '../../store/index.ts';
import type { ApiRequest, NodeAgentTls } from '../contract.ts';
import { textAnswer, type Answer } from '../request/answer.ts';
import type { Connect } from '../request/dispatch.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import { agentDestination, proxyDestination, type Destination } from './destination.ts';
import { forward } from './forward.ts';
import { proxiedLocation } from './proxied-location.ts';
import { withProxiedLinks } from './proxied-page.ts';

/** What a plain request to such a subresource gets: a log or a proxied answer. */
export function createConnect(store: Store, tls: NodeAgentTls | undefined): Connect {
  return async (request, route, raw) => {
    const { subresource } = request;
    if (subresource !== 'log' && subresource !== 'proxy') {
      throw badRequest('Upgrade request required: exec, attach and portforward need WebSocket or SPDY');
    }
    if (subresource === 'log' && raw.method !== 'GET') throw methodNotAllowed();
    const { rest } = route.path;
    // Relative links of the first page would otherwise lead beside the proxy.
    if (subresource === 'proxy' && rest === '' && (raw.method === 'GET' || raw.method === 'HEAD')) {
      const query = raw.query.toString();
      return { ...textAnswer('', 301), headers: { location: `${raw.path}/${query === '' ? '' : `?${query}`}` } };
    }
    const to = await destinationOf(store, request, rest);
    if (to === undefined) return textAnswer('');
    const body = raw.body instanceof Uint8Array ? raw.body : undefined;
    const toldPath = subresource === 'proxy' ? { 'x-forwarded-uri': raw.path } : {};
    const headers = { ...raw.headers, ...toldPath };
    const answer = await forward(to, tls, { method: raw.method, headers, body, signal: raw.signal });
    if (subresource === 'proxy') return asSeenThroughProxy(answer, to, raw, rest);
    if (answer.status >= 300) throw await failureOf(answer);
    return answer;
  };
}

/** What gives pages of other sites a way in is for the proxied server to say about itself, not about this API. */
const CORS = /^access-control-allow-(credentials|headers|methods|origin)$/;

/** Paths of the proxied server are below the proxy's for the client. */
function asSeenThroughProxy(answer: Answer, to: Destination, raw: ApiRequest, rest: string): Answer {
  const prefix = raw.path.slice(0, raw.path.length - rest.length);
  const seen = (link: string, below: string) => proxiedLocation(link, to, below, raw.headers['host'] ?? '');
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers ?? {})) {
    if (!CORS.test(name)) headers[name] = name === 'location' ? seen(value, prefix) : value;
  }
  const inPage = prefix.replaceAll(/[&"'<>`=]/g, (c) => `&#${c.charCodeAt(0)};`);
  return withProxiedLinks({ ...answer, headers }, (link) => seen(link, inPage));
}

const REASONS: Readonly<Record<number, string>> = { 400: 'BadRequest', 403: 'Forbidden', 404: 'NotFound' };
const MAX_MESSAGE = 10_000;

/** An agent refuses in plain text; clients of the API read Status objects. */
async function failureOf({ status, body }: Answer): Promise<StatusError> {
  let text = '';
  if (body.form === 'stream') {
    for await (const chunk of body.chunks) {
      text += Buffer.from(chunk).toString();
      if (text.length > MAX_MESSAGE) break;
    }
  }
  return new StatusError(status, REASONS[status] ?? 'InternalError', text.trim());
}

/** Undefined: there is nowhere to go, and nothing to read. */
export function destinationOf(store: Store, request: ResourceRequest, rest: string): Promise<Destination | undefined> {
  return request.subresource === 'proxy' ? proxyDestination(store, request, rest) : agentDestination(store, request);
}
