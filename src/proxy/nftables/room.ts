// Room for what a large load brings. The kernel keeps a set without a size in a hash table that grows while it is filled,
// and that is nearly half of the time of a full load; one with a size gets its table at once, but holds no more than that
// many elements. So only sets that are filled with many elements get one, twice to four times of what they need, and a
// table that outgrows it is replaced as a whole (`sync.ts`). Pure.
import type { NftOp } from './objects.ts';

/** Fewer are no time at all. */
const MANY = 8192;

/** Twice the next power of two. */
const roomFor = (elements: number): number => 2 ** (Math.ceil(Math.log2(elements)) + 1);

/** The operations that make a table from nothing, with sizes for the sets that they fill with many elements. */
export function withRoom(build: readonly NftOp[]): NftOp[] {
  const counts = new Map<string, number>();
  for (const o of build) {
    if (o.op === 'add-elements') counts.set(o.set, (counts.get(o.set) ?? 0) + o.elements.length);
  }
  return build.map((o) => {
    const count = o.op === 'add-set' ? (counts.get(o.set.name) ?? 0) : 0;
    return o.op === 'add-set' && count >= MANY ? { ...o, set: { ...o.set, size: roomFor(count) } } : o;
  });
}
