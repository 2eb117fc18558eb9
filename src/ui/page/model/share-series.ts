// Which part of the recent connections each endpoint got, over time, from running counts. Pure.
import type { ShareSample } from '../../contract.ts';

export interface SharePoint {
  readonly at: number;
  /** A part for each endpoint, adding up to 1; undefined while nothing was connected. */
  readonly parts: readonly number[] | undefined;
  /** Connections a second. */
  readonly rate: number;
}

export interface ShareSeries {
  readonly endpoints: readonly string[];
  readonly points: readonly SharePoint[];
}

/** The part of each sample is that of the connections of the `windowSeconds` before it. */
export function shareSeries(samples: readonly ShareSample[], windowSeconds: number): ShareSeries {
  const endpoints = Object.keys(samples.at(-1)?.counts ?? {}).toSorted((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  );
  let from = 0;
  const points = samples.map((sample): SharePoint => {
    while ((samples[from + 1]?.at ?? Infinity) <= sample.at - windowSeconds) from += 1;
    const before = samples[from];
    const news = endpoints.map((e) => (sample.counts[e] ?? 0) - (before?.counts[e] ?? 0));
    const sum = news.reduce((a, b) => a + b, 0);
    const seconds = sample.at - (before?.at ?? sample.at);
    return {
      at: sample.at,
      parts: sum === 0 ? undefined : news.map((n) => n / sum),
      rate: seconds === 0 ? 0 : sum / seconds,
    };
  });
  return { endpoints, points };
}

/** Samples of the last `seconds`, so that memory and work stay bounded however long a page is open. */
export function keepRecent(samples: readonly ShareSample[], next: ShareSample, seconds: number): ShareSample[] {
  return [...samples.filter((sample) => sample.at >= next.at - seconds), next];
}
