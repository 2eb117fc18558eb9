// The query of a log request. Pure.

export interface LogOptions {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  /** Lines from this moment on, epoch milliseconds. */
  readonly sinceMs: number | undefined;
  readonly limitBytes: number | undefined;
  readonly stream: 'stdout' | 'stderr' | undefined;
}

const isTrue = (text: string | null) => text === 'true' || text === '1';

function count(query: URLSearchParams, name: string, least: number): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const n = Number(text);
  if (!Number.isInteger(n) || n < least)
    throw new RangeError(`${name}=${text}: must be a whole number of at least ${least}`);
  return n;
}

/** @throws RangeError for a value that makes no sense */
export function parseLogOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const sinceSeconds = count(query, 'sinceSeconds', 1);
  const sinceTime = query.get('sinceTime');
  const at = sinceTime === null || sinceTime === '' ? undefined : Date.parse(sinceTime);
  if (Number.isNaN(at)) throw new RangeError(`sinceTime=${sinceTime}: must be a time such as 2024-01-31T12:00:00Z`);
  const stream = query.get('stream')?.toLowerCase();
  return {
    follow: isTrue(query.get('follow')),
    previous: isTrue(query.get('previous')),
    timestamps: isTrue(query.get('timestamps')),
    tailLines: count(query, 'tailLines', 0),
    sinceMs: sinceSeconds === undefined ? at : nowMs - sinceSeconds * 1000,
    limitBytes: count(query, 'limitBytes', 1),
    stream: stream === 'stdout' || stream === 'stderr' ? stream : undefined,
  };
}
