// A container's log on disk: written in whole lines, renamed to `.1`, `.2`… when it has grown.
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { formatLogTime, LineSplitter, type LogStream } from './log-format.ts';

export interface LogFileOptions {
  readonly now: () => number;
  /** @default 10 MiB, as kubelet's containerLogMaxSize */
  readonly maxBytes?: number;
  /** Files kept, the current one included. @default 5, as kubelet's containerLogMaxFiles */
  readonly maxFiles?: number;
}

export class LogFile {
  readonly #file: string;
  readonly #options: LogFileOptions;
  readonly #splitters = { stdout: new LineSplitter('stdout'), stderr: new LineSplitter('stderr') };
  #fd: number;
  #bytes: number;

  constructor(file: string, options: LogFileOptions) {
    this.#file = file;
    this.#options = options;
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
    this.#fd = openSync(file, 'a', 0o640);
    this.#bytes = fstatSync(this.#fd).size;
  }

  write(stream: LogStream, chunk: Buffer): void {
    this.#append(this.#splitters[stream].push(chunk, formatLogTime(this.#options.now())));
  }

  /** Writes unfinished lines and closes the file. Nothing may follow. */
  close(): void {
    if (this.#fd < 0) return;
    const time = formatLogTime(this.#options.now());
    this.#append([...this.#splitters.stdout.end(time), ...this.#splitters.stderr.end(time)]);
    closeSync(this.#fd);
    this.#fd = -1;
  }

  #append(parts: readonly Buffer[]): void {
    if (parts.length === 0 || this.#fd < 0) return;
    this.#bytes += writeSync(this.#fd, Buffer.concat(parts));
    if (this.#bytes > (this.#options.maxBytes ?? 10 * 1024 * 1024)) this.#rotate();
  }

  #rotate(): void {
    const keep = (this.#options.maxFiles ?? 5) - 1;
    closeSync(this.#fd);
    rmSync(`${this.#file}.${keep}`, { force: true });
    for (let n = keep - 1; n >= 0; n--) {
      try {
        renameSync(n === 0 ? this.#file : `${this.#file}.${n}`, `${this.#file}.${n + 1}`);
      } catch (e) {
        if ((e as NodeJS.ErrnoException).code !== 'ENOENT') throw e;
      }
    }
    this.#fd = openSync(this.#file, 'a', 0o640);
    this.#bytes = 0;
  }
}
