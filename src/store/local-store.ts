// The store for one process: everything current is in memory, a journal below makes it durable. Commits of one turn of
// the event loop share one journal write ("group commit"), which is what makes durable writes cheap under load.
import {
  FutureRevisionError,
  NotWrittenError,
  type Change,
  type CommitResult,
  type Compare,
  type Entry,
  type Held,
  type ListOptions,
  type Op,
  type Page,
  type Revision,
  type Store,
  type Watch,
  type WatchOptions,
} from './contract.ts';
import { AGE_STEPS, defaultRetention, Replica, type Retention, type Row } from './replica.ts';

/** Where committed changes go. Calls are synchronous: when `append` returns, the changes are durable. */
export interface Journal {
  /** Where it writes, for people. */
  readonly name: string;
  /** Replays what is stored, oldest first. */
  load(replay: (row: Row) => void): { compactedRevision: Revision; currentRevision: Revision };
  append(changes: readonly Change[]): void;
  /** `dropped` are the changes that left the window; the versions they replaced are no longer needed. */
  compact(revision: Revision, dropped: readonly Change[]): void;
  close(): void;
}

interface Pending {
  readonly changes: readonly Change[];
  readonly result: CommitResult;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: Error) => void;
}

export class LocalStore implements Store {
  readonly #journal: Journal;
  readonly #replica: Replica;
  readonly #timer: NodeJS.Timeout;
  readonly #held = new Set<string>();
  #pending: Pending[] = [];
  #flushed: Promise<void> | undefined;
  #closed = false;

  constructor(journal: Journal, retention: Retention = {}) {
    this.#journal = journal;
    const whole = { ...defaultRetention, ...retention };
    this.#replica = new Replica(whole);
    const loaded = journal.load((row) => this.#replica.apply(row));
    this.#replica.begin(loaded.compactedRevision, loaded.currentRevision);
    this.#timer = setInterval(() => this.#compactTo(this.#replica.due()), whole.windowMs / AGE_STEPS);
    this.#timer.unref();
  }

  get currentRevision(): Revision {
    return this.#replica.visible;
  }

  get compactedRevision(): Revision {
    return this.#replica.compacted;
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#mustBeOpen();
    return this.#replica.get(key);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Page> {
    this.#mustBeOpen();
    return this.#replica.list(prefix, options);
  }

  count(prefix: string): number {
    return this.#replica.count(prefix);
  }

  async reach(revision: Revision): Promise<void> {
    if (revision > this.#replica.visible) throw new FutureRevisionError(revision, this.#replica.visible);
  }

  commit(compares: readonly Compare[], ops: readonly Op[]): Promise<CommitResult> {
    this.#mustBeOpen();
    for (const compare of compares) {
      const current = this.#replica.newest(compare.key);
      if ((current?.revision ?? 0) === compare.revision) continue;
      // The version that won may itself still be on its way to the disk.
      return (this.#flushed ?? Promise.resolve()).then(() => ({ committed: false, key: compare.key, current }));
    }
    const changes = this.#apply(ops);
    if (changes.length === 0) return Promise.resolve({ committed: true, revision: this.#replica.visible, entries: [] });
    const entries = changes.flatMap((c) => c.entry ?? []);
    const result: CommitResult = { committed: true, revision: this.#replica.applied, entries };
    return new Promise((resolve, reject) => {
      this.#pending.push({ changes, result, resolve, reject });
      this.#flushed ??= new Promise((done) => {
        setImmediate(() => {
          this.#flush();
          done();
        });
      });
    });
  }

  watch(options: WatchOptions, signal: AbortSignal): Watch {
    this.#mustBeOpen();
    return this.#replica.watch(options, signal);
  }

  async hold(key: string, value: string): Promise<Held> {
    // The one process that can hold anything here is this one: what an earlier one left beside it goes.
    const beside = this.#replica.list(key.slice(0, key.lastIndexOf('/') + 1), {}).entries;
    const left = beside.filter((entry) => entry.key !== key && !this.#held.has(entry.key));
    this.#held.add(key);
    await this.commit([], [{ type: 'put', key, value }, ...left.map((e) => ({ type: 'delete' as const, key: e.key }))]);
    return {
      release: async () => {
        this.#held.delete(key);
        if (!this.#closed) await this.commit([], [{ type: 'delete', key }]);
      },
    };
  }

  async compact(revision: Revision): Promise<void> {
    this.#mustBeOpen();
    await this.#flushed;
    this.#compactTo(revision);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    await this.#flushed;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#replica.endWatches();
    this.#journal.close();
  }

  #apply(ops: readonly Op[]): Change[] {
    const revision = this.#replica.applied + 1;
    const changes: Change[] = [];
    for (const op of ops) {
      const previous = this.#replica.newest(op.key);
      if (op.type === 'delete' && previous === undefined) continue;
      const value = op.type === 'put' ? op.value : undefined;
      const createRevision = previous?.createRevision ?? revision;
      changes.push(this.#replica.apply({ key: op.key, revision, createRevision, value }));
    }
    return changes;
  }

  /** One journal write for all commits that are waiting; then the world may see them. */
  #flush(): void {
    const batch = this.#pending;
    this.#pending = [];
    this.#flushed = undefined;
    const changes = batch.flatMap((p) => p.changes);
    try {
      this.#journal.append(changes);
    } catch (cause) {
      this.#replica.takeBack(changes);
      const error = new NotWrittenError(this.#journal.name, cause);
      for (const waiting of batch) waiting.reject(error);
      return;
    }
    this.#replica.show(changes, this.#replica.applied);
    for (const waiting of batch) waiting.resolve(waiting.result);
    this.#compactTo(this.#replica.excess());
  }

  #compactTo(revision: Revision | undefined): void {
    if (this.#closed || revision === undefined || revision <= this.#replica.compacted) return;
    const dropped = this.#replica.forget(revision);
    this.#journal.compact(this.#replica.compacted, dropped);
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new Error('the store is closed');
  }
}
