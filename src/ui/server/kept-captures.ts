// The captures of the last traces, for download. A bounded number: the oldest goes first.
import { randomUUID } from 'node:crypto';

export class KeptCaptures {
  readonly #limit: number;
  readonly #files = new Map<string, Uint8Array>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The id under which the capture can be had until later ones push it out. */
  keep(file: Uint8Array): string {
    const id = randomUUID();
    this.#files.set(id, file);
    for (const oldest of this.#files.keys()) {
      if (this.#files.size <= this.#limit) break;
      this.#files.delete(oldest);
    }
    return id;
  }

  get(id: string): Uint8Array | undefined {
    return this.#files.get(id);
  }
}
