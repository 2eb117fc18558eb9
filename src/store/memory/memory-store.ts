// The store without a disk: for tests and for clusters that may forget.
import type { Store } from '../contract.ts';
import { LocalStore, type Journal } from '../local-store.ts';
import type { Retention } from '../replica.ts';

const nothing: Journal = {
  name: 'memory',
  load: () => ({ compactedRevision: 0, currentRevision: 0 }),
  append: () => undefined,
  compact: () => undefined,
  close: () => undefined,
};

/** @example const store = createMemoryStore(); await store.commit([{ key, revision: 0 }], [{ type: 'put', key, value }]) */
export function createMemoryStore(retention: Retention = {}): Store {
  return new LocalStore(nothing, retention);
}
