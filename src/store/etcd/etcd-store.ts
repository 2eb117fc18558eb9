// The store on etcd: many servers share it. Every server follows all keys by one watch and reads from memory; a read
// first asks etcd which revision is the newest and waits until the watch has come so far, so it never misses a write
// that was acknowledged anywhere. Where the watch is behind for longer, etcd itself is read.
import type { Logger } from '../../log/index.ts';
import {
  CompactedError,
  FutureRevisionError,
  type CommitResult,
  type Compare,
  type Entry,
  type Held,
  type ListOptions,
  type Op,
  type Page,
  type ReadOptions,
  type Revision,
  type Store,
  type Watch,
  type WatchOptions,
} from '../contract.ts';
import { AGE_STEPS, defaultRetention, type Replica, type Retention } from '../replica.ts';
import { commitRequest, entriesOf, refusalOf } from './commit.ts';
import { Compaction, compactTo } from './compaction.ts';
import { endpointsOf, readCredentials, type EtcdFiles, type OpenTcp } from './endpoints.ts';
import { isCompacted, isFuture } from './errors.ts';
import { EtcdClient } from './etcd-client.ts';
import { Fence } from './fence.ts';
import { hold } from './hold.ts';
import { load, type LoadOptions } from './load.ts';
import { range, txn, type EtcdEvent } from './messages.ts';
import { entryOf, prefixEnd, rowOf, type DecodeValue } from './rows.ts';
import { WatchFeed } from './watch-feed.ts';

export interface EtcdStoreOptions extends Retention, EtcdFiles {
  /** `etcd://HOST:PORT[,HOST:PORT…]`; `etcds://` for TLS with the system's authorities. */
  url: string;
  /** All keys begin so; what else is in etcd is not looked at. @default '/registry/' */
  prefix?: string;
  /** Text of a stored value. @default UTF-8 */
  decode?: DecodeValue;
  /** How the members are connected to. @default plainly */
  openTcp?: OpenTcp;
  /** How long a call that can be sent again is tried, on one member after the other. @default 10000 */
  patienceMs?: number;
  log?: Logger;
}

const utf8 = new TextDecoder();
const decodeUtf8: DecodeValue = (value) => utf8.decode(value);

/** The watch is behind for so long: ask the member how far it is. */
const ASK_MS = 25;
/** Behind for so long: read from etcd itself. */
const BEHIND_MS = 300;

/** @throws UserError, UnavailableError when etcd cannot be reached, is too old, or refuses. */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const { url, prefix = '/registry/', decode = decodeUtf8, openTcp, log } = options;
  const credentials = options.credentialsFile === undefined ? undefined : readCredentials(options.credentialsFile);
  const client = new EtcdClient({
    endpoints: endpointsOf(url, options, openTcp),
    ...(credentials === undefined ? {} : { credentials }),
    ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }),
    ...(log === undefined ? {} : { log }),
  });
  const retention = {
    windowMs: options.windowMs ?? defaultRetention.windowMs,
    minChanges: options.minChanges ?? defaultRetention.minChanges,
    maxChanges: options.maxChanges ?? defaultRetention.maxChanges,
  };
  const loading: LoadOptions = { client, prefix, decode, retention };
  try {
    const { replica, current } = await load(loading);
    const store = new EtcdStore(loading, replica, log);
    await store.begin(current);
    return store;
  } catch (error) {
    client.close();
    throw error;
  }
}

interface Waiter {
  readonly revision: Revision;
  readonly resolve: () => void;
}

class EtcdStore implements Store {
  readonly #client: EtcdClient;
  readonly #decode: DecodeValue;
  readonly #loading: LoadOptions;
  readonly #log: Logger | undefined;
  readonly #fence: Fence;
  readonly #feed: WatchFeed;
  readonly #compaction: Compaction;
  readonly #timer: NodeJS.Timeout;
  readonly #waiters = new Set<Waiter>();
  #replica: Replica;
  /** A revision that the watch did not come to in time: nobody waits for it twice. */
  #unreached: Revision = 0;
  #closed = false;

  constructor(loading: LoadOptions, replica: Replica, log: Logger | undefined) {
    const { client, prefix, retention } = loading;
    this.#client = client;
    this.#decode = loading.decode;
    this.#loading = loading;
    this.#replica = replica;
    this.#log = log;
    this.#fence = new Fence(async () => {
      const { header } = await client.read(range, { key: prefix, keysOnly: true });
      return header?.revision ?? 0;
    });
    this.#feed = new WatchFeed(
      client,
      prefix,
      {
        after: () => this.#replica.visible,
        onEvents: (events) => this.#absorb(events),
        onProgress: (revision) => this.#show([], revision),
        onCompacted: () => this.#reload(),
      },
      log,
    );
    this.#compaction = new Compaction(client, prefix, retention.windowMs, log);
    this.#timer = setInterval(() => this.#forget(this.#replica.due()), retention.windowMs / AGE_STEPS);
    this.#timer.unref();
  }

  /** Follows etcd from here on; resolves when the history up to `revision` is in memory. */
  async begin(revision: Revision): Promise<void> {
    void this.#feed.run();
    await this.#heard(revision);
  }

  get currentRevision(): Revision {
    return this.#replica.visible;
  }

  get compactedRevision(): Revision {
    return this.#replica.compacted;
  }

  async get(key: string, options: ReadOptions = {}): Promise<Entry | undefined> {
    this.#mustBeOpen();
    if (await this.#isCurrent(options)) return this.#replica.get(key);
    const { kvs } = await this.#client.read(range, { key });
    return kvs[0] === undefined ? undefined : entryOf(kvs[0], this.#decode);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Page> {
    this.#mustBeOpen();
    const { revision } = options;
    if (revision === undefined) {
      return (await this.#isCurrent(options)) ? this.#replica.list(prefix, options) : this.#listThere(prefix, options);
    }
    await this.reach(revision);
    const isHere = revision >= this.#replica.compacted && revision <= this.#replica.visible;
    return isHere ? this.#replica.list(prefix, options) : this.#listThere(prefix, options);
  }

  count(prefix: string): number {
    return this.#replica.count(prefix);
  }

  async reach(revision: Revision): Promise<void> {
    if (this.#replica.visible >= revision) return;
    const current = await this.#fence.ask();
    if (current < revision) throw new FutureRevisionError(revision, current);
    await this.#heard(revision);
  }

  async commit(compares: readonly Compare[], ops: readonly Op[]): Promise<CommitResult> {
    this.#mustBeOpen();
    const answer = await this.#client.write(txn, commitRequest(compares, ops));
    if (!answer.succeeded) return refusalOf(compares, answer, this.#decode);
    const revision = answer.header?.revision ?? 0;
    // Whoever was told of the write reads it here, and its watchers have it.
    await this.#heard(revision);
    return { committed: true, revision, entries: await entriesOf(this.#client, this.#replica, ops, revision) };
  }

  watch(options: WatchOptions, signal: AbortSignal): Watch {
    this.#mustBeOpen();
    return this.#replica.watch(options, signal);
  }

  async hold(key: string, value: string, seconds: number): Promise<Held> {
    this.#mustBeOpen();
    return hold(this.#client, key, value, seconds, this.#log);
  }

  async compact(revision: Revision): Promise<void> {
    this.#mustBeOpen();
    await compactTo(this.#client, revision);
    this.#forget(revision);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#compaction.stop();
    this.#feed.stop();
    this.#replica.endWatches();
    for (const waiter of this.#waiters) waiter.resolve();
    this.#client.close();
  }

  /** May the answer come from memory? */
  async #isCurrent({ notOlderThan }: ReadOptions): Promise<boolean> {
    if (notOlderThan !== undefined) {
      await this.reach(notOlderThan);
      return this.#replica.visible >= notOlderThan;
    }
    return this.#heard(await this.#fence.ask());
  }

  /** Waits until the watch has come to a revision; false when it did not within a moment. */
  async #heard(revision: Revision): Promise<boolean> {
    if (this.#replica.visible >= revision) return true;
    if (revision <= this.#unreached || this.#closed) return false;
    await new Promise<void>((resolve) => {
      const waiter = { revision, resolve };
      this.#waiters.add(waiter);
      const ask = setTimeout(() => this.#feed.askProgress(), ASK_MS);
      const behind = setTimeout(() => finish(), BEHIND_MS);
      const finish = () => {
        clearTimeout(ask);
        clearTimeout(behind);
        this.#waiters.delete(waiter);
        resolve();
      };
      waiter.resolve = finish;
    });
    if (this.#replica.visible >= revision) return true;
    this.#unreached = Math.max(this.#unreached, revision);
    return false;
  }

  async #listThere(prefix: string, options: ListOptions): Promise<Page> {
    const { revision = 0, limit = 0, after } = options;
    const key = after === undefined ? prefix : `${after}\u0000`;
    try {
      const answer = await this.#client.read(range, { key, rangeEnd: prefixEnd(prefix), revision, limit });
      return {
        entries: answer.kvs.map((kv) => entryOf(kv, this.#decode)),
        revision: revision === 0 ? (answer.header?.revision ?? 0) : revision,
        remaining: answer.count - answer.kvs.length,
      };
    } catch (error) {
      if (isCompacted(error)) throw new CompactedError(revision, this.#replica.compacted);
      if (isFuture(error)) throw new FutureRevisionError(revision, this.#replica.visible);
      throw error;
    }
  }

  #absorb(events: readonly EtcdEvent[]): void {
    const changes = [];
    for (const event of events) {
      const row = rowOf(event, this.#decode);
      if (row !== undefined && row.revision > this.#replica.visible) changes.push(this.#replica.apply(row));
    }
    const newest = changes.at(-1);
    if (newest !== undefined) this.#show(changes, newest.revision);
  }

  #show(changes: Parameters<Replica['show']>[0], revision: Revision): void {
    this.#replica.show(changes, revision);
    for (const waiter of this.#waiters) if (this.#replica.visible >= waiter.revision) waiter.resolve();
    this.#forget(this.#replica.excess());
  }

  #forget(revision: Revision | undefined): void {
    if (revision !== undefined) this.#replica.forget(revision);
  }

  /** We were away for longer than etcd keeps history: watchers have to list again. */
  async #reload(): Promise<void> {
    const { replica } = await load(this.#loading);
    const before = this.#replica;
    this.#replica = replica;
    before.endWatches(new CompactedError(before.visible, replica.compacted));
    this.#log?.warn('read everything anew: etcd had forgotten what happened while it could not be reached');
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new Error('the store is closed');
  }
}
