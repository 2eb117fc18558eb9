// Puts the server together: store, verbs, identity, permission, admission, transport.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { apiVersionOf, notFound, strategyOf, type KubeObject, type Resource } from '../api/index.ts';
import { systemClock } from '../clock/index.ts';
import { silentLogger } from '../log/index.ts';
import { Registry } from '../metrics/index.ts';
import { joinHostPort } from '../ip/index.ts';
import { createAdmission } from './admission/admission.ts';
import { createAuthenticator } from './auth/authenticate.ts';
import { createAuthorizer } from './auth/authorize.ts';
import { createNodeAuthorizer } from './auth/node-authorizer.ts';
import { RbacIndex } from './auth/rbac-index.ts';
import { createReviews } from './auth/reviews.ts';
import { ServiceAccountTokens } from './auth/service-account-tokens.ts';
import { createTokenRequests } from './auth/token-requests.ts';
import { bootstrap, type ServerWrites } from './bootstrap/bootstrap.ts';
import type { ApiRequest, ApiServer, ApiServerOptions, User } from './contract.ts';
import { listenHttp, type Incoming } from './http/http-server.ts';
import { readBody } from './http/read-body.ts';
import { writeAnswer, type Response } from './http/write-answer.ts';
import type { PeerIdentity } from './http/peer-user.ts';
import { bodyValue, contentTypeOf, warningHeader } from './request/answer.ts';
import { dispatch, type DispatchDeps, type Dispatched } from './request/dispatch.ts';
import { InFlight } from './request/in-flight.ts';
import { failureAnswer } from './request/status-answer.ts';
import { serverMetrics } from './server-metrics.ts';
import { AddressPool } from './services/address-pool.ts';
import { ServiceAllocation } from './services/service-allocation.ts';
import { createObject } from './verbs/create.ts';
import type { VerbDeps } from './verbs/deps.ts';
import { updateObject } from './verbs/update.ts';
import { storedObject } from './objects/stored-object.ts';
import { storageKey } from './objects/storage-key.ts';
import type { ResourceRequest } from './request/resource-request.ts';

const DEFAULT_ISSUER = 'https://kubernetes.default.svc.cluster.local';
/** The server's own identity, for what it writes itself. */
const SERVER: User = { name: 'system:apiserver', groups: ['system:masters'] };

/** @example const server = createApiServer({ store, advertise: { address: '172.30.0.1', port: 6443 }, serviceAccountKeyPem }) */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { store, advertise } = options;
  const clock = options.clock ?? systemClock;
  const log = options.log ?? silentLogger;
  const registry = options.metrics ?? new Registry();
  const serviceCidrs = options.serviceCidrs ?? ['10.96.0.0/12'];
  const stopped = new AbortController();

  const pools = serviceCidrs.map((cidr) => new AddressPool(cidr));
  const [primary] = pools;
  if (primary === undefined) throw new Error('a cluster needs at least one service CIDR');
  const attachments = new ServiceAllocation({
    store,
    clock,
    families: pools.map((p) => p.family),
    pools: () => pools,
    nodePorts: options.nodePorts ?? { first: 30_000, last: 32_767 },
    ...(options.loadBalancerCidr === undefined ? {} : { loadBalancerPool: new AddressPool(options.loadBalancerCidr) }),
  });
  const verbs: VerbDeps = { store, clock, admission: createAdmission(store), attachments };

  const issuer = options.issuer ?? DEFAULT_ISSUER;
  const tokens = new ServiceAccountTokens(options.serviceAccountKeyPem, issuer, clock);
  const authenticator = createAuthenticator(store, tokens, issuer);
  const rbac = new RbacIndex();
  const authorizer = createAuthorizer(rbac, createNodeAuthorizer(store));
  const inFlight = new InFlight(options.maxInFlight ?? { reads: 400, writes: 200 });
  const record = serverMetrics(registry, inFlight, store);
  let isReady = false;

  const deps: DispatchDeps = {
    verbs,
    authorizer,
    inFlight,
    log,
    plain: {
      checks: [{ name: 'poststarthook/bootstrap', ok: () => isReady }],
      metrics: () => registry.render(),
      tokens,
      address: joinHostPort(advertise.address, advertise.port),
    },
    connect: async (request) => {
      throw notFound(request.resource, request.name);
    },
    review: createReviews({
      clock,
      authenticator,
      authorizer,
      rbac,
      audience: issuer,
      tokenRequests: createTokenRequests(store, tokens, issuer),
    }),
    onAnswer: (answered) => {
      record(answered);
      options.audit?.(auditLine(answered, clock.now()));
    },
  };

  const prepare = async () => {
    await rbac.start(store, stopped.signal, (error) => log.error('the index of roles stopped', { error }));
    await bootstrap(serverWrites(verbs, stopped.signal), {
      serviceCidrs: pools.map((p) => p.text),
      serviceAddress: primary.at(0),
      advertise,
    });
    isReady = true;
  };
  const ready = prepare();
  // Whoever waits for `ready` hears of a failure; nobody has to.
  ready.catch((error: unknown) => log.error('the server could not prepare its first objects', { error }));

  const fromHttp = async (incoming: Incoming, response: Response, peer: PeerIdentity): Promise<Dispatched> => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      const headers = flatHeaders(incoming.headers);
      const user = await authenticator.authenticate(peer, headers['authorization']);
      const [path, query] = splitTarget(incoming.url ?? '/');
      const method = incoming.method ?? 'GET';
      const body = method === 'GET' || method === 'HEAD' ? undefined : await readBody(incoming);
      const request: ApiRequest = { method, path, query, headers, user, body, signal: gone.signal };
      return await dispatch(deps, request);
    } catch (error) {
      return { answer: failureAnswer(error, log, incoming.url ?? ''), auditId: '' };
    }
  };

  return {
    ready,
    async handle(request) {
      const { answer } = await dispatch(deps, request);
      const { warnings, body } = answer;
      return {
        status: answer.status,
        headers: {
          'content-type': contentTypeOf(body),
          ...answer.headers,
          ...(warnings === undefined || warnings.length === 0 ? {} : { warning: warningHeader(warnings) }),
        },
        body: bodyValue(body),
      };
    },
    listen: (addresses, tls) =>
      listenHttp(addresses, tls, {
        request(incoming, response, peer) {
          fromHttp(incoming, response, peer)
            .then(({ answer, auditId }) => writeAnswer(response, answer, auditId, incoming.method === 'HEAD'))
            .catch((error: unknown) => {
              // The client went away, or the connection broke, in the middle of an answer.
              log.debug('an answer could not be sent', { path: incoming.url, error });
              response.destroy();
            });
        },
        upgrade(_request: IncomingMessage, socket) {
          socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
        },
      }),
    close: () => {
      stopped.abort();
      return Promise.resolve();
    },
  };
}

function flatHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !name.startsWith(':')) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}

function splitTarget(target: string): [path: string, query: URLSearchParams] {
  const mark = target.indexOf('?');
  return mark < 0
    ? [target, new URLSearchParams()]
    : [target.slice(0, mark), new URLSearchParams(target.slice(mark + 1))];
}

function auditLine(answered: Parameters<DispatchDeps['onAnswer']>[0], now: number): string {
  const { auditId, request, user, route, status } = answered;
  const objectRef =
    route?.kind === 'resource'
      ? {
          resource: route.path.plural,
          namespace: route.path.namespace,
          name: route.path.name,
          apiGroup: route.path.group,
          apiVersion: route.path.version,
          subresource: route.path.subresource,
        }
      : undefined;
  return JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: auditId,
    stage: 'ResponseComplete',
    requestURI: `${request.path}${request.query.size === 0 ? '' : `?${request.query.toString()}`}`,
    verb: route?.kind === 'resource' ? route.verb : request.method.toLowerCase(),
    user: { username: request.user.name, groups: request.user.groups },
    ...(user === request.user ? {} : { impersonatedUser: { username: user.name, groups: user.groups } }),
    userAgent: request.headers['user-agent'],
    objectRef,
    responseStatus: { code: status },
    requestReceivedTimestamp: new Date(now - answered.milliseconds).toISOString(),
    stageTimestamp: new Date(now).toISOString(),
  });
}

/** Writes of the server itself: through the same verbs, without asking for permission. */
function serverWrites(verbs: VerbDeps, signal: AbortSignal): ServerWrites {
  const request = (resource: Resource, object: KubeObject): ResourceRequest => ({
    resource,
    strategy: strategyOf(resource),
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
    subresource: '',
    query: new URLSearchParams({ fieldManager: 'portico' }),
    headers: {},
    user: SERVER,
    body: undefined,
    signal,
    warnings: [],
  });
  const whole = (resource: Resource, object: object) =>
    structuredClone({ kind: resource.kind, apiVersion: apiVersionOf(resource), ...object }) as KubeObject;
  return {
    async get(resource, namespace, name) {
      const entry = await verbs.store.get(storageKey(resource, namespace, name));
      if (entry === undefined) throw notFound(resource, name);
      return storedObject(entry).object;
    },
    async create(resource, object) {
      const draft = whole(resource, object);
      const existing = await verbs.store.get(storageKey(resource, draft.metadata.namespace, draft.metadata.name));
      if (existing !== undefined) return storedObject(existing).object;
      return (await createObject(verbs, request(resource, draft), draft as never)).object;
    },
    async update(resource, object) {
      const next = whole(resource, object);
      const written = await updateObject(verbs, request(resource, next), { mode: 'main', next: () => next as never });
      return written.object;
    },
  };
}
