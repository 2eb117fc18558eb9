export { CompactedError, FutureRevisionError, NotWrittenError, UnavailableError } from './contract.ts';
export type {
  Change,
  CommitResult,
  Compare,
  Entry,
  Held,
  ListOptions,
  Op,
  Page,
  ReadOptions,
  Revision,
  Store,
  Watch,
  WatchOptions,
} from './contract.ts';
export type { Retention } from './replica.ts';
export { createMemoryStore } from './memory/memory-store.ts';
export { openSqliteStore } from './sqlite/sqlite-store.ts';
export type { SqliteStoreOptions } from './sqlite/sqlite-store.ts';
export { isEtcdUrl } from './etcd/endpoints.ts';
export type { EtcdFiles, OpenTcp } from './etcd/endpoints.ts';
export { openEtcdStore } from './etcd/etcd-store.ts';
export type { EtcdStoreOptions } from './etcd/etcd-store.ts';
export { checkSame, copyStore, fillStore } from './copy/copy-store.ts';
export { parseSnapshot, snapshotText } from './copy/snapshot.ts';
export type { Convert } from './copy/copy-store.ts';
export type { Summary } from './copy/snapshot.ts';
