// Everything that is not an object: version, health, metrics, discovery, OpenAPI, and the keys of tokens.
import { methodNotAllowed, notAcceptable, openapiV2ProtobufType } from '../../api/index.ts';
import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts';
import { textAnswer, valueAnswer, type Answer } from '../request/answer.ts';
import { groupDiscovery, oneGroup, resourceList } from './discovery.ts';
import { version } from './version.ts';

export interface PlainPathDeps {
  /** Name and state of each thing that must be well for this server to be ready. */
  readonly checks: readonly { readonly name: string; ok(): boolean }[];
  metrics(): string;
  /** The whole state as `portico store restore` reads it; for administrators, as nobody else is given the path. */
  snapshot(): AsyncIterable<string>;
  readonly tokens: ServiceAccountTokens;
  /** `host:port` for clients that ask where the server is. */
  readonly address: string;
}

export interface PlainRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

const PATHS = [
  '/api',
  '/api/v1',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/readyz',
  '/version',
];

/** @throws StatusError 405, 406 */
export async function plainPath(deps: PlainPathDeps, request: PlainRequest): Promise<Answer> {
  const { method } = request;
  const path = request.path.length > 1 && request.path.endsWith('/') ? request.path.slice(0, -1) : request.path;
  if (method !== 'GET' && method !== 'HEAD') throw methodNotAllowed();
  const accept = request.headers['accept'] ?? '';
  const [, first = '', second, third, ...more] = path.split('/');
  switch (first) {
    case '':
      return valueAnswer({ paths: PATHS });
    case 'version':
      if (second === undefined) return valueAnswer(version);
      break;
    case 'healthz':
    case 'livez':
    case 'readyz':
      return health(deps, first, second, request.query);
    case 'metrics':
      if (second === undefined) return textAnswer(deps.metrics(), 200, 'text/plain; version=0.0.4; charset=utf-8');
      break;
    case 'portico':
      if (second === 'snapshot' && third === undefined) return snapshotAnswer(deps);
      break;
    case 'api':
    case 'apis':
      return discovery(deps, path, accept, request.headers['if-none-match']);
    case 'openapi':
      if (second === 'v3' || second === 'v2')
        return openapi(
          second,
          [third ?? '', ...more].filter((p) => p !== ''),
          request,
          accept,
        );
      break;
    case '.well-known':
      if (second === 'openid-configuration' && third === undefined) return openidConfiguration(deps);
      break;
    case 'openid':
      if (second === 'v1' && third === 'jwks') {
        return { ...valueAnswer(deps.tokens.jwks), headers: { 'content-type': 'application/jwk-set+json' } };
      }
      break;
  }
  return noSuchPath();
}

function snapshotAnswer(deps: PlainPathDeps): Answer {
  async function* chunks() {
    for await (const text of deps.snapshot()) yield Buffer.from(text);
  }
  const headers = { 'content-type': 'application/jsonl' };
  return { status: 200, headers, body: { form: 'stream', chunks: chunks() } };
}

export const noSuchPath = (): Answer => textAnswer('404 page not found\n', 404, 'text/plain; charset=utf-8');

function health(deps: PlainPathDeps, kind: string, name: string | undefined, query: URLSearchParams): Answer {
  // A server that still prepares its first objects is alive but not ready.
  const checks = kind === 'readyz' || kind === 'healthz' ? deps.checks : [];
  const excluded = new Set(query.getAll('exclude'));
  const all = [{ name: 'ping', ok: () => true }, ...checks].filter((c) => !excluded.has(c.name));
  if (name !== undefined) {
    const one = all.find((c) => c.name === name);
    if (one === undefined) return noSuchPath();
    return one.ok() ? textAnswer('ok') : textAnswer(`${name} failed\n`, 500);
  }
  const states = all.map((c) => ({ name: c.name, ok: c.ok() }));
  const well = states.every((s) => s.ok);
  if (well && !query.has('verbose')) return textAnswer('ok');
  const lines = states.map((s) => (s.ok ? `[+]${s.name} ok` : `[-]${s.name} failed: not done yet`));
  return textAnswer(`${lines.join('\n')}\n${kind} check ${well ? 'passed' : 'failed'}\n`, well ? 200 : 500);
}

function discovery(deps: PlainPathDeps, path: string, accept: string, known: string | undefined): Answer {
  const [, root, group, version_] = path.split('/');
  if (group === undefined) {
    const { value, contentType, etag } = groupDiscovery(root === 'api', accept, deps);
    const headers = { 'content-type': contentType, vary: 'Accept', ...(etag === undefined ? {} : { etag }) };
    if (etag !== undefined && known === etag) return { ...textAnswer('', 304), headers };
    return { ...valueAnswer(value), headers };
  }
  const value =
    root === 'api' ? resourceList('', group) : version_ === undefined ? oneGroup(group) : resourceList(group, version_);
  return value === undefined ? noSuchPath() : valueAnswer(value);
}

async function openapi(
  version_: 'v2' | 'v3',
  rest: readonly string[],
  request: PlainRequest,
  accept: string,
): Promise<Answer> {
  // Loaded when first asked for: most clients never do.
  const { openApiV2Binary, openApiV2Text, openApiV3Index, openApiV3Text } = await import('./openapi.ts');
  if (version_ === 'v2') {
    if (rest.length > 0) return noSuchPath();
    if (accept.includes('proto-openapi.spec.v2') && !accept.includes('json')) {
      return { status: 200, body: { form: 'bytes', bytes: openApiV2Binary(), contentType: openapiV2ProtobufType } };
    }
    if (!/json|\*\/\*/.test(accept) && accept !== '') throw notAcceptable(['application/json', openapiV2ProtobufType]);
    return textAnswer(openApiV2Text(), 200, 'application/json');
  }
  if (rest.length === 0) return valueAnswer(openApiV3Index());
  const document = openApiV3Text(rest.join('/'));
  if (document === undefined) return noSuchPath();
  const headers: Record<string, string> = { etag: `"${document.hash}"`, vary: 'Accept' };
  // The index names documents by hash, so that clients may keep them for ever.
  if (request.query.get('hash') === document.hash) headers['cache-control'] = 'public, immutable';
  if (request.headers['if-none-match'] === headers['etag']) return { ...textAnswer('', 304), headers };
  return { ...textAnswer(document.text, 200, 'application/json'), headers };
}

function openidConfiguration({ tokens, address }: PlainPathDeps): Answer {
  return valueAnswer({
    issuer: tokens.issuer,
    jwks_uri: `https://${address}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  });
}
