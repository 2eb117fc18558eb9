// What a controller has asked for but not yet seen in its copy. Until it has, counting would ask for it again.
import type { Clock } from '../../clock/index.ts';

interface Expected {
  creations: number;
  /** Objects whose deletion was asked for, by uid. */
  deletions: Set<string>;
  at: number;
}

/** If an answer is lost for ever, counting goes on after this time. */
const GIVE_UP_MS = 300_000;

export class Expectations {
  #byOwner = new Map<string, Expected>();
  #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be called before the requests are sent, so that no event can come too early. */
  expectCreations(owner: string, count: number): void {
    this.#of(owner).creations += count;
  }

  expectDeletions(owner: string, uids: readonly string[]): void {
    const expected = this.#of(owner);
    for (const uid of uids) expected.deletions.add(uid);
  }

  /** An event told of it, or the request failed. */
  creationSeen(owner: string): void {
    const expected = this.#byOwner.get(owner);
    if (expected !== undefined && expected.creations > 0) expected.creations--;
  }

  deletionSeen(owner: string, uid: string): void {
    this.#byOwner.get(owner)?.deletions.delete(uid);
  }

  satisfied(owner: string): boolean {
    const expected = this.#byOwner.get(owner);
    if (expected === undefined) return true;
    if (expected.creations <= 0 && expected.deletions.size === 0) return true;
    return this.#clock.monotonic() - expected.at > GIVE_UP_MS;
  }

  forget(owner: string): void {
    this.#byOwner.delete(owner);
  }

  #of(owner: string): Expected {
    let expected = this.#byOwner.get(owner);
    if (expected === undefined || this.satisfied(owner)) {
      expected = { creations: 0, deletions: new Set(), at: this.#clock.monotonic() };
      this.#byOwner.set(owner, expected);
    }
    return expected;
  }
}
