// When to sync. The first change is applied at once; changes that follow are coalesced. One run at a time.
import type { Clock, Timer } from '../clock/index.ts';

export interface PacerOptions {
  readonly clock: Clock;
  /** Least time from the end of a run to the start of the next one, given how long that run took. */
  readonly pauseMs: (lastRunMs: number) => number;
  /** After this long without a run there is one unasked. */
  readonly longestIdleMs: number;
  /** First wait after a failure; doubles up to `longestRetryMs`. */
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
}

export interface Pacer {
  /** Ask for a run soon; any number of calls before it starts are one run. */
  request(): void;
  /** Resolves when no run is under way; no further run starts. */
  stop(): Promise<void>;
}

/** `run` rejects when it failed: it is then tried again. */
export function createPacer(run: () => Promise<void>, options: PacerOptions): Pacer {
  const { clock } = options;
  let timer: Timer;
  let dueAt = Infinity;
  let running: Promise<void> | undefined;
  let asked = false;
  let stopped = false;
  let notBefore = -Infinity;
  let failures = 0;

  const schedule = (at: number) => {
    if (stopped || at >= dueAt) return;
    if (timer !== undefined) clock.clear(timer);
    dueAt = at;
    timer = clock.after(Math.max(0, at - clock.monotonic()), () => {
      timer = undefined;
      dueAt = Infinity;
      start();
    });
  };

  const start = () => {
    if (stopped || running !== undefined) return;
    if (timer !== undefined) clock.clear(timer);
    timer = undefined;
    dueAt = Infinity;
    asked = false;
    const began = clock.monotonic();
    const finish = (failed: boolean) => {
      running = undefined;
      const now = clock.monotonic();
      failures = failed ? failures + 1 : 0;
      notBefore = now + options.pauseMs(now - began);
      if (failed) {
        notBefore = now + Math.min(options.firstRetryMs * 2 ** (failures - 1), options.longestRetryMs);
      }
      schedule(asked || failed ? notBefore : now + options.longestIdleMs);
    };
    running = run().then(
      () => finish(false),
      () => finish(true),
    );
  };

  return {
    request() {
      asked = true;
      if (running !== undefined || stopped) return;
      if (clock.monotonic() >= notBefore) start();
      else schedule(notBefore);
    },
    async stop() {
      stopped = true;
      if (timer !== undefined) clock.clear(timer);
      await running;
    },
  };
}
