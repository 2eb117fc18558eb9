// Figures of benches: one JSON line each, numbers rounded to three digits after the point. A figure that could not be
// taken ends the bench: null in a line of figures would pass for a measurement.

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @throws Error that names the numbers that could not be taken. */
export function report(figure: Readonly<Record<string, string | number>>): void {
  const missing = Object.entries(figure).filter(([, v]) => typeof v === 'number' && !Number.isFinite(v));
  if (missing.length > 0)
    throw new Error(`${figure['bench'] ?? 'bench'}: no figure for ${missing.map(([k]) => k).join(', ')}`);
  const rounded = Object.entries(figure).map(([k, v]) => [k, typeof v === 'number' ? Math.round(v * 1000) / 1000 : v]);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(rounded))}\n`);
}
