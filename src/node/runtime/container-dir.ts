// The files of one container in the runtime's folder (a tmpfs): what a restarted agent needs to take it over.
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import type { Container } from './contract.ts';
import type { ProcessSpec } from './start-script.ts';

/** What stays the same for a container's whole life. */
export interface ContainerRecord {
  readonly id: string;
  readonly pod: Container['pod'];
  readonly name: string;
  readonly attempt: number;
  readonly imageRef: string;
  readonly specHash: string;
  readonly createdAtMs: number;
  readonly logFile: string;
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly terminationMessage: string;
  readonly messageFromLog: boolean;
  readonly cgroups: readonly string[];
  /** How exec enters. */
  readonly process: ProcessSpec;
}

/** What changes, written when it does. */
export interface ContainerProgress {
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly message?: string;
}

export class ContainerDir {
  readonly path: string;

  constructor(podDir: string, name: string, attempt: number) {
    this.path = path.join(podDir, 'containers', `${name}.${attempt}`);
  }

  #at(name: string): string {
    return path.join(this.path, name);
  }

  get stdin() {
    return this.#at('in');
  }
  get stdout() {
    return this.#at('out');
  }
  get stderr() {
    return this.#at('err');
  }
  get acknowledge() {
    return this.#at('ack');
  }
  get lifeLine() {
    return this.#at('life');
  }
  get exitFile() {
    return this.#at('exit');
  }
  get pidFile() {
    return this.#at('pid');
  }
  get script() {
    return this.#at('start.sh');
  }
  get mountTable() {
    return this.#at('fstab');
  }
  get upper() {
    return this.#at('upper');
  }
  get work() {
    return this.#at('work');
  }

  create(record: ContainerRecord): void {
    rmSync(this.path, { recursive: true, force: true });
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    mkdirSync(this.upper, { mode: 0o755 });
    mkdirSync(this.work, { mode: 0o700 });
    for (const file of [this.exitFile, this.pidFile]) writeFileSync(file, '', { mode: 0o600 });
    this.#writeJson('record.json', record);
  }

  readRecord(): ContainerRecord | undefined {
    return this.#readJson('record.json') as ContainerRecord | undefined;
  }

  writeProgress(progress: ContainerProgress): void {
    this.#writeJson('progress.json', progress);
  }

  readProgress(): ContainerProgress {
    return (this.#readJson('progress.json') as ContainerProgress | undefined) ?? {};
  }

  /** The pid of the container's first process, once it has one. */
  readPid(): number | undefined {
    return this.#readNumber(this.pidFile);
  }

  /** The exit status as the shell saw it; undefined while the container runs, or when its supervisor was killed. */
  readExit(): number | undefined {
    return this.#readNumber(this.exitFile);
  }

  /** Does the supervisor live? It holds the acknowledgement pipe open. */
  hasSupervisor(): boolean {
    try {
      closeSync(openSync(this.acknowledge, constants.O_WRONLY | constants.O_NONBLOCK));
      return true;
    } catch {
      return false;
    }
  }

  /** Lets the supervisor end: its container has ended and everything it wrote has been read. */
  release(): void {
    try {
      const fd = openSync(this.acknowledge, constants.O_WRONLY | constants.O_NONBLOCK);
      try {
        writeSync(fd, '\n');
      } finally {
        closeSync(fd);
      }
    } catch {
      // It has ended already.
    }
  }

  /** The writable layer lies in memory, and nobody looks into an ended container. */
  removeLayer(): void {
    for (const dir of [this.upper, this.work]) rmSync(dir, { recursive: true, force: true });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #readNumber(file: string): number | undefined {
    try {
      const text = readFileSync(file, 'utf8');
      // A line without its end is still being written.
      return text.endsWith('\n') ? Number.parseInt(text, 10) : undefined;
    } catch {
      return undefined;
    }
  }

  #writeJson(name: string, value: unknown): void {
    const file = this.#at(name);
    writeFileSync(`${file}.tmp`, JSON.stringify(value), { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
  }

  #readJson(name: string): unknown {
    try {
      return JSON.parse(readFileSync(this.#at(name), 'utf8'));
    } catch {
      return undefined;
    }
  }
}
