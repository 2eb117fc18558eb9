// The numbering of a service port's endpoints. The kernel picks a number at random, so numbers have no gaps, and an
// endpoint that comes or goes moves as few others as possible.

/** Endpoints by number; each is a value of the `endpoints` map, e.g. `10.244.0.5 . 8080`. */
export type Slots = readonly string[];

/**
 * The numbering for `wanted`, as close to the old one as can be: who stays keeps its number, newcomers take the
 * numbers that fell free, then the last ones move down into what is still free.
 * @example renumber(['a', 'b', 'c'], ['b', 'c']) // ['c', 'b']
 */
export function renumber(old: Slots, wanted: readonly string[]): Slots {
  const want = new Set(wanted);
  const kept = new Set(old.filter((e) => want.has(e)));
  if (kept.size === old.length && want.size === old.length) return old;
  const newcomers = [...want].filter((e) => !kept.has(e));
  const slots: (string | undefined)[] = old.map((e) => (want.has(e) ? e : newcomers.shift()));
  slots.push(...newcomers);
  const out: string[] = [];
  for (let i = 0; i < slots.length; i++) {
    let e = slots[i];
    while (e === undefined && slots.length > i + 1) e = slots.pop();
    if (e !== undefined) out.push(e);
  }
  return out;
}
