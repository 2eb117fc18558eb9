// Keys of objects: `namespace/name`, or `name` when cluster-scoped.
import type { Key } from './contract.ts';

interface Named {
  metadata: { name?: string; namespace?: string };
}

export function keyOf(object: Named): Key {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === '' ? (name ?? '') : `${namespace}/${name ?? ''}`;
}

export function objectKey(namespace: string | undefined, name: string): Key {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** @example splitKey('default/web') // { namespace: 'default', name: 'web' } */
export function splitKey(key: Key): { namespace: string | undefined; name: string } {
  const slash = key.indexOf('/');
  if (slash < 0) return { namespace: undefined, name: key };
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
