// The metrics of several threads as one page: counters and histograms add up, gauges are those of the first.

interface Family {
  /** HELP and TYPE lines. */
  readonly head: string[];
  readonly isGauge: boolean;
  readonly series: Map<string, number>;
}

/** Pages in the Prometheus text format, the main one first. */
export function mergeMetrics(pages: readonly string[]): string {
  const [first = new Map<string, Family>(), ...others] = pages.map(parse);
  for (const other of others)
    for (const [name, { isGauge, series }] of other) {
      const into = first.get(name);
      if (into === undefined || isGauge) continue;
      for (const [text, value] of series) into.series.set(text, (into.series.get(text) ?? 0) + value);
    }
  const lines = Array.from(first.values(), ({ head, series }) => [
    ...head,
    ...Array.from(series, ([text, value]) => `${text} ${value}`),
  ]);
  return `${lines.flat().join('\n')}\n`;
}

function parse(page: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let current: Family | undefined;
  let head: string[] = [];
  for (const line of page.split('\n')) {
    if (line.startsWith('# HELP')) head = [line];
    else if (line.startsWith('# TYPE')) {
      const [, , name = '', type] = line.split(' ');
      current = { head: [...head, line], isGauge: type === 'gauge', series: new Map() };
      families.set(name, current);
    } else if (line !== '') {
      const space = line.lastIndexOf(' ');
      current?.series.set(line.slice(0, space), Number(line.slice(space + 1)));
    }
  }
  return families;
}
