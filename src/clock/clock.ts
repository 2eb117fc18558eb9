// Time as a value that tests can replace.

/** Handle of a timer; pass it to `clear`. */
export type Timer = unknown;

export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds. */
  monotonic(): number;
  after(ms: number, run: () => void): Timer;
  clear(timer: Timer): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => setTimeout(run, ms),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/** A clock that moves only when told to: `advance(ms)` runs what falls due, in order. */
export class ManualClock implements Clock {
  #now: number;
  /** How far the wall clock was set away from where it would be. */
  #set = 0;
  #timers: { at: number; run: () => void }[] = [];

  constructor(startMs = 0) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now + this.#set;
  }

  /** Somebody sets the wall clock: forward, or with a negative number backward. No timer notices. */
  jump(ms: number): void {
    this.#set += ms;
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Timer {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return timer;
  }

  clear(timer: Timer): void {
    this.#timers = this.#timers.filter((t) => t !== timer);
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter((t) => t.at <= end).toSorted((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((t) => t !== due);
      this.#now = due.at;
      due.run();
    }
    this.#now = end;
  }
}
