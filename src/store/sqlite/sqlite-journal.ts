// One append-only table in an SQLite file in WAL mode. `synchronous=FULL` syncs the log at each commit: what `append`
// returned from is on the disk. `sqlite3 store.db 'select * from log'` shows every retained version in plain text.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { UserError } from '../../errors/index.ts';
import type { Change, Revision } from '../contract.ts';
import type { Journal } from '../local-store.ts';
import type { Row } from '../replica.ts';

/** A row's id carries its revision: revision × SLOTS + position in the commit. */
const SLOTS = 4096;
/** Rows removed in one go; keeps the event loop free in between. */
const BATCH = 500;
const SWEEP_PAUSE_MS = 10;
/** A disk that took no sweep (it is full) is asked again after this time. */
const SWEEP_AGAIN_MS = 1000;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS log (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  create_revision INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  value TEXT
);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO meta VALUES ('format', 1), ('compacted', 0);
`;

export class SqliteJournal implements Journal {
  readonly name: string;
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #setCompacted: StatementSync;
  /** Ids of rows that nobody can read any more. */
  #garbage: { first: number; key: string }[] = [];
  /** Up to here history is forgotten; in the file at the latest when the first row of it goes. */
  #compacted: Revision = 0;
  /** Whether the file says so too. */
  #compactedKept = true;
  #sweeping = false;
  #closed = false;

  constructor(path: string) {
    this.name = path;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#db = openDatabase(path);
    this.#insert = this.#db.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?)');
    this.#delete = this.#db.prepare('DELETE FROM log WHERE id >= ? AND id < ? AND key = ?');
    this.#setCompacted = this.#db.prepare("UPDATE meta SET value = ? WHERE name = 'compacted'");
  }

  load(replay: (row: Row) => void): { compactedRevision: Revision; currentRevision: Revision } {
    const compacted = Number(this.#db.prepare("SELECT value FROM meta WHERE name = 'compacted'").get()?.['value'] ?? 0);
    this.#compacted = compacted;
    let currentRevision = compacted;
    const newest = new Map<string, number>();
    for (const row of this.#db.prepare('SELECT * FROM log ORDER BY id').iterate()) {
      const revision = Math.floor(Number(row['id']) / SLOTS);
      const key = String(row['key']);
      const deleted = row['deleted'] === 1;
      replay({
        key,
        revision,
        createRevision: Number(row['create_revision']),
        value: deleted ? undefined : String(row['value']),
      });
      currentRevision = Math.max(currentRevision, revision);
      // A sweep that was cut short left these: replaced, or deleted, before the window.
      const before = newest.get(key);
      if (before !== undefined && revision <= compacted) this.#discard(before, key);
      if (deleted && revision <= compacted) this.#discard(revision, key);
      newest.set(key, revision);
    }
    this.#sweep();
    return { compactedRevision: compacted, currentRevision };
  }

  append(changes: readonly Change[]): void {
    this.#transaction(() => {
      let revision = 0;
      let slot = 0;
      for (const { key, revision: r, entry } of changes) {
        slot = r === revision ? slot + 1 : 0;
        revision = r;
        if (slot >= SLOTS) throw new Error(`a commit of more than ${SLOTS} changes`);
        this.#insert.run(r * SLOTS + slot, key, entry?.createRevision ?? 0, entry ? 0 : 1, entry?.value ?? null);
      }
    });
  }

  compact(revision: Revision, dropped: readonly Change[]): void {
    this.#compacted = revision;
    for (const { key, revision: at, entry, previous } of dropped) {
      if (previous !== undefined) this.#discard(previous.revision, key);
      if (entry === undefined) this.#discard(at, key);
    }
    try {
      this.#setCompacted.run(revision);
      this.#compactedKept = true;
    } catch {
      // The disk is full: the sweep says it again. Until then the file holds more history than it need.
      this.#compactedKept = false;
    }
    this.#sweep();
  }

  close(): void {
    this.#closed = true;
    this.#db.close();
  }

  #discard(revision: Revision, key: string): void {
    this.#garbage.push({ first: revision * SLOTS, key });
  }

  #sweep(pauseMs = SWEEP_PAUSE_MS): void {
    if (this.#sweeping || (this.#garbage.length === 0 && this.#compactedKept)) return;
    this.#sweeping = true;
    const timer = setTimeout(() => {
      this.#sweeping = false;
      if (this.#closed) return;
      const batch = this.#garbage.splice(0, BATCH);
      try {
        this.#transaction(() => {
          this.#setCompacted.run(this.#compacted);
          for (const { first, key } of batch) this.#delete.run(first, first + SLOTS, key);
        });
        this.#compactedKept = true;
      } catch {
        this.#garbage.unshift(...batch);
        return this.#sweep(SWEEP_AGAIN_MS);
      }
      this.#sweep();
    }, pauseMs);
    timer.unref();
  }

  #transaction(run: () => void): void {
    this.#db.exec('BEGIN');
    try {
      run();
      this.#db.exec('COMMIT');
    } catch (error) {
      // After a failed COMMIT (disk full) SQLite may have rolled back by itself.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }
}

function openDatabase(path: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 1000 });
    // EXCLUSIVE: one server per file; a second one is told at once instead of corrupting its memory of the state.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    db.exec(`BEGIN EXCLUSIVE; ${SCHEMA} COMMIT;`);
    const format = db.prepare("SELECT value FROM meta WHERE name = 'format'").get()?.['value'];
    if (format !== 1) throw new Error(`it was written in format ${String(format)}, this version reads format 1`);
    return db;
  } catch (cause) {
    db?.close();
    const text = cause instanceof Error ? cause.message : String(cause);
    const hint = text.includes('locked')
      ? 'is another server using it?'
      : text.includes('full')
        ? 'free space there'
        : 'restore it from a copy, or remove it to start anew';
    throw new UserError(`cannot open the store ${path}: ${text} (${hint})`, { cause });
  }
}
