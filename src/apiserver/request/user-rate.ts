// Bounds how many requests a second each user may begin: a bucket of tokens a user. One program in a loop then waits,
// and everybody else does not notice. Administrators (system:masters) are exempt, so that they can always repair.
import { tooManyRequests, type StatusError } from '../../api/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { User } from '../contract.ts';

export interface UserRateLimits {
  /** Requests a second that a user may make for long. */
  readonly perSecond: number;
  /** Requests that may come at once after a quiet time. */
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  /** Monotonic milliseconds at which `tokens` was true. */
  at: number;
}

/** Users that are remembered; beyond this, those who have been quiet are forgotten. */
const MAX_USERS = 10_000;

export class UserRate {
  readonly #limits: UserRateLimits;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();
  /** Requests refused so far. */
  refused = 0;

  constructor(limits: UserRateLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Counts a request. The failure to answer with when it is one too many, which says when to come again. */
  refuse(user: User): StatusError | undefined {
    if (user.groups.includes('system:masters')) return undefined;
    const { perSecond, burst } = this.#limits;
    const now = this.#clock.monotonic();
    let bucket = this.#buckets.get(user.name);
    if (bucket === undefined) {
      if (this.#buckets.size >= MAX_USERS) this.#forgetQuiet(now);
      this.#buckets.set(user.name, (bucket = { tokens: burst, at: now }));
    }
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return undefined;
    }
    this.refused += 1;
    return tooManyRequests(undefined, Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond)));
  }

  /** A bucket that is full by now is as good as none; when few are, the oldest go. */
  #forgetQuiet(now: number): void {
    const { perSecond, burst } = this.#limits;
    for (const [name, bucket] of this.#buckets) {
      if (bucket.tokens + ((now - bucket.at) / 1000) * perSecond >= burst) this.#buckets.delete(name);
    }
    // A good part at a time: this must not run for every request.
    for (const name of this.#buckets.keys()) {
      if (this.#buckets.size <= MAX_USERS * 0.9) return;
      this.#buckets.delete(name);
    }
  }
}
