// What the server looks after for as long as it runs.
import { events, type CoreEvent } from '../api/index.ts';
import type { Clock, Timer } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import { CompactedError, type Store } from '../store/index.ts';
import { storedObject } from './objects/stored-object.ts';
import { keyPrefix } from './objects/storage-key.ts';
import { repairBookings } from './services/repair.ts';

export interface UpkeepOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Puts `default/kubernetes` and the other first objects back. */
  readonly bootstrap: () => Promise<void>;
  readonly signal: AbortSignal;
}

const BOOTSTRAP_MS = 10_000;
const EVENTS_MS = 60_000;
const REPAIR_MS = 180_000;
/** As many as etcd takes in a transaction, with room. */
const COMMIT_OPS = 100;
/** Events are news; Kubernetes keeps them for an hour. */
const EVENT_LIFE_MS = 3_600_000;

export function startUpkeep({ store, clock, log, bootstrap, signal }: UpkeepOptions): void {
  const every = (ms: number, what: string, run: () => Promise<void>) => {
    let timer: Timer;
    const next = () => {
      timer = clock.after(ms, () => {
        run()
          .catch((error: unknown) => log.error(`${what} failed; it will be tried again`, { error }))
          .finally(() => {
            if (!signal.aborted) next();
          });
      });
    };
    next();
    signal.addEventListener('abort', () => clock.clear(timer), { once: true });
  };
  every(BOOTSTRAP_MS, 'restoring the first objects', bootstrap);
  every(EVENTS_MS, 'forgetting old events', () => forgetEvents(store, clock));
  every(REPAIR_MS, 'repairing address bookings', async () => {
    const { booked, released } = await repairBookings(store, clock);
    if (booked.length + released.length > 0)
      log.warn('address bookings did not match the Services', { booked, released });
  });
}

/** Few commits for all that are due. */
export async function forgetEvents(store: Store, clock: Clock): Promise<void> {
  const oldest = clock.now() - EVENT_LIFE_MS;
  const { entries } = await store.list(keyPrefix(events));
  const due = entries.filter((entry) => {
    const { lastTimestamp, eventTime, series, metadata } = storedObject(entry).object as CoreEvent;
    const last = series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp;
    return Date.parse(last) < oldest;
  });
  for (let i = 0; i < due.length; i += COMMIT_OPS) {
    await store.commit(
      [],
      due.slice(i, i + COMMIT_OPS).map(({ key }) => ({ type: 'delete', key })),
    );
  }
}

type Keeping = Pick<UpkeepOptions, 'store' | 'clock' | 'log' | 'signal'>;

/** How long after a failure, or without a change, it runs again. */
const AGAIN_MS = 30_000;

/** Runs now, after every change of a key with the prefix, and from time to time; resolves when the first run is over. */
export async function keepTrue(keeping: Keeping, prefix: string, run: () => Promise<void>): Promise<void> {
  const { store, clock, log, signal } = keeping;
  const after = store.currentRevision;
  await run();
  const loop = async () => {
    let watch = store.watch({ prefix, after }, signal)[Symbol.asyncIterator]();
    let change = watch.next();
    for (;;) {
      const woken = await soonerOf(change, clock, signal);
      if (signal.aborted) return;
      if (woken === 'changed') {
        if ((await change).done === true) return;
        change = watch.next();
      } else if (woken === 'missed') {
        // Changes were forgotten before we heard of them; what they led to is looked at below.
        watch = store.watch({ prefix, after: store.currentRevision }, signal)[Symbol.asyncIterator]();
        change = watch.next();
      }
      await run().catch((error: unknown) => log.error(`upkeep of ${prefix} failed`, { error }));
    }
  };
  loop().catch((error: unknown) => log.error(`upkeep of ${prefix} stopped`, { error }));
}

function soonerOf(change: Promise<unknown>, clock: Clock, signal: AbortSignal): Promise<'changed' | 'missed' | 'due'> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(AGAIN_MS, () => resolve('due'));
    const finish = () => {
      clock.clear(timer);
      resolve('changed');
    };
    signal.addEventListener('abort', finish, { once: true });
    const failed = (error: unknown) => {
      clock.clear(timer);
      if (error instanceof CompactedError) resolve('missed');
      else reject(error instanceof Error ? error : new Error(String(error)));
    };
    change.then(finish, failed).finally(() => signal.removeEventListener('abort', finish));
  });
}
