// Figures of benches: one JSON line each, numbers rounded to three digits after the point.

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function report(figure: Readonly<Record<string, string | number>>): void {
  const rounded = Object.entries(figure).map(([k, v]) => [k, typeof v === 'number' ? Math.round(v * 1000) / 1000 : v]);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(rounded))}\n`);
}
