// Values that are a number or a percentage: maxSurge, maxUnavailable.

/** The number meant by `value` of `total`; a percentage rounds up or down. Undefined when it is neither. */
export function scaledIntOrPercent(
  value: number | string,
  total: number,
  options: { roundUp: boolean },
): number | undefined {
  if (typeof value === 'number') return value;
  const m = /^(\d+)%$/.exec(value);
  if (m === null) return undefined;
  const exact = (Number(m[1]) * total) / 100;
  return options.roundUp ? Math.ceil(exact) : Math.floor(exact);
}

/** What a rolling update may add and may take away; both zero would never move, so then one may be unavailable. */
export function resolveFenceposts(
  maxSurge: number | string | undefined,
  maxUnavailable: number | string | undefined,
  desired: number,
): { surge: number; unavailable: number } {
  const surge = scaledIntOrPercent(maxSurge ?? 0, desired, { roundUp: true }) ?? 0;
  const unavailable = scaledIntOrPercent(maxUnavailable ?? 0, desired, { roundUp: false }) ?? 0;
  return surge === 0 && unavailable === 0 ? { surge: 0, unavailable: 1 } : { surge, unavailable };
}
