// The default store: durable in one file, no server, no native package.
import type { Store } from '../contract.ts';
import { LocalStore } from '../local-store.ts';
import type { Retention } from '../replica.ts';
import { SqliteJournal } from './sqlite-journal.ts';

export interface SqliteStoreOptions extends Retention {
  /** The database file; its folder is made when missing. */
  path: string;
}

/** @throws Error when the file cannot be opened or another process holds it. */
export function openSqliteStore(options: SqliteStoreOptions): Store {
  return new LocalStore(new SqliteJournal(options.path), options);
}
