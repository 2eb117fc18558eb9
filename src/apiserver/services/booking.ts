// Books keys for one write: picks avoid what others in this process are about to take, and the commit's comparisons make
// sure that nobody anywhere took it meanwhile.
import type { Compare, Op, Store } from '../../store/index.ts';
import type { Attachment } from '../verbs/deps.ts';

export class Booking implements Attachment {
  readonly compares: Compare[] = [];
  readonly ops: Op[] = [];
  readonly #store: Store;
  readonly #reserved: Set<string>;
  readonly #mine = new Set<string>();
  readonly #refusals = new Map<string, () => Error>();

  /** `reserved` is shared by all bookings of the process. */
  constructor(store: Store, reserved: Set<string>) {
    this.#store = store;
    this.#reserved = reserved;
  }

  async isTaken(key: string): Promise<boolean> {
    return this.#reserved.has(key) || (await this.#store.get(key)) !== undefined;
  }

  /** As far as this process knows: enough to choose by, because the commit compares. */
  async seemsTaken(key: string): Promise<boolean> {
    return this.#reserved.has(key) || (await this.#store.get(key, { notOlderThan: 0 })) !== undefined;
  }

  /** `refusal`: what to tell a client that asked for exactly this and lost it in the last moment. */
  take(key: string, value: string, refusal?: () => Error): void {
    this.#reserved.add(key);
    this.#mine.add(key);
    this.compares.push({ key, revision: 0 });
    this.ops.push({ type: 'put', key, value });
    if (refusal !== undefined) this.#refusals.set(key, refusal);
  }

  giveBack(key: string): void {
    this.ops.push({ type: 'delete', key });
  }

  release(): void {
    for (const key of this.#mine) this.#reserved.delete(key);
    this.#mine.clear();
  }

  lost(key: string): void {
    const refusal = this.#refusals.get(key);
    if (refusal !== undefined) throw refusal();
  }
}
