// Is a split over n pods what a fair random choice gives? Pearson's chi-square test.

/** Sum of (observed - expected)² / expected, expecting equal shares. */
export function fairSplitStatistic(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length;
  return counts.reduce((sum, c) => sum + (c - expected) ** 2 / expected, 0);
}

/** Upper quantiles of the chi-square distribution at p = 0.001, by degrees of freedom from 1. */
const LIMITS = [10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.124, 27.877];

export function chiSquareLimit(degreesOfFreedom: number): number {
  const limit = LIMITS[degreesOfFreedom - 1];
  if (limit === undefined) throw new Error(`no quantile for ${degreesOfFreedom} degrees of freedom`);
  return limit;
}
