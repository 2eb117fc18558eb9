// A further process in a running container, and its streams. Types only.
import type { Readable, Writable } from 'node:stream';

export interface ExecRequest {
  readonly argv: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
  /** Ends the process when it fires. */
  readonly signal?: AbortSignal;
}

export interface ExecResult {
  readonly exitCode: number;
}

export interface ExecSession {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  /** Absent with a terminal: everything is on stdout. */
  readonly stderr: Readable | undefined;
  resize(columns: number, rows: number): void;
  /** Ends the process (exec) or only the connection (attach). */
  close(): void;
  readonly done: Promise<ExecResult>;
}
