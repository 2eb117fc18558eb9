// A local copy of one resource by list and watch. It outlives every failure of the server: it keeps what it has,
// resumes from the last version it saw, and relists only when the server no longer knows that version.
import process from 'node:process';
import { isExpired, StatusError } from '../api/objects.ts';
import type { KubeObject, Resource } from '../api/objects.ts';
import { systemClock } from '../clock/index.ts';
import type { Timer } from '../clock/index.ts';
import { createBackoff } from './backoff.ts';
import type { Client, Informer, InformerChange, InformerOptions, Key, ListResult, WatchEvent } from './contract.ts';
import { keyOf } from './object-key.ts';

const PAGE = 500;
const SILENT_MS = 90_000;
/** A watch that ends sooner than this without an event is a failure, not the server's regular end. */
const SHORT_WATCH_MS = 1000;

interface Trimmed {
  readonly key: Key;
  readonly uid: string;
  readonly version: string;
  /** After the transform. */
  readonly value: unknown;
}

/** The server cannot continue from our version: it is compacted away, or the server's history is another one. */
function needsRelist(e: unknown): boolean {
  if (isExpired(e)) return true;
  if (!(e instanceof StatusError)) return false;
  if (e.code === 400) return true;
  return e.status.details?.causes?.some((c) => c.reason === 'ResourceVersionTooLarge') === true;
}

/** Handlers must be added in the same turn: the first list is reported to them as additions. */
export function createInformer<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  options?: InformerOptions<T>,
): Informer<T>;
export function createInformer<T extends KubeObject, U>(
  client: Client,
  resource: Resource<T>,
  options: InformerOptions<T, U> & { transform: (object: T) => U },
): Informer<U>;
export function createInformer<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  options: InformerOptions<T, unknown> = {},
): Informer<unknown> {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const log = options.log?.with({ informer: resource.plural });
  const transform = options.transform ?? ((object: T): unknown => object);
  const backoff = createBackoff(options.backoffMs?.first ?? 50, options.backoffMs?.longest ?? 2000, random);
  const silentAfterMs = options.silentAfterMs ?? SILENT_MS;
  const api = client.resource(resource);
  const selection = {
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
  };

  const items = new Map<Key, unknown>();
  // Which incarnation of an object is in `items`; the transform may have dropped its metadata.
  const versions = new Map<Key, { uid: string; version: string }>();
  const changeHandlers = new Set<(change: InformerChange<unknown>) => void>();
  const batchHandlers = new Set<() => void>();
  const stopped = new AbortController();
  const firstList = Promise.withResolvers<void>();
  let hasSynced = false;
  let lastSign = clock.monotonic();
  let batchTimer: NodeJS.Immediate | undefined;

  const guarded = (run: () => void) => {
    try {
      run();
    } catch (error) {
      // A consumer's mistake must not stop the copy for the others.
      log?.error('a change handler failed', { error });
      if (log === undefined) process.emitWarning(error instanceof Error ? error : String(error));
    }
  };
  const emit = (change: InformerChange<unknown>) => {
    for (const handler of changeHandlers) guarded(() => handler(change));
    // What arrives in one chunk is delivered within one turn of the loop: the batch ends with the turn.
    batchTimer ??= setImmediate(flush);
  };
  const flush = () => {
    if (batchTimer !== undefined) clearImmediate(batchTimer);
    batchTimer = undefined;
    if (!stopped.signal.aborted) for (const handler of batchHandlers) guarded(handler);
  };

  const remove = (key: Key) => {
    if (!versions.delete(key)) return;
    const before = items.get(key);
    items.delete(key);
    emit({ key, before });
  };
  /** What is kept of an object; nothing of one that is known already. Drops the rest of it at once. */
  const trim = (object: T): Trimmed | undefined => {
    const key = keyOf(object);
    const { uid, resourceVersion: version } = object.metadata;
    const known = versions.get(key);
    if (known?.uid === uid && known.version === version) return undefined;
    return { key, uid, version, value: transform(object) };
  };
  const put = ({ key, uid, version, value: after }: Trimmed) => {
    const known = versions.get(key);
    // Deleted and made again while nobody looked: two objects, so two changes.
    if (known !== undefined && known.uid !== uid) remove(key);
    const before = versions.has(key) ? items.get(key) : undefined;
    versions.set(key, { uid, version });
    items.set(key, after);
    emit(before === undefined ? { key, after } : { key, before, after });
  };

  const list = async (signal: AbortSignal): Promise<string> => {
    // Page by page, so that a long list is never in memory as the server wrote it; told only when it is whole.
    const present = new Set<Key>();
    const changed: Trimmed[] = [];
    let more: string | undefined;
    let resourceVersion: string;
    do {
      const paging = more === undefined ? {} : { continue: more };
      const page: ListResult<T> = await api.list({ ...selection, limit: options.pageSize ?? PAGE, ...paging }, signal);
      lastSign = clock.monotonic();
      for (const object of page.items) {
        present.add(keyOf(object));
        const trimmed = trim(object);
        if (trimmed !== undefined) changed.push(trimmed);
      }
      ({ resourceVersion, continue: more } = page);
    } while (more !== undefined);
    for (const key of items.keys()) if (!present.has(key)) remove(key);
    for (const trimmed of changed) put(trimmed);
    return resourceVersion;
  };

  const apply = (event: WatchEvent<T>, from: string): string => {
    lastSign = clock.monotonic();
    if (event.type === 'BOOKMARK') return event.resourceVersion;
    if (event.type === 'DELETED') remove(keyOf(event.object));
    else {
      const trimmed = trim(event.object);
      if (trimmed !== undefined) put(trimmed);
    }
    return event.object.metadata.resourceVersion ?? from;
  };

  /** Runs `work` with a signal that aborts on stop and when nothing is heard for too long. */
  const whileAlive = async (work: (signal: AbortSignal) => Promise<void>): Promise<void> => {
    const silent = new AbortController();
    // An attempt may take as long as a watch may be silent, however long the server was away before.
    const startedAt = clock.monotonic();
    let timer: Timer;
    const check = () => {
      const left = silentAfterMs - (clock.monotonic() - Math.max(lastSign, startedAt));
      if (left <= 0) silent.abort();
      else timer = clock.after(left, check);
    };
    timer = clock.after(silentAfterMs, check);
    try {
      await work(AbortSignal.any([stopped.signal, silent.signal]));
    } finally {
      clock.clear(timer);
    }
    if (silent.signal.aborted) log?.warn('the watch was silent: opening it again', { silentAfterMs });
  };
  const watch = async (from: string): Promise<string> => {
    let version = from;
    let heard = false;
    const startedAt = clock.monotonic();
    const timeoutSeconds = 300 + Math.floor(random() * 300);
    const onOpen = () => {
      lastSign = clock.monotonic();
    };
    const worked = () => heard || clock.monotonic() - startedAt >= SHORT_WATCH_MS;
    try {
      await whileAlive(async (signal) => {
        const query = { ...selection, resourceVersion: from, allowBookmarks: true, timeoutSeconds, onOpen };
        for await (const event of api.watch(query, signal)) {
          version = apply(event, version);
          heard = true;
        }
      });
    } catch (e) {
      if (stopped.signal.aborted) return version;
      if (worked()) backoff.reset();
      if (needsRelist(e)) throw e;
      log?.debug('the watch failed: resuming', { error: e, resourceVersion: version });
      await pause(backoff.next());
      return version;
    }
    if (worked()) backoff.reset();
    else if (!stopped.signal.aborted) await pause(backoff.next());
    return version;
  };

  const pause = (ms: number): Promise<void> =>
    new Promise<void>((resolve) => {
      const done = () => {
        clock.clear(timer);
        stopped.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = clock.after(ms, done);
      stopped.signal.addEventListener('abort', done);
    });

  const run = async () => {
    await Promise.resolve();
    while (!stopped.signal.aborted) {
      let version: string;
      try {
        version = await listOnce();
      } catch (error) {
        if (stopped.signal.aborted) return;
        const waitMs = backoff.next();
        log?.warn('cannot list: trying again', { error: String(error), waitMs: Math.round(waitMs) });
        await pause(waitMs);
        continue;
      }
      try {
        while (!stopped.signal.aborted) version = await watch(version);
      } catch (error) {
        log?.info('listing again', { reason: String(error) });
        // A server that refuses each fresh version as well must not be asked in a tight loop.
        await pause(backoff.next());
      }
    }
  };
  const listOnce = async (): Promise<string> => {
    let version = '';
    await whileAlive(async (signal) => {
      version = await list(signal);
    });
    if (!hasSynced) {
      hasSynced = true;
      firstList.resolve();
    }
    // Also for an empty or unchanged list: the consumer may wait for this moment to act on what is not there.
    flush();
    return version;
  };
  void run();

  return {
    items,
    onChange: (handler) => register(changeHandlers, handler),
    onBatch: (handler) => register(batchHandlers, handler),
    get hasSynced() {
      return hasSynced;
    },
    synced: (signal) => untilAborted(firstList.promise, signal),
    get idleMs() {
      return clock.monotonic() - lastSign;
    },
    stop() {
      stopped.abort();
      if (batchTimer !== undefined) clearImmediate(batchTimer);
    },
  };
}

function register<H>(handlers: Set<H>, handler: H): Disposable {
  handlers.add(handler);
  return { [Symbol.dispose]: () => void handlers.delete(handler) };
}

function untilAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  return new Promise<void>((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    void promise.then(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
  });
}
