// What a request is about, before anybody has been asked whether it may: a served resource or a plain path.
import { findServed, type ServedResource } from '../discovery/served-resources.ts';
import { parseResourcePath, verbOf, type ResourcePath, type Verb } from './request-path.ts';
import type { Attributes } from '../auth/attributes.ts';
import type { ApiRequest } from '../contract.ts';

export type Route =
  | { readonly kind: 'resource'; readonly path: ResourcePath; readonly served: ServedResource; readonly verb: Verb }
  /** Below a group version, but no such resource, subresource or method. */
  | { readonly kind: 'unknown'; readonly path: ResourcePath; readonly verb: string }
  | { readonly kind: 'path'; readonly path: string };

/** @throws URIError on a bad escape. */
export function routeOf(request: Pick<ApiRequest, 'method' | 'path' | 'query'>): Route {
  const path = parseResourcePath(request.path);
  if (path === undefined) return { kind: 'path', path: request.path };
  const verb = verbOf(request.method, path, request.query);
  const served = findServed(path.group, path.version, path.plural);
  if (served === undefined || verb === undefined) {
    return { kind: 'unknown', path, verb: verb ?? request.method.toLowerCase() };
  }
  if (path.subresource !== '' && !served.subresources.has(path.subresource)) return { kind: 'unknown', path, verb };
  // Inside a namespace only namespaced kinds live; by name only within one.
  if (!served.resource.namespaced && path.namespace !== '') return { kind: 'unknown', path, verb };
  return { kind: 'resource', path, served, verb };
}

const PROXY_VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  OPTIONS: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** What the authorizers are asked. */
export function attributesOf(
  route: Route,
  request: Pick<ApiRequest, 'method' | 'query' | 'user' | 'path'>,
): Attributes {
  const { user } = request;
  const none = { group: '', version: '', namespace: '', resource: '', subresource: '', name: '' };
  if (route.kind === 'path') {
    return {
      user,
      verb: PROXY_VERBS[request.method] === 'get' ? 'get' : request.method.toLowerCase(),
      ...none,
      path: route.path,
    };
  }
  const { group, version, namespace, plural, name, subresource } = route.path;
  const connects = subresource === 'proxy';
  const verb = connects ? (PROXY_VERBS[request.method] ?? request.method.toLowerCase()) : route.verb;
  const fieldSelector = request.query.get('fieldSelector');
  const named = name === '' ? /(?:^|,)metadata\.name==?([^,]+)/.exec(fieldSelector ?? '')?.[1] : undefined;
  return {
    user,
    verb,
    group,
    version,
    // A Namespace itself is asked for in its own namespace, so that its admins may read it.
    namespace: plural === 'namespaces' && group === '' ? name : namespace,
    resource: plural,
    subresource,
    name: name === '' ? (named ?? '') : name,
    path: '',
    ...(fieldSelector === null ? {} : { fieldSelector }),
  };
}
