// How long a container that ends again and again waits before its next start: 10 s, doubled up to 5 minutes, and
// from the start again after it has been quiet for 10 minutes (kubelet's rule).

const FIRST_MS = 10_000;
const LONGEST_MS = 300_000;
const FORGET_MS = 600_000;

interface Entry {
  delayMs: number;
  /** When the delay was last raised. */
  raisedAtMs: number;
}

export class RestartBackOff {
  readonly #entries = new Map<string, Entry>();

  /** When the next start may be, given the end of the last run. The first restart may be at once. */
  nextStartMs(key: string, finishedAtMs: number): number {
    const entry = this.#entries.get(key);
    if (entry === undefined || finishedAtMs - entry.raisedAtMs > FORGET_MS) return finishedAtMs;
    return finishedAtMs + entry.delayMs;
  }

  delayMs(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0;
  }

  /** Call when a restart happens: the one after it waits longer. */
  raise(key: string, nowMs: number): void {
    const entry = this.#entries.get(key);
    const fresh = entry === undefined || nowMs - entry.raisedAtMs > FORGET_MS;
    this.#entries.set(key, {
      delayMs: fresh ? FIRST_MS : Math.min(entry.delayMs * 2, LONGEST_MS),
      raisedAtMs: nowMs,
    });
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }
}

/** As kubelet prints durations: `10s`, `1m20s`, `5m0s`. */
export function formatDelay(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
