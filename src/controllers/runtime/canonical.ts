// Values of API objects as comparable text: key order, and whether an empty field is written, mean nothing.

/** JSON with sorted keys and without null, empty lists and empty objects. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(canonical(value)) ?? '';
}

export function sameValue(a: unknown, b: unknown): boolean {
  return a === b || canonicalText(a) === canonicalText(b);
}

function canonical(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value ?? undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((v) => canonical(v) ?? null);
  const result: Record<string, unknown> = {};
  let empty = true;
  for (const key of Object.keys(value).toSorted()) {
    const field = canonical((value as Record<string, unknown>)[key]);
    if (field === undefined) continue;
    result[key] = field;
    empty = false;
  }
  return empty ? undefined : result;
}
