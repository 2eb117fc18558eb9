export { CompactedError, FutureRevisionError } from './contract.ts';
export type {
  Change,
  CommitResult,
  Compare,
  Entry,
  ListOptions,
  Op,
  Page,
  Revision,
  Store,
  Watch,
  WatchOptions,
} from './contract.ts';
export type { Retention } from './local-store.ts';
export { createMemoryStore } from './memory/memory-store.ts';
export { openSqliteStore } from './sqlite/sqlite-store.ts';
export type { SqliteStoreOptions } from './sqlite/sqlite-store.ts';
