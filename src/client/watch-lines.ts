// From bytes to watch events: one JSON document a line, cut anywhere by the network.
import { StringDecoder } from 'node:string_decoder';
import type { RawWatchEvent } from './transport.ts';

/** Collects chunks and hands out whole lines. */
export class LineSplitter {
  #decoder = new StringDecoder('utf8');
  // A line that spans many chunks is joined once, not copied again for each of them.
  #partial: string[] = [];

  push(chunk: Buffer): string[] {
    const text = this.#decoder.write(chunk);
    const lines: string[] = [];
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      const line = text.slice(start, end);
      lines.push(this.#partial.length === 0 ? line : this.#partial.join('') + line);
      this.#partial = [];
      start = end + 1;
    }
    if (start < text.length) this.#partial.push(text.slice(start));
    return lines.filter((l) => l.trim() !== '');
  }

  /** What came after the last newline: not empty means that the stream was cut inside an event. */
  get rest(): string {
    return this.#partial.join('').trim();
  }
}

export function parseWatchLine(line: string): RawWatchEvent {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new Error(`the server sent a watch line that is no JSON: ${line.slice(0, 120)}`, { cause });
  }
  if (typeof value !== 'object' || value === null || typeof (value as RawWatchEvent).type !== 'string') {
    throw new Error(`the server sent a watch line that is no event: ${line.slice(0, 120)}`);
  }
  return value as RawWatchEvent;
}
