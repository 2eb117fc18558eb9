import { shareSeries } from '../model/share-series.ts';
import type { SharePoint } from '../model/share-series.ts';
import { PLOT_SECONDS, samples } from '../state/service.ts';

const WINDOW_SECONDS = 10;
/** The plot fills from the left until there is this much. */
const LEAST_SECONDS = 20;
const PLOT = { width: 640, height: 150 };

/** The part of new connections that each endpoint gets, over the last minute and a half. */
export function SharePlot() {
  const { endpoints, points } = shareSeries(samples.value, WINDOW_SECONDS);
  const last = samples.value.at(-1);
  const end = points.at(-1)?.at ?? 0;
  const span = Math.min(PLOT_SECONDS, Math.max(LEAST_SECONDS, end));
  const x = (at: number) => ((at - Math.max(0, end - span)) / span) * PLOT.width;
  const total = Object.values(last?.counts ?? {}).reduce((a, b) => a + b, 0);
  return (
    <section class="shares" aria-labelledby="shares-title">
      <h2 id="shares-title">Connections per endpoint</h2>
      <p class="hint">
        Counted by the nodes’ connection tracking since this page was opened
        {last?.lossy === true ? '; some events were lost, so the counts are too low' : ''}. Share of the last{' '}
        {WINDOW_SECONDS} seconds; now {(points.at(-1)?.rate ?? 0).toFixed(1)} a second.
      </p>
      <div class="plot-and-table">
        <figure>
          <svg
            class="plot"
            viewBox={`0 0 ${PLOT.width} ${PLOT.height}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={`Share of ${endpoints.length} endpoints over ${Math.round(span)} seconds; the table has the figures`}
          >
            {endpoints.map((endpoint, i) => (
              <path key={endpoint} class={`series s${i % 8}`} d={bandPath(points, i, x)} />
            ))}
            {[0.25, 0.5, 0.75].map((part) => (
              <path key={part} class="grid" d={`M0 ${part * PLOT.height} H${PLOT.width}`} />
            ))}
          </svg>
          <figcaption aria-hidden="true">
            <span>{end >= span ? `${Math.round(span)} s ago` : 'opened'}</span>
            <span>{end >= span ? 'now' : `${Math.round(span)} s later`}</span>
          </figcaption>
        </figure>
        <table>
          <thead>
            <tr>
              <th scope="col">Endpoint</th>
              <th scope="col">Connections</th>
              <th scope="col">Share</th>
            </tr>
          </thead>
          <tbody>
            {endpoints.map((endpoint, i) => {
              const count = last?.counts[endpoint] ?? 0;
              return (
                <tr key={endpoint} data-endpoint={endpoint}>
                  <td>
                    <span class={`swatch s${i % 8}`} aria-hidden="true" /> <code>{endpoint}</code>
                  </td>
                  <td>{count}</td>
                  <td>{total === 0 ? '–' : `${((100 * count) / total).toFixed(0)} %`}</td>
                </tr>
              );
            })}
            {endpoints.length === 0 && (
              <tr>
                <td colSpan={3}>No connection yet: make some, and they appear here.</td>
              </tr>
            )}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** The band of one endpoint in the stack; a gap while nothing was connected. */
function bandPath(points: readonly SharePoint[], index: number, x: (at: number) => number): string {
  const runs: (readonly (readonly [number, number, number])[])[] = [];
  let run: (readonly [number, number, number])[] = [];
  for (const { at, parts } of points) {
    if (parts === undefined) {
      if (run.length > 1) runs.push(run);
      run = [];
      continue;
    }
    const below = parts.slice(0, index).reduce((a, b) => a + b, 0);
    run.push([x(at), PLOT.height * (1 - below), PLOT.height * (1 - below - (parts[index] ?? 0))]);
  }
  if (run.length > 1) runs.push(run);
  return runs
    .map((points) => {
      const upper = points.map(([px, , top]) => `${px.toFixed(1)} ${top.toFixed(1)}`);
      const lower = points.toReversed().map(([px, bottom]) => `${px.toFixed(1)} ${bottom.toFixed(1)}`);
      return `M${[...upper, ...lower].join('L')}Z`;
    })
    .join('');
}
