// How long a request may take: the server's own limit, or less when the client says so (`?timeout=5s`).
import { badRequest, parseDuration, timeout } from '../../api/index.ts';
import type { Clock } from '../../clock/index.ts';

/** @throws StatusError 400 when the query's `timeout` is no duration. */
export function timeLimitOf(query: URLSearchParams, longestMs: number): number {
  const text = query.get('timeout') ?? '';
  if (text === '') return longestMs;
  const asked = parseDuration(text);
  if (asked === undefined) {
    throw badRequest(`invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`);
  }
  return asked === 0 ? longestMs : Math.min(asked, longestMs);
}

/**
 * The result of `work`, or a failure when it is not there in time; what was begun then ends unseen.
 * @throws StatusError 504
 */
export async function withTimeLimit<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T> {
  let timer: unknown;
  const late = new Promise<never>((_, reject) => {
    timer = clock.after(ms, () => reject(timeout('request did not complete within the allotted timeout')));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clock.clear(timer);
    // A failure that comes too late is nobody's any more.
    work.catch(() => undefined);
  }
}
