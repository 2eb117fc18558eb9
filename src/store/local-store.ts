// The store for one process: everything current is in memory, a journal below makes it durable. Commits of one turn of
// the event loop share one journal write ("group commit"), which is what makes durable writes cheap under load.
import {
  CompactedError,
  FutureRevisionError,
  type Change,
  type CommitResult,
  type Compare,
  type Entry,
  type ListOptions,
  type Op,
  type Page,
  type Revision,
  type Store,
  type Watch,
  type WatchOptions,
} from './contract.ts';
import { History } from './history.ts';
import { KeySpace } from './key-space.ts';
import { Watcher } from './watcher.ts';

/** Where committed changes go. Calls are synchronous: when `append` returns, the changes are durable. */
export interface Journal {
  /** Replays what is stored, oldest first. `history` is false for changes at or below the compacted revision. */
  load(replay: (row: JournalRow) => void): { compactedRevision: Revision; currentRevision: Revision };
  append(changes: readonly Change[]): void;
  /** `dropped` are the changes that left the window; the versions they replaced are no longer needed. */
  compact(revision: Revision, dropped: readonly Change[]): void;
  close(): void;
}

export interface JournalRow {
  readonly key: string;
  readonly revision: Revision;
  readonly createRevision: Revision;
  /** Absent: the key was deleted. */
  readonly value: string | undefined;
}

export interface Retention {
  /** How long changes stay readable. @default 300000 */
  windowMs?: number;
  /** Changes kept even when older than the window. @default 1000 */
  minChanges?: number;
  /** Beyond this many the oldest go, however young. @default 20000 */
  maxChanges?: number;
}

interface Pending {
  readonly changes: readonly Change[];
  readonly result: CommitResult;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: Error) => void;
}

export class LocalStore implements Store {
  readonly #journal: Journal;
  readonly #retention: Required<Retention>;
  readonly #keys = new KeySpace();
  readonly #history = new History();
  readonly #watchers = new Set<Watcher>();
  readonly #timer: NodeJS.Timeout;
  /** Revision at each turn of the compaction timer: how revisions map to time. */
  #marks: Revision[] = [];
  #next: Revision;
  #durable: Revision;
  #compacted: Revision;
  #pending: Pending[] = [];
  #flushed: Promise<void> | undefined;
  #closed = false;

  constructor(journal: Journal, retention: Retention = {}) {
    this.#journal = journal;
    this.#retention = { windowMs: 300_000, minChanges: 1000, maxChanges: 20_000, ...retention };
    const loaded = journal.load((row) => this.#replay(row));
    this.#compacted = loaded.compactedRevision;
    this.#durable = loaded.currentRevision;
    this.#next = this.#durable + 1;
    this.#history.dropUntil(this.#compacted);
    this.#timer = setInterval(() => this.#age(), this.#retention.windowMs / 5);
    this.#timer.unref();
  }

  get currentRevision(): Revision {
    return this.#durable;
  }

  get compactedRevision(): Revision {
    return this.#compacted;
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#mustBeOpen();
    const undo = this.#undoFrom(this.#durable);
    return undo?.has(key) === true ? undo.get(key) : this.#keys.get(key);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Page> {
    this.#mustBeOpen();
    const revision = options.revision ?? this.#durable;
    if (revision > this.#durable) throw new FutureRevisionError(revision, this.#durable);
    if (revision < this.#compacted) throw new CompactedError(revision, this.#compacted);
    const undo = this.#undoFrom(revision);
    const keys = this.#keys.keys(prefix);
    if (undo !== undefined) {
      // Keys that were deleted since are in nobody's index any more.
      const gone = [...undo].filter(([k, e]) => e && k.startsWith(prefix) && this.#keys.get(k) === undefined);
      if (gone.length > 0) {
        for (const [key] of gone) keys.push(key);
        keys.sort();
      }
    }
    const entries: Entry[] = [];
    let remaining = 0;
    for (const key of keys) {
      if (options.after !== undefined && key <= options.after) continue;
      const entry = undo !== undefined && undo.has(key) ? undo.get(key) : this.#keys.get(key);
      if (entry === undefined) continue;
      if (options.limit !== undefined && entries.length >= options.limit) remaining += 1;
      else entries.push(entry);
    }
    return { entries, revision, remaining };
  }

  count(prefix: string): number {
    return this.#keys.count(prefix);
  }

  commit(compares: readonly Compare[], ops: readonly Op[]): Promise<CommitResult> {
    this.#mustBeOpen();
    for (const compare of compares) {
      const current = this.#keys.get(compare.key);
      if ((current?.revision ?? 0) === compare.revision) continue;
      // The version that won may itself still be on its way to the disk.
      return (this.#flushed ?? Promise.resolve()).then(() => ({ committed: false, key: compare.key, current }));
    }
    const changes = this.#apply(ops);
    if (changes.length === 0) return Promise.resolve({ committed: true, revision: this.#durable, entries: [] });
    const entries = changes.flatMap((c) => c.entry ?? []);
    const result: CommitResult = { committed: true, revision: this.#next - 1, entries };
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
    const watcher = new Watcher(options.prefix, options.after, Math.max(options.after, this.#durable));
    if (signal.aborted) {
      watcher.end();
      return watcher;
    }
    if (options.after < this.#compacted) {
      watcher.fail(new CompactedError(options.after, this.#compacted));
      return watcher;
    }
    // Changes applied but not yet flushed are not in the past: they come with the flush.
    const past = this.#history.after(options.after).filter((c) => c.revision <= this.#durable);
    watcher.push(past, this.#durable);
    this.#watchers.add(watcher);
    signal.addEventListener(
      'abort',
      () => {
        this.#watchers.delete(watcher);
        watcher.end();
      },
      { once: true },
    );
    return watcher;
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
    for (const watcher of this.#watchers) watcher.end();
    this.#watchers.clear();
    this.#journal.close();
  }

  /** What differs between the newest applied state and `revision`; undefined when nothing does. */
  #undoFrom(revision: Revision): Map<string, Entry | undefined> | undefined {
    // Applied is ahead of durable while a flush is due; nobody may see a write before it is on disk.
    return revision === this.#next - 1 ? undefined : this.#history.undoTo(revision);
  }

  #replay(row: JournalRow): void {
    const { key, revision, createRevision, value } = row;
    const previous = this.#keys.get(key);
    const entry = value === undefined ? undefined : { key, value, createRevision, revision };
    if (entry === undefined) this.#keys.delete(key);
    else this.#keys.set(entry);
    this.#history.append({ key, revision, entry, previous });
  }

  #apply(ops: readonly Op[]): Change[] {
    const revision = this.#next;
    const changes: Change[] = [];
    for (const op of ops) {
      const previous = this.#keys.get(op.key);
      if (op.type === 'put') {
        const { key, value } = op;
        const entry = { key, value, createRevision: previous?.createRevision ?? revision, revision };
        this.#keys.set(entry);
        changes.push({ key, revision, entry, previous });
      } else if (previous !== undefined) {
        this.#keys.delete(op.key);
        changes.push({ key: op.key, revision, entry: undefined, previous });
      }
    }
    if (changes.length > 0) this.#next += 1;
    for (const change of changes) this.#history.append(change);
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
      this.#undo(changes);
      const error = new Error('the store could not write to disk; nothing of this write was kept', { cause });
      for (const waiting of batch) waiting.reject(error);
      return;
    }
    this.#durable = this.#next - 1;
    for (const watcher of this.#watchers) watcher.push(changes, this.#durable);
    for (const waiting of batch) waiting.resolve(waiting.result);
    if (this.#history.length > this.#retention.maxChanges * 1.25) this.#trim();
  }

  #undo(changes: readonly Change[]): void {
    for (const change of changes.toReversed()) {
      if (change.previous === undefined) this.#keys.delete(change.key);
      else this.#keys.set(change.previous);
    }
    this.#history.truncate(changes.length);
    this.#next = this.#durable + 1;
  }

  /** Runs five times per window: what was current one window ago may go. */
  #age(): void {
    this.#marks.push(this.#durable);
    if (this.#marks.length <= 5) return;
    const old = this.#marks.shift() ?? 0;
    const floor = this.#history.revisionFromEnd(this.#retention.minChanges + 1) ?? 0;
    this.#compactTo(Math.min(old, floor));
  }

  #trim(): void {
    const revision = this.#history.revisionFromEnd(this.#retention.maxChanges + 1);
    if (revision !== undefined) this.#compactTo(revision);
  }

  #compactTo(revision: Revision): void {
    if (this.#closed || revision <= this.#compacted) return;
    const target = Math.min(revision, this.#durable);
    this.#journal.compact(target, this.#history.dropUntil(target));
    this.#compacted = target;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new Error('the store is closed');
  }
}
