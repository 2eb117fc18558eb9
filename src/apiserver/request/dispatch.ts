// The way of a request through the server: identity, permission, limits, the verb, the answer, the record.
import { randomUUID } from 'node:crypto';
import {
  denied,
  deniedPath,
  methodNotAllowed,
  notFoundPath,
  pods as podResource,
  strategyOf,
  type StatusError,
} from '../../api/index.ts';
import type { Logger } from '../../log/index.ts';
import type { Attributes, Authorizer } from '../auth/attributes.ts';
import { impersonationOf } from '../auth/impersonate.ts';
import type { ApiRequest, User } from '../contract.ts';
import { noSuchPath, plainPath, type PlainPathDeps } from '../discovery/plain-paths.ts';
import { servedGroups } from '../discovery/served-resources.ts';
import { runSubresource, bind } from '../verbs/subresources.ts';
import type { VerbDeps } from '../verbs/deps.ts';
import { runVerb } from '../verbs/resource-verbs.ts';
import { checkAccept } from './accept.ts';
import type { Answer } from './answer.ts';
import { failureAnswer } from './status-answer.ts';
import type { InFlight } from './in-flight.ts';
import type { ResourceRequest } from './resource-request.ts';
import { attributesOf, routeOf, type Route } from './route.ts';
import { timeLimitOf, withTimeLimit } from './time-limit.ts';

/** Subresources that lead to a node agent or into the pod network. */
export type Connect = (
  request: ResourceRequest,
  route: Route & { kind: 'resource' },
  raw: ApiRequest,
) => Promise<Answer>;

/** Answers the reviews: kinds that are computed, not stored. */
export type Review = (request: Omit<ResourceRequest, 'strategy'>) => Promise<Answer>;

export interface DispatchDeps {
  readonly verbs: VerbDeps;
  readonly plain: PlainPathDeps;
  readonly authorizer: Authorizer;
  readonly inFlight: InFlight;
  /** How long a request may take that is not long by nature (watch, exec, logs, proxy). */
  readonly timeoutMs: number;
  readonly connect: Connect;
  readonly review: Review;
  readonly log: Logger;
  /** Called once per request, when its answer is known. */
  onAnswer(record: RequestRecord): void;
}

export interface RequestRecord {
  readonly auditId: string;
  readonly request: ApiRequest;
  /** After impersonation. */
  readonly user: User;
  readonly route: Route | undefined;
  readonly status: number;
  readonly milliseconds: number;
}

export interface Dispatched {
  readonly answer: Answer;
  readonly auditId: string;
}

const LONG_RUNNING: ReadonlySet<string> = new Set(['log', 'exec', 'attach', 'portforward', 'proxy']);

function load(route: Route, query: URLSearchParams): 'read' | 'write' | 'long' {
  if (route.kind === 'path') return 'read';
  if (route.verb === 'watch' || LONG_RUNNING.has(route.path.subresource) || query.get('follow') === 'true')
    return 'long';
  return route.verb === 'get' || route.verb === 'list' ? 'read' : 'write';
}

/** Never rejects. `refusal`: the answer is known already, and is only to be put on record. */
export async function dispatch(deps: DispatchDeps, request: ApiRequest, refusal?: StatusError): Promise<Dispatched> {
  const started = performance.now();
  const auditId = randomUUID();
  let { user } = request;
  let route: Route | undefined;
  let answer: Answer;
  try {
    route = routeOf(request);
    if (refusal !== undefined) throw refusal;
    const kind = load(route, request.query);
    const leave = deps.inFlight.enter(kind);
    try {
      user = await actingUser(deps.authorizer, request);
      await permit(deps.authorizer, route, { ...request, user });
      const work = run(deps, route, { ...request, user });
      answer =
        kind === 'long'
          ? await work
          : await withTimeLimit(deps.verbs.clock, timeLimitOf(request.query, deps.timeoutMs), work);
    } finally {
      leave();
    }
  } catch (error) {
    answer = failureAnswer(error, deps.log, request.path);
  }
  deps.onAnswer({ auditId, request, user, route, status: answer.status, milliseconds: performance.now() - started });
  return { answer, auditId };
}

/** Who the request acts as. @throws StatusError 403 when the user may not act as that one. */
export async function actingUser(authorizer: Authorizer, request: ApiRequest): Promise<User> {
  const impersonation = impersonationOf(request.headers, request.user);
  if (impersonation === undefined) return request.user;
  for (const check of impersonation.checks) await require(authorizer, check);
  return impersonation.user;
}

/** @throws StatusError 403 (401 for those who have not said who they are) */
export async function permit(authorizer: Authorizer, route: Route, request: ApiRequest): Promise<void> {
  await require(authorizer, attributesOf(route, request));
}

async function require(authorizer: Authorizer, attributes: Attributes): Promise<void> {
  const decision = await authorizer.authorize(attributes);
  if (decision.allowed) return;
  const { user, verb, path } = attributes;
  if (attributes.resource === '') throw deniedPath(user.name, verb, path);
  const { group, namespace, name, subresource } = attributes;
  const resource = subresource === '' ? attributes.resource : `${attributes.resource}/${subresource}`;
  throw denied({ user: user.name, verb, group, resource, name, namespace, reason: decision.reason });
}

async function run(deps: DispatchDeps, route: Route, request: ApiRequest): Promise<Answer> {
  if (route.kind === 'path') return plainPath(deps.plain, request);
  if (route.kind === 'unknown') {
    // A group version that does not exist is no API path at all.
    if (servedGroups.get(route.path.group)?.includes(route.path.version) !== true) return noSuchPath();
    throw notFoundPath();
  }
  const { served, verb, path } = route;
  const subresource = served.subresources.get(path.subresource);
  const warnings: string[] = [];
  const base = {
    resource: served.resource,
    namespace: path.namespace,
    name: path.name,
    subresource: path.subresource,
    query: request.query,
    headers: request.headers,
    user: request.user,
    body: request.body,
    signal: request.signal,
    warnings,
  };
  // A namespaced object is written in its namespace; only lists and watches go across all of them.
  const acrossAll = served.resource.namespaced && path.namespace === '';
  if (acrossAll && verb !== 'list' && verb !== 'watch') throw path.name === '' ? methodNotAllowed() : notFoundPath();
  if (path.subresource === '' && !served.verbs.includes(verb)) throw methodNotAllowed();
  if (!served.stored) {
    if (served.resource.kind === 'Binding') return bind(deps.verbs, asPod(base));
    return deps.review(base);
  }
  const one: ResourceRequest = { ...base, strategy: strategyOf(served.resource) };
  if (served.resource.deprecation !== undefined) warnings.push(served.resource.deprecation);
  if (subresource === undefined) checkAccept(request.headers['accept'] ?? '', verb === 'watch');
  else if (LONG_RUNNING.has(subresource.name)) return deps.connect(one, route, request);
  const answer =
    subresource === undefined
      ? await runVerb(deps.verbs, one, verb)
      : ((await runSubresource(deps.verbs, one, verb)) ?? (await deps.review(base)));
  return warnings.length === 0 ? answer : { ...answer, warnings };
}

/** POST to /bindings names the pod in its body. */
function asPod(base: Omit<ResourceRequest, 'strategy'>): ResourceRequest {
  return { ...base, resource: podResource, strategy: strategyOf(podResource), name: '' };
}
