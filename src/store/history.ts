// The changes of the recent past, oldest first: what watches start from and what an older state is rebuilt from.
import type { Change, Entry, Revision } from './contract.ts';

export class History {
  #changes: Change[] = [];

  get length(): number {
    return this.#changes.length;
  }

  append(change: Change): void {
    this.#changes.push(change);
  }

  /** Revision of the n-th change from the end; undefined when there are fewer. */
  revisionFromEnd(n: number): Revision | undefined {
    return this.#changes.at(-n)?.revision;
  }

  /** Changes strictly after a revision. */
  after(revision: Revision): Change[] {
    return this.#changes.slice(this.#indexAfter(revision));
  }

  /** The keys that changed after `revision`, each with the version it had then. */
  undoTo(revision: Revision): Map<string, Entry | undefined> {
    const then = new Map<string, Entry | undefined>();
    // From new to old, so that the oldest step after `revision` has the last word.
    for (let i = this.#changes.length - 1; i >= 0; i--) {
      const change = this.#changes[i];
      if (change === undefined || change.revision <= revision) break;
      then.set(change.key, change.previous);
    }
    return then;
  }

  /** Removes and returns the changes up to and including `revision`. */
  dropUntil(revision: Revision): Change[] {
    const dropped = this.#changes.slice(0, this.#indexAfter(revision));
    this.#changes = this.#changes.slice(dropped.length);
    return dropped;
  }

  /** Takes back the newest `count` changes. */
  truncate(count: number): void {
    this.#changes.length -= count;
  }

  #indexAfter(revision: Revision): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.revision ?? Infinity) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
