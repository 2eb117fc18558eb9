// Lookups beside an informer: objects by a value computed from them, e.g. pods by node. Cost follows the change.
import type { Informer, Key } from './contract.ts';

export interface Index<T> {
  /** The objects that have this value; an empty map if none. */
  get(value: string): ReadonlyMap<Key, T>;
}

/** @example indexBy(pods, (pod) => [pod.spec?.nodeName ?? '']).get('node-1') */
export function indexBy<T>(informer: Informer<T>, valuesOf: (object: T) => readonly string[]): Index<T> {
  const index = new Map<string, Map<Key, T>>();
  const none: ReadonlyMap<Key, T> = new Map();
  const put = (key: Key, object: T) => {
    for (const value of valuesOf(object)) {
      let group = index.get(value);
      if (group === undefined) index.set(value, (group = new Map()));
      group.set(key, object);
    }
  };
  for (const [key, object] of informer.items) put(key, object);
  informer.onChange(({ key, before, after }) => {
    if (before !== undefined) {
      const kept = after === undefined ? [] : valuesOf(after);
      for (const value of valuesOf(before)) {
        if (kept.includes(value)) continue;
        const group = index.get(value);
        group?.delete(key);
        if (group?.size === 0) index.delete(value);
      }
    }
    if (after !== undefined) put(key, after);
  });
  return { get: (value) => index.get(value) ?? none };
}
