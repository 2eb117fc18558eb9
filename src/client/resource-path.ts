// URLs of the API: pure.
import type { Resource } from '../api/objects.ts';

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** `/api/v1/namespaces/default/pods/web-1/status?fieldManager=x`; without a name the collection's path. */
export function resourcePath(
  resource: Resource,
  target: { namespace?: string | undefined; name?: string; subresource?: string },
  query: Query = {},
): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const parts = [root];
  if (resource.namespaced && target.namespace !== undefined) parts.push('namespaces', segment(target.namespace));
  else if (resource.namespaced && target.name !== undefined) {
    throw new Error(`${resource.plural} "${target.name}": a namespace is needed to address this object`);
  }
  parts.push(resource.plural);
  if (target.name !== undefined) parts.push(segment(target.name));
  if (target.subresource !== undefined) parts.push(target.subresource);
  const search = queryText(query);
  return search === '' ? parts.join('/') : `${parts.join('/')}?${search}`;
}

function segment(name: string): string {
  if (name === '' || name === '.' || name === '..') throw new Error(`"${name}" cannot be the name of an object`);
  return encodeURIComponent(name);
}

function queryText(query: Query): string {
  const parts: string[] = [];
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === false || value === '') continue;
    parts.push(`${key}=${encodeURIComponent(String(value))}`);
  }
  return parts.join('&');
}
