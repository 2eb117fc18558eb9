// The log format of the container runtime interface: `TIME STREAM F|P TEXT`, a line each. Pure.

export type LogStream = 'stdout' | 'stderr';

/** Longer lines are split; every part but the last is marked P (partial). */
export const MAX_LINE_BYTES = 16 * 1024;

/** RFC 3339 with nine digits; clocks of ours give microseconds. */
export function formatLogTime(epochMs: number): string {
  const whole = Math.floor(epochMs);
  const micros = Math.floor((epochMs - whole) * 1000);
  const iso = new Date(whole).toISOString();
  return `${iso.slice(0, -1)}${String(micros).padStart(3, '0')}000Z`;
}

const NEWLINE = 0x0a;

/** Turns one stream's bytes into log lines; keeps an unfinished line until its end comes. */
export class LineSplitter {
  readonly #stream: LogStream;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: LogStream) {
    this.#stream = stream;
  }

  push(chunk: Buffer, time: string): Buffer[] {
    const out: Buffer[] = [];
    let text = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const end = text.indexOf(NEWLINE);
      if (end >= 0 && end <= MAX_LINE_BYTES) {
        out.push(this.#head(time, 'F'), text.subarray(0, end + 1));
        text = text.subarray(end + 1);
      } else if (text.length > MAX_LINE_BYTES) {
        out.push(this.#head(time, 'P'), text.subarray(0, MAX_LINE_BYTES), Buffer.from('\n'));
        text = text.subarray(MAX_LINE_BYTES);
      } else break;
    }
    // A copy: `chunk` belongs to the stream, which uses it again.
    this.#rest = Buffer.from(text);
    return out;
  }

  /** The stream has ended: an unfinished line is written as it is. */
  end(time: string): Buffer[] {
    if (this.#rest.length === 0) return [];
    const out = [this.#head(time, 'F'), this.#rest, Buffer.from('\n')];
    this.#rest = Buffer.alloc(0);
    return out;
  }

  #head(time: string, tag: 'F' | 'P'): Buffer {
    return Buffer.from(`${time} ${this.#stream} ${tag} `);
  }
}

export interface LogLine {
  readonly time: string;
  readonly stream: LogStream;
  readonly partial: boolean;
  /** Without the newline. */
  readonly text: Buffer;
}

/** Undefined for what is no log line (a torn write after a crash). */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const a = line.indexOf(0x20);
  const b = a < 0 ? -1 : line.indexOf(0x20, a + 1);
  const c = b < 0 ? -1 : line.indexOf(0x20, b + 1);
  if (c < 0) return undefined;
  const stream = line.toString('latin1', a + 1, b);
  const tag = line.toString('latin1', b + 1, c);
  if ((stream !== 'stdout' && stream !== 'stderr') || (tag !== 'F' && tag !== 'P')) return undefined;
  return { time: line.toString('latin1', 0, a), stream, partial: tag === 'P', text: line.subarray(c + 1) };
}
