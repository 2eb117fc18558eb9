// Named pipes in advance: Node cannot make them, and a program of its own for each container would be wasteful.
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import path from 'node:path';

const BATCH = 64;
const LOW = 24;

export class FifoPool {
  readonly #dir: string;
  readonly #mkfifo: string;
  #ready: string[];
  #serial = 0;
  #refilling = false;

  constructor(dir: string, mkfifo: string) {
    this.#dir = dir;
    this.#mkfifo = mkfifo;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    // Left by an earlier agent; names begin with its pid, so they never clash with ours.
    this.#ready = readdirSync(dir).map((name) => path.join(dir, name));
  }

  /** Gives a pipe this name. */
  take(target: string): void {
    renameSync(this.takeTemporary(), target);
  }

  /** A pipe to open at both ends and then unlink. */
  takeTemporary(): string {
    const fifo = this.#ready.pop() ?? this.#makeNow();
    if (this.#ready.length < LOW) this.#refill();
    return fifo;
  }

  #names(): string[] {
    return Array.from({ length: BATCH }, () => path.join(this.#dir, `${process.pid}-${this.#serial++}`));
  }

  #makeNow(): string {
    const [first, ...rest] = this.#names();
    if (first === undefined) throw new Error('no pipe was made');
    execFileSync(this.#mkfifo, ['-m', '600', first, ...rest]);
    this.#ready.push(...rest);
    return first;
  }

  #refill(): void {
    if (this.#refilling) return;
    this.#refilling = true;
    const names = this.#names();
    execFile(this.#mkfifo, ['-m', '600', ...names], (error) => {
      this.#refilling = false;
      // On failure the next take() makes them itself and reports why it cannot.
      if (error === null) this.#ready.push(...names);
    });
  }
}
