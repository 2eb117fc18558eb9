// The store that the flags name: a database file, or etcd.
import { connectTcpIn } from '../linux/index.ts';
import type { Logger } from '../log/index.ts';
import { isEtcdUrl, openEtcdStore, openSqliteStore, type EtcdFiles, type Store } from '../store/index.ts';

export interface StorePlace {
  /** A file name, or `etcd://HOST:PORT[,…]`. */
  readonly at: string;
  readonly files?: EtcdFiles;
  /** Path of the network namespace from which etcd is reached. @default this process's own */
  readonly netns?: string;
}

/** Do several servers share it? */
export const isShared = (place: StorePlace): boolean => isEtcdUrl(place.at);

/** @throws UserError, UnavailableError */
export async function openStore(place: StorePlace, log?: Logger): Promise<Store> {
  if (!isShared(place)) return openSqliteStore({ path: place.at });
  const { netns } = place;
  return openEtcdStore({
    url: place.at,
    ...place.files,
    ...(log === undefined ? {} : { log: log.with({ room: 'store' }) }),
    ...(netns === undefined ? {} : { openTcp: (host: string, port: number) => connectTcpIn(netns, { host, port }) }),
  });
}
