// Sends a container's log as a client asked for it: from the files on disk, and on request what comes after.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { parseLogLine } from '../runtime/log-format.ts';
import type { LogOptions } from './log-options.ts';

const CHUNK = 64 * 1024;
const NEWLINE = 0x0a;

export interface LogSource {
  /** The current file; older parts are `.1`, `.2`… */
  readonly file: string;
  /** Calls back when lines were added or the log has ended. */
  readonly onChange: (handler: () => void) => Disposable;
  readonly isOpen: () => boolean;
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw e;
  }
}

/** Where the last `lines` lines of a file begin; how many there are when there are fewer. */
function findTail(fd: number, lines: number): { offset: number; found: number } {
  let end = fstatSync(fd).size;
  if (lines === 0) return { offset: end, found: 0 };
  const buffer = Buffer.alloc(CHUNK);
  let found = 0;
  let isLast = true;
  while (end > 0) {
    const start = Math.max(0, end - CHUNK);
    const length = readSync(fd, buffer, 0, end - start, start);
    for (let i = length - 1; i >= 0; i--) {
      if (buffer[i] !== NEWLINE) continue;
      // The newline that ends the last line begins no line.
      if (isLast && start + i === end - 1 && end === fstatSync(fd).size) {
        isLast = false;
        continue;
      }
      isLast = false;
      if (++found === lines) return { offset: start + i + 1, found };
    }
    end = start;
  }
  return { offset: 0, found: found + 1 };
}

/** One file from an offset on, line by line. */
class LineFile {
  readonly fd: number;
  #offset: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(fd: number, offset: number) {
    this.fd = fd;
    this.#offset = offset;
  }

  /** Lines that are complete by now, without their newlines. */
  *lines(): Generator<Buffer> {
    const buffer = Buffer.alloc(CHUNK);
    for (;;) {
      const length = readSync(this.fd, buffer, 0, CHUNK, this.#offset);
      if (length === 0) return;
      this.#offset += length;
      let text = Buffer.concat([this.#rest, buffer.subarray(0, length)]);
      for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE)) {
        yield text.subarray(0, end);
        text = text.subarray(end + 1);
      }
      this.#rest = text;
    }
  }
}

/** What a client sees of a stored line; undefined: nothing. */
export function renderLine(stored: Buffer, o: LogOptions): Buffer | undefined {
  const line = parseLogLine(stored);
  if (line === undefined) return undefined;
  if (o.stream !== undefined && line.stream !== o.stream) return undefined;
  if (o.sinceMs !== undefined && Date.parse(line.time) < o.sinceMs) return undefined;
  const text = line.partial ? [line.text] : [line.text, Buffer.from('\n')];
  return Buffer.concat(o.timestamps ? [Buffer.from(`${line.time} `), ...text] : text);
}

/** Older parts first, each open at the place where reading begins. */
function openFrom(file: string, tailLines: number | undefined): LineFile[] {
  const files: LineFile[] = [];
  let wanted = tailLines;
  for (let n = 0; ; n++) {
    const fd = openIfThere(n === 0 ? file : `${file}.${n}`);
    if (fd === undefined) return files.toReversed();
    if (wanted === undefined) {
      files.push(new LineFile(fd, 0));
      continue;
    }
    const { offset, found } = findTail(fd, wanted);
    files.push(new LineFile(fd, offset));
    wanted -= found;
    if (wanted <= 0) return files.toReversed();
  }
}

/** Resolves when everything asked for is written, or the reader went away. Does not end `out`. */
export async function sendLog(source: LogSource, o: LogOptions, out: Writable): Promise<void> {
  let left = o.limitBytes ?? Infinity;
  let isClosed = false;
  let wake: (() => void) | undefined;
  const close = () => {
    isClosed = true;
    wake?.();
  };
  out.on('close', close);
  out.on('error', close);
  let changed = false;
  const subscription = source.onChange(() => {
    changed = true;
    wake?.();
  });
  const write = async (file: LineFile): Promise<void> => {
    for (const stored of file.lines()) {
      if (isClosed || left <= 0) return;
      const line = renderLine(stored, o);
      if (line === undefined) continue;
      const part = line.length > left ? line.subarray(0, left) : line;
      left -= part.length;
      if (!out.write(Buffer.from(part)))
        await new Promise<void>((resolve) => out.once('drain', resolve).once('close', resolve));
    }
  };
  const files = openFrom(source.file, o.tailLines);
  try {
    let current: LineFile | undefined;
    for (const file of files) {
      current = file;
      await write(file);
    }
    while (o.follow && !isClosed && left > 0) {
      const wasOpen = source.isOpen();
      changed = false;
      current = await readOn(current, source.file, files, write);
      if (!wasOpen) break;
      if (!changed && !isClosed) await new Promise<void>((resolve) => (wake = resolve));
      wake = undefined;
    }
  } finally {
    subscription[Symbol.dispose]();
    for (const file of files) closeSync(file.fd);
  }
}

/** Reads on; after a rotation first what was left in the old file, then the new one. */
async function readOn(
  current: LineFile | undefined,
  file: string,
  files: LineFile[],
  write: (file: LineFile) => Promise<void>,
): Promise<LineFile | undefined> {
  if (current !== undefined) await write(current);
  const fd = openIfThere(file);
  if (fd === undefined) return current;
  if (current !== undefined && fstatSync(fd).ino === fstatSync(current.fd).ino) {
    closeSync(fd);
    return current;
  }
  const next = new LineFile(fd, 0);
  files.push(next);
  await write(next);
  return next;
}
