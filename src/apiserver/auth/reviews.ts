// The kinds that are questions: whose token is this, may I, who am I.
import { badRequest, methodNotAllowed, notFoundPath } from '../../api/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { User } from '../contract.ts';
import { valueAnswer, type Answer } from '../request/answer.ts';
import { readObject } from '../request/decode-request.ts';
import type { Review } from '../request/dispatch.ts';
import { timestamp } from '../verbs/deps.ts';
import type { Attributes, Authorizer } from './attributes.ts';
import type { Authenticator } from './authenticate.ts';
import { MASTERS } from './authorize.ts';
import type { RbacIndex } from './rbac-index.ts';
import type { TokenRequests } from './token-requests.ts';

export interface ReviewDeps {
  readonly clock: Clock;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly rbac: RbacIndex;
  readonly tokenRequests: TokenRequests;
  readonly audience: string;
}

interface ResourceAttributes {
  namespace?: string;
  verb?: string;
  group?: string;
  version?: string;
  resource?: string;
  subresource?: string;
  name?: string;
}

interface AccessSpec {
  resourceAttributes?: ResourceAttributes;
  nonResourceAttributes?: { path?: string; verb?: string };
  user?: string;
  groups?: string[];
  uid?: string;
}

type ReviewRequest = Parameters<Review>[0];

export function createReviews(deps: ReviewDeps): Review {
  return async (request) => {
    const { resource, subresource } = request;
    if (subresource === 'token') return deps.tokenRequests(request);
    if (subresource !== '') throw notFoundPath();
    switch (resource.kind) {
      case 'SelfSubjectReview':
        return selfSubject(deps, request);
      case 'SelfSubjectAccessReview':
      case 'SubjectAccessReview':
      case 'LocalSubjectAccessReview':
        return access(deps, request);
      case 'SelfSubjectRulesReview':
        return rules(deps, request);
      case 'TokenReview':
        return token(deps, request);
      default:
        throw methodNotAllowed();
    }
  };
}

const expected = ({ resource }: ReviewRequest) => ({
  apiVersion: `${resource.group}/${resource.version}`,
  kind: resource.kind,
});

const userInfo = (user: User) => ({
  username: user.name,
  ...(user.uid === undefined ? {} : { uid: user.uid }),
  groups: [...user.groups],
  ...(user.extra === undefined ? {} : { extra: user.extra }),
});

async function selfSubject(deps: ReviewDeps, request: ReviewRequest): Promise<Answer> {
  await readObject(request, expected(request));
  const metadata = { creationTimestamp: timestamp(deps.clock) };
  return valueAnswer({ ...kindFirst(request), metadata, status: { userInfo: userInfo(request.user) } }, 201);
}

const kindFirst = (request: ReviewRequest) => {
  const { apiVersion, kind } = expected(request);
  return { kind, apiVersion };
};

async function access(deps: ReviewDeps, request: ReviewRequest): Promise<Answer> {
  const body = await readObject(request, expected(request));
  const spec = (body.spec ?? {}) as AccessSpec;
  const self = request.resource.kind === 'SelfSubjectAccessReview';
  const { resourceAttributes: r, nonResourceAttributes: path } = spec;
  if ((r === undefined) === (path === undefined)) {
    throw badRequest('spec: exactly one of resourceAttributes and nonResourceAttributes must be given');
  }
  if (request.resource.namespaced && r?.namespace !== request.namespace) {
    throw badRequest(`spec.resourceAttributes.namespace must be ${request.namespace}, the namespace of the review`);
  }
  if (!self && (spec.user ?? '') === '' && (spec.groups ?? []).length === 0) {
    throw badRequest('spec: at least one of user and groups must be given');
  }
  const user: User = self
    ? request.user
    : { name: spec.user ?? '', groups: spec.groups ?? [], ...(spec.uid === undefined ? {} : { uid: spec.uid }) };
  const attributes: Attributes = {
    user,
    verb: r?.verb ?? path?.verb ?? '',
    group: r?.group ?? '',
    version: r?.version ?? '',
    namespace: r?.namespace ?? '',
    resource: r?.resource ?? '',
    subresource: r?.subresource ?? '',
    name: r?.name ?? '',
    path: path?.path ?? '',
  };
  const decision = await deps.authorizer.authorize(attributes);
  const status = { allowed: decision.allowed, ...(decision.reason === '' ? {} : { reason: decision.reason }) };
  return valueAnswer({ ...kindFirst(request), metadata: {}, spec: body.spec, status }, 201);
}

/** Everything the caller may do in one namespace: `kubectl auth can-i --list`. */
async function rules(deps: ReviewDeps, request: ReviewRequest): Promise<Answer> {
  const body = await readObject(request, expected(request));
  const { namespace = '' } = (body.spec ?? {}) as { namespace?: string };
  if (namespace === '') throw badRequest('no namespace on request');
  const held = [...deps.rbac.grants(request.user, namespace)].flatMap((g) => g.rules);
  if (request.user.groups.includes(MASTERS)) {
    held.push({ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] });
  }
  const status = {
    resourceRules: held
      .filter((r) => (r.resources ?? []).length > 0)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, resourceNames })),
    nonResourceRules: held
      .filter((r) => (r.nonResourceURLs ?? []).length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
  };
  return valueAnswer({ ...kindFirst(request), metadata: {}, spec: body.spec, status }, 201);
}

async function token(deps: ReviewDeps, request: ReviewRequest): Promise<Answer> {
  const body = await readObject(request, expected(request));
  const { token: text = '', audiences = [] } = (body.spec ?? {}) as { token?: string; audiences?: string[] };
  const found = await deps.authenticator.userOfToken(text);
  const asked = audiences.length === 0 ? [deps.audience] : audiences;
  const shared = asked.filter((a) => found?.verified.audiences.includes(a));
  const status =
    found === undefined || shared.length === 0
      ? { user: {}, error: 'the token is not valid for any of the audiences asked for' }
      : { authenticated: true, user: userInfo(found.user), audiences: shared };
  return valueAnswer({ ...kindFirst(request), metadata: {}, spec: body.spec, status }, 201);
}
