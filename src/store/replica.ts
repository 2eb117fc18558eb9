// The store's state in memory: what is current, the changes of the recent past, and who watches. Both engines stand on
// it: the embedded store writes ahead of it into a journal, the etcd store follows it from a watch.
import {
  CompactedError,
  FutureRevisionError,
  type Change,
  type Entry,
  type ListOptions,
  type Page,
  type Revision,
  type Watch,
  type WatchOptions,
} from './contract.ts';
import { History } from './history.ts';
import { KeySpace } from './key-space.ts';
import { Watcher } from './watcher.ts';

/** One version of one key as an engine stores it. */
export interface Row {
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

export const defaultRetention: Required<Retention> = { windowMs: 300_000, minChanges: 1000, maxChanges: 20_000 };

/** How often in each window `due` is to be asked. */
export const AGE_STEPS = 5;

export class Replica {
  readonly #retention: Required<Retention>;
  readonly #keys = new KeySpace();
  readonly #history = new History();
  readonly #watchers = new Set<Watcher>();
  /** Revision at each turn of the owner's timer: how revisions map to time. */
  #marks: Revision[] = [];
  #applied: Revision = 0;
  #visible: Revision = 0;
  #compacted: Revision = 0;

  constructor(retention: Required<Retention>) {
    this.#retention = retention;
  }

  /** The newest revision that readers may see. */
  get visible(): Revision {
    return this.#visible;
  }

  /** The newest revision that is in memory; ahead of `visible` while a write is on its way to the disk. */
  get applied(): Revision {
    return this.#applied;
  }

  get compacted(): Revision {
    return this.#compacted;
  }

  /** The newest applied version, visible or not: what a commit compares with. */
  newest(key: string): Entry | undefined {
    return this.#keys.get(key);
  }

  get(key: string): Entry | undefined {
    const undo = this.#undoFrom(this.#visible);
    return undo?.has(key) === true ? undo.get(key) : this.#keys.get(key);
  }

  /** @throws CompactedError, FutureRevisionError */
  list(prefix: string, options: ListOptions): Page {
    const revision = options.revision ?? this.#visible;
    if (revision > this.#visible) throw new FutureRevisionError(revision, this.#visible);
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

  /** Takes a version in; nobody sees it before `show`. */
  apply({ key, revision, createRevision, value }: Row): Change {
    const previous = this.#keys.get(key);
    const entry = value === undefined ? undefined : { key, value, createRevision, revision };
    if (entry === undefined) this.#keys.delete(key);
    else this.#keys.set(entry);
    const change: Change = { key, revision, entry, previous };
    this.#history.append(change);
    this.#applied = Math.max(this.#applied, revision);
    return change;
  }

  /** Everything up to `revision` may be seen; `changes` are those that were applied since the last call. */
  show(changes: readonly Change[], revision: Revision): void {
    this.#applied = Math.max(this.#applied, revision);
    this.#visible = Math.max(this.#visible, revision);
    for (const watcher of this.#watchers) watcher.push(changes, this.#visible);
  }

  /** Takes the current version of a key in, while loading: it has no history. */
  fill(entry: Entry): void {
    this.#keys.set(entry);
  }

  /** After loading: the state stands at `visible`, and its history begins after `compacted`. */
  begin(compacted: Revision, visible: Revision): void {
    this.#applied = visible;
    this.#visible = visible;
    this.#compacted = compacted;
    this.#history.dropUntil(compacted);
  }

  /** Takes back what was applied and not shown. */
  takeBack(changes: readonly Change[]): void {
    for (const change of changes.toReversed()) {
      if (change.previous === undefined) this.#keys.delete(change.key);
      else this.#keys.set(change.previous);
    }
    this.#history.truncate(changes.length);
    this.#applied = this.#visible;
  }

  watch(options: WatchOptions, signal: AbortSignal): Watch {
    const watcher = new Watcher(options.prefix, options.after, Math.max(options.after, this.#visible));
    if (signal.aborted) {
      watcher.end();
      return watcher;
    }
    if (options.after < this.#compacted) {
      watcher.fail(new CompactedError(options.after, this.#compacted));
      return watcher;
    }
    // Changes applied but not yet shown are not in the past: they come with `show`.
    const past = this.#history.after(options.after).filter((c) => c.revision <= this.#visible);
    watcher.push(past, this.#visible);
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

  /** Ends every watch, with an error if one is given. */
  endWatches(error?: Error): void {
    for (const watcher of this.#watchers) {
      if (error === undefined) watcher.end();
      else watcher.fail(error);
    }
    this.#watchers.clear();
  }

  /** To be called five times a window: up to where history has had its time. */
  due(): Revision | undefined {
    this.#marks.push(this.#visible);
    if (this.#marks.length <= AGE_STEPS) return undefined;
    const old = this.#marks.shift() ?? 0;
    const floor = this.#history.revisionFromEnd(this.#retention.minChanges + 1) ?? 0;
    return Math.min(old, floor);
  }

  /** Up to where history has to go because there is too much of it. */
  excess(): Revision | undefined {
    const { maxChanges } = this.#retention;
    if (this.#history.length <= maxChanges * 1.25) return undefined;
    return this.#history.revisionFromEnd(maxChanges + 1);
  }

  /** Forgets history up to `revision`; returns the changes that went. */
  forget(revision: Revision): Change[] {
    const target = Math.min(revision, this.#visible);
    if (target <= this.#compacted) return [];
    this.#compacted = target;
    return this.#history.dropUntil(target);
  }

  /** What differs between the newest applied state and `revision`; undefined when nothing does. */
  #undoFrom(revision: Revision): Map<string, Entry | undefined> | undefined {
    return revision === this.#applied ? undefined : this.#history.undoTo(revision);
  }
}
