// The revisioned key–value store under the API server: what etcd gives Kubernetes, no more. Keys are paths, values are
// text the store never looks into. Types and error classes only; `memory/`, `sqlite/` and `etcd/` implement it.

/** One number for the whole store; each successful commit takes the next one. */
export type Revision = number;

/** One version of one key. Shared by readers and watchers, never changed: its identity can key a cache. */
export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Revision at which the key last came into being. */
  readonly createRevision: Revision;
  /** Revision at which this version was written. */
  readonly revision: Revision;
}

/** The commit goes through only if every named key stands at this revision; 0 means: it does not exist. */
export interface Compare {
  readonly key: string;
  readonly revision: Revision;
}

export type Op =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly key: string };

export type CommitResult =
  | {
      readonly committed: true;
      readonly revision: Revision;
      /** The written version of each put, in the order of the puts. */
      readonly entries: readonly Entry[];
    }
  /** `current` is what the first failing comparison found; undefined when the key does not exist. */
  | { readonly committed: false; readonly key: string; readonly current: Entry | undefined };

export interface ReadOptions {
  /**
   * Any state from this revision on will do: 0 takes what is at hand, however old. Absent: every commit that was
   * acknowledged anywhere before the call is in the answer.
   */
  notOlderThan?: Revision;
}

export interface ListOptions extends ReadOptions {
  /** At most so many entries; absent: all. */
  limit?: number;
  /** Only keys after this one. */
  after?: string;
  /** The state as it was then. @throws CompactedError, FutureRevisionError from `list`. */
  revision?: Revision;
}

export interface Page {
  /** In key order. */
  readonly entries: readonly Entry[];
  /** The revision this page shows. */
  readonly revision: Revision;
  /** How many more entries follow; 0 on the last page. */
  readonly remaining: number;
}

/** One key's step in one revision. `entry` is absent when the key was deleted, `previous` when it was created. */
export interface Change {
  readonly key: string;
  readonly revision: Revision;
  readonly entry: Entry | undefined;
  readonly previous: Entry | undefined;
}

/** Yields batches of changes that became visible together, in order of revision, each exactly once. */
export interface Watch extends AsyncIterable<readonly Change[]> {
  /** Every change up to here was handed over: the value for a bookmark. */
  readonly progress: Revision;
}

export interface WatchOptions {
  /** Only keys that begin so. */
  prefix: string;
  /** Changes strictly after this revision. */
  after: Revision;
}

/** A key put by `hold`. */
export interface Held {
  /** Deletes it now. */
  release(): Promise<void>;
}

export interface Store {
  /** The newest version, undefined when the key does not exist. */
  get(key: string, options?: ReadOptions): Promise<Entry | undefined>;
  list(prefix: string, options?: ListOptions): Promise<Page>;
  /** How many keys begin with the prefix, as far as this process has heard. */
  count(prefix: string): number;
  /**
   * Resolves when `currentRevision` is at least this; another server may have told a client a revision that this
   * process has not heard of yet.
   * @throws FutureRevisionError when it does not exist anywhere.
   */
  reach(revision: Revision): Promise<void>;
  /**
   * All or nothing, under one new revision. Resolves once the write is durable: what was acknowledged survives SIGKILL
   * and power loss. Nobody reads or watches a write before it is durable.
   */
  commit(compares: readonly Compare[], ops: readonly Op[]): Promise<CommitResult>;
  /**
   * Ends when the signal aborts or the store closes.
   * @throws CompactedError from the iteration when `after` lies before the retained window, or when the reader fell so
   * far behind that its backlog was dropped: list again.
   */
  watch(options: WatchOptions, signal: AbortSignal): Watch;
  /**
   * Puts a key that lasts as long as this process looks after it: after a crash it goes by itself, within `seconds`
   * where others share the store, with the next holder where nobody does.
   */
  hold(key: string, value: string, seconds: number): Promise<Held>;
  /** Forgets the history up to and including `revision`. The current state stays. */
  compact(revision: Revision): Promise<void>;
  /** The newest durable revision this process has heard of. */
  readonly currentRevision: Revision;
  /** Reads and watches from before this revision fail with CompactedError. */
  readonly compactedRevision: Revision;
  close(): Promise<void>;
}

export class CompactedError extends Error {
  readonly compactedRevision: Revision;

  constructor(asked: Revision, compactedRevision: Revision) {
    super(`revision ${asked} is gone: history is kept from ${compactedRevision} on`);
    this.name = 'CompactedError';
    this.compactedRevision = compactedRevision;
  }
}

export class FutureRevisionError extends Error {
  readonly currentRevision: Revision;

  constructor(asked: Revision, currentRevision: Revision) {
    super(`revision ${asked} does not exist yet: the store is at ${currentRevision}`);
    this.name = 'FutureRevisionError';
    this.currentRevision = currentRevision;
  }
}

/** The engine below cannot be asked, or gave no answer in time. */
export class UnavailableError extends Error {
  /** A write that failed so may have been carried out all the same: read before you write again. */
  readonly maybeWritten: boolean;

  constructor(message: string, maybeWritten: boolean, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnavailableError';
    this.maybeWritten = maybeWritten;
  }
}

/** The disk below took no write (it is full, say): nothing of it was kept, and what was acknowledged before is there. */
export class NotWrittenError extends Error {
  constructor(place: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const hint = why.includes('full') ? ': free space there' : '';
    super(`the store could not write to ${place}: ${why}${hint}; nothing of this write was kept`, { cause });
    this.name = 'NotWrittenError';
  }
}
