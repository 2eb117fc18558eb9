// The newest revision that anybody was told of, by a linearizable read of nothing. Readers that come together share one.
import type { Revision } from '../contract.ts';

export class Fence {
  readonly #read: () => Promise<Revision>;
  #running: Promise<Revision> | undefined;
  #next: Promise<Revision> | undefined;

  constructor(read: () => Promise<Revision>) {
    this.#read = read;
  }

  /** At least the revision of every commit that was acknowledged before the call. */
  ask(): Promise<Revision> {
    if (this.#running === undefined) return this.#start();
    // The question under way was put before this caller came: it waits for the next one.
    this.#next ??= this.#running.then(
      () => this.#restart(),
      () => this.#restart(),
    );
    return this.#next;
  }

  #restart(): Promise<Revision> {
    this.#next = undefined;
    return this.#start();
  }

  #start(): Promise<Revision> {
    const asked = this.#read().finally(() => {
      if (this.#running === asked) this.#running = undefined;
    });
    this.#running = asked;
    return asked;
  }
}
