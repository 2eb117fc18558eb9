// Reads a URL path as Kubernetes does: which resource, in which namespace, under which name, and which verb is meant.

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** A path below /api/v1 or /apis/GROUP/VERSION. */
export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  /** '' for the cluster or for all namespaces. */
  readonly namespace: string;
  readonly plural: string;
  readonly name: string;
  readonly subresource: string;
  /** What follows the subresource, with its leading slash: the path for a proxy. */
  readonly rest: string;
}

/** Undefined when the path is not below a group version or names no resource. @throws URIError on a bad escape. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const parts = path.split('/').slice(1);
  let at: number;
  let group: string;
  if (parts[0] === 'api') [group, at] = ['', 1];
  else if (parts[0] === 'apis') [group, at] = [decodeURIComponent(parts[1] ?? ''), 2];
  else return undefined;
  const version = decodeURIComponent(parts[at++] ?? '');
  if (version === '' || (parts[at] ?? '') === '') return undefined;
  let namespace = '';
  // /namespaces/NS/pods is a resource inside a namespace; /namespaces/NS and /namespaces/NS/status are the Namespace.
  const inside = parts[at + 2];
  if (parts[at] === 'namespaces' && inside !== undefined && inside !== '' && !NAMESPACE_SUBRESOURCES.has(inside)) {
    namespace = decodeURIComponent(parts[at + 1] ?? '');
    at += 2;
  }
  const plural = decodeURIComponent(parts[at] ?? '');
  const name = decodeURIComponent(parts[at + 1] ?? '');
  const subresource = decodeURIComponent(parts[at + 2] ?? '');
  const rest = parts.length > at + 3 ? `/${parts.slice(at + 3).join('/')}` : '';
  return { group, version, namespace, plural, name, subresource, rest };
}

const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(['status', 'finalize']);

const isTrue = (text: string | null): boolean => text !== null && text !== '0' && text !== 'false';

/** The verb as authorization and metrics name it. */
export function verbOf(method: string, path: Pick<ResourcePath, 'name'>, query: URLSearchParams): Verb | undefined {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (query.has('watch') && isTrue(query.get('watch'))) return 'watch';
      return path.name === '' ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return path.name === '' ? 'deletecollection' : 'delete';
    default:
      return undefined;
  }
}
