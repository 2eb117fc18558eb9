// The store that the flags name: a database file, or etcd.
import { UserError } from '../errors/index.ts';
import { connectTcpIn } from '../linux/index.ts';
import type { Logger } from '../log/index.ts';
import {
  isEtcdUrl,
  openEtcdStore,
  openSqliteStore,
  UnavailableError,
  type EtcdFiles,
  type Store,
} from '../store/index.ts';

export interface StorePlace {
  /** A file name, or `etcd://HOST:PORT[,…]`. */
  readonly at: string;
  readonly files?: EtcdFiles;
  /** Path of the network namespace from which etcd is reached. @default this process's own */
  readonly netns?: string;
}

interface StoreUse {
  readonly log?: Logger;
  /** How values in etcd are read. @default as text */
  readonly decode?: (value: Uint8Array) => string;
}

/** Do several servers share it? */
export const isShared = (place: StorePlace): boolean => isEtcdUrl(place.at);

/** @throws UserError when it cannot be opened or reached. */
export async function openStore(place: StorePlace, { log, decode }: StoreUse = {}): Promise<Store> {
  if (!isShared(place)) return openSqliteStore({ path: place.at });
  const { netns } = place;
  try {
    return await openEtcdStore({
      url: place.at,
      ...place.files,
      ...(decode === undefined ? {} : { decode }),
      ...(log === undefined ? {} : { log: log.with({ room: 'store' }) }),
      ...(netns === undefined ? {} : { openTcp: (host: string, port: number) => connectTcpIn(netns, { host, port }) }),
    });
  } catch (error) {
    if (error instanceof UnavailableError) throw new UserError(error.message, { cause: error });
    throw error;
  }
}
