// A queue of keys for controllers. A key is worked on by one worker at a time, however often it is added; a key
// that fails comes back after a growing wait of its own.
import { isConflict, isNotFound, isUnavailable } from '../api/objects.ts';
import { systemClock } from '../clock/index.ts';
import type { Clock, Timer } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import { isConnectionError } from './connection-error.ts';

export interface WorkQueueOptions {
  name: string;
  /** Throwing puts the key back. */
  process: (key: string) => Promise<void>;
  workers?: number;
  clock?: Clock;
  log?: Logger;
  /** First and longest wait of a key that fails again and again. */
  retryMs?: { first: number; longest: number };
}

export interface WorkQueue {
  add(key: string): void;
  /** Adds the key after the wait; of several waits for one key the earliest counts. */
  addAfter(key: string, ms: number): void;
  /** Keys that wait or are worked on, without those whose time has not come. */
  readonly size: number;
  /** Resolves when nothing waits and nothing is worked on. */
  idle(): Promise<void>;
  /** Takes no more keys and resolves when the running work has ended. */
  stop(): Promise<void>;
}

/** Longest wait of a key while the server cannot be reached. */
const AWAY_MS = 2000;

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const clock = options.clock ?? systemClock;
  const workers = options.workers ?? 1;
  const first = options.retryMs?.first ?? 5;
  const longest = options.retryMs?.longest ?? 30_000;
  const waiting = new Set<string>();
  const running = new Set<string>();
  /** Added while being worked on: goes round again. */
  const dirty = new Set<string>();
  const failures = new Map<string, number>();
  const delayed = new Map<string, { at: number; timer: Timer }>();
  let idleWaiters: (() => void)[] = [];
  let stopped = false;
  let scheduled = false;

  const dispatch = () => {
    scheduled = false;
    for (const key of waiting) {
      if (running.size >= workers) break;
      waiting.delete(key);
      running.add(key);
      void work(key);
    }
    if (waiting.size === 0 && running.size === 0) {
      for (const resolve of idleWaiters) resolve();
      idleWaiters = [];
    }
  };
  // One turn later, so that a burst of events on one object is worked on once.
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(dispatch);
  };

  const work = async (key: string) => {
    try {
      await options.process(key);
      failures.delete(key);
    } catch (error) {
      retry(key, error);
    } finally {
      running.delete(key);
      if (dirty.delete(key) && !stopped) waiting.add(key);
      schedule();
    }
  };
  const retry = (key: string, error: unknown) => {
    const count = failures.get(key) ?? 0;
    failures.set(key, count + 1);
    // Somebody else wrote or deleted first, or the server is away: part of normal life.
    const away = isConnectionError(error) || isUnavailable(error);
    const expected = isConflict(error) || isNotFound(error) || away;
    // A server, or the store below it, that is away comes back for all keys at once: none of them should then sleep on
    // for long.
    const most = away ? Math.min(longest, AWAY_MS) : longest;
    const waitMs = Math.min(first * 2 ** Math.min(count, 30), most);
    if (stopped) return;
    if (expected) options.log?.debug(`${options.name}: trying again`, { key, waitMs, error: String(error) });
    else options.log?.warn(`${options.name}: failed, trying again`, { key, waitMs, error });
    addAfter(key, waitMs);
  };

  const add = (key: string) => {
    if (stopped) return;
    const timer = delayed.get(key);
    if (timer !== undefined) clock.clear(timer.timer);
    delayed.delete(key);
    if (running.has(key)) dirty.add(key);
    else waiting.add(key);
    schedule();
  };
  const addAfter = (key: string, ms: number) => {
    if (stopped) return;
    if (ms <= 0) return add(key);
    const at = clock.monotonic() + ms;
    const existing = delayed.get(key);
    if (existing !== undefined) {
      if (existing.at <= at) return;
      clock.clear(existing.timer);
    }
    delayed.set(key, { at, timer: clock.after(ms, () => add(key)) });
  };

  const idle = () =>
    new Promise<void>((resolve) => {
      idleWaiters.push(resolve);
      schedule();
    });
  return {
    add,
    addAfter,
    get size() {
      return waiting.size + running.size;
    },
    idle,
    async stop() {
      stopped = true;
      waiting.clear();
      dirty.clear();
      for (const { timer } of delayed.values()) clock.clear(timer);
      delayed.clear();
      await idle();
    },
  };
}
