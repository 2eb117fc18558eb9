// Bearer tokens that are rotated on disk.
import { readFileSync } from 'node:fs';
import { systemClock } from '../clock/index.ts';
import type { Clock } from '../clock/index.ts';

const FRESH_MS = 10_000;

/** The content of `file`, read again when it is older than ten seconds. A failed re-read keeps the last token. */
export function tokenFromFile(file: string, clock: Clock = systemClock): () => string {
  let token: string | undefined;
  let readAt = 0;
  return () => {
    const now = clock.monotonic();
    if (token !== undefined && now - readAt < FRESH_MS) return token;
    try {
      token = readFileSync(file, 'utf8').trim();
    } catch (cause) {
      if (token === undefined) throw new Error(`cannot read the bearer token from ${file}`, { cause });
    }
    readAt = now;
    return token;
  };
}
