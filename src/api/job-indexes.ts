// Sets of job indexes as text, such as `1,3-5`: how a Job's status and its success policy write them. Pure.

/** First and last index, both included. */
export type IndexRange = readonly [first: number, last: number];

/** Undefined when the text is no such list in rising order. */
export function parseIndexRanges(text: string): IndexRange[] | undefined {
  if (text === '') return [];
  const ranges: IndexRange[] = [];
  let last = -1;
  for (const part of text.split(',')) {
    const match = /^(0|[1-9]\d*)(?:-([1-9]\d*))?$/.exec(part);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const end = Number(match[2] ?? first);
    if (first <= last || end < first || (match[2] !== undefined && end === first)) return undefined;
    ranges.push([first, end]);
    last = end;
  }
  return ranges;
}

export const rangesSize = (ranges: readonly IndexRange[]): number =>
  ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);

/** The indexes below `below`; what is no list counts as empty. */
export function parseIndexes(text: string | undefined, below: number): Set<number> {
  const found = new Set<number>();
  for (const [first, last] of parseIndexRanges(text ?? '') ?? []) {
    for (let i = first; i <= last && i < below; i++) found.add(i);
  }
  return found;
}

export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...indexes].toSorted((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length;) {
    let j = i;
    while (sorted[j + 1] === (sorted[j] ?? 0) + 1) j++;
    const [first, last] = [sorted[i], sorted[j]];
    parts.push(j === i ? `${first}` : j === i + 1 ? `${first},${last}` : `${first}-${last}`);
    i = j + 1;
  }
  return parts.join(',');
}
