// Growing waits with jitter, for anything that is tried again.

export interface Backoff {
  /** The next wait; longer each time until `reset`. */
  next(): number;
  reset(): void;
}

export function createBackoff(firstMs: number, longestMs: number, random: () => number = Math.random): Backoff {
  let ms = firstMs;
  return {
    next() {
      const wait = ms * (0.5 + random());
      ms = Math.min(ms * 2, longestMs);
      return Math.min(wait, longestMs);
    },
    reset() {
      ms = firstMs;
    },
  };
}
