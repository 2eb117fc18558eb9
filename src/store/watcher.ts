// One open watch: a buffer between the store, which pushes, and one reader, which pulls.
import { CompactedError, type Change, type Revision, type Watch } from './contract.ts';

/** A reader this far behind lists again instead of making the server hold its backlog. */
const MAX_BACKLOG = 100_000;

export class Watcher implements Watch {
  readonly prefix: string;
  readonly #after: Revision;
  #pending: Change[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #error: Error | undefined;
  #delivered: Revision;
  #seen: Revision;

  constructor(prefix: string, after: Revision, current: Revision) {
    this.prefix = prefix;
    this.#after = after;
    this.#delivered = after;
    this.#seen = current;
  }

  get progress(): Revision {
    return this.#pending.length === 0 ? this.#seen : this.#delivered;
  }

  /** Called for every revision that became visible, also when nothing in it concerns this watch. */
  push(changes: readonly Change[], revision: Revision): void {
    this.#seen = Math.max(this.#seen, revision);
    let woken = false;
    for (const change of changes) {
      // A watch may begin at a revision that this process has not heard of yet.
      if (change.revision <= this.#after || !change.key.startsWith(this.prefix)) continue;
      this.#pending.push(change);
      woken = true;
    }
    if (this.#pending.length > MAX_BACKLOG) {
      this.#pending = [];
      this.fail(new CompactedError(this.#delivered, revision));
    } else if (woken) this.#notify();
  }

  fail(error: Error): void {
    this.#error = error;
    this.end();
  }

  end(): void {
    this.#ended = true;
    this.#notify();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Change[]> {
    for (;;) {
      if (this.#pending.length > 0) {
        const batch = this.#pending;
        this.#pending = [];
        this.#delivered = batch.at(-1)?.revision ?? this.#delivered;
        yield batch;
      } else if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
