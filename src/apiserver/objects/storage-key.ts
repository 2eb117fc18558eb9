// Where an object lies in the store: `/registry/<plural>/[<namespace>/]<name>`.
import type { Resource } from '../../api/index.ts';

/** Ends in a slash; everything of one resource (of one namespace) begins so. */
export function keyPrefix(resource: Pick<Resource, 'plural' | 'namespaced'>, namespace = ''): string {
  const base = `/registry/${resource.plural}/`;
  return resource.namespaced && namespace !== '' ? `${base}${namespace}/` : base;
}

export function storageKey(
  resource: Pick<Resource, 'plural' | 'namespaced'>,
  namespace: string | undefined,
  name: string,
): string {
  return `${keyPrefix(resource, namespace ?? '')}${name}`;
}
