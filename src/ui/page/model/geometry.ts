// Points, boxes and ways between them. Pure.
export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

export const centre = (box: Box): Point => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 });
export const leftMiddle = (box: Box): Point => ({ x: box.x, y: box.y + box.height / 2 });
export const rightMiddle = (box: Box): Point => ({ x: box.x + box.width, y: box.y + box.height / 2 });
export const bottomMiddle = (box: Box): Point => ({ x: box.x + box.width / 2, y: box.y + box.height });
export const topMiddle = (box: Box): Point => ({ x: box.x + box.width / 2, y: box.y });

const distance = (a: Point, b: Point) => Math.hypot(b.x - a.x, b.y - a.y);

/** The point a part of the way along, `part` from 0 to 1, at even speed. */
export function alongPath(points: readonly Point[], part: number): Point {
  const [first] = points;
  if (first === undefined) return { x: 0, y: 0 };
  const legs = points.slice(1).map((to, i) => ({ from: points[i] ?? first, to }));
  let rest = legs.reduce((sum, leg) => sum + distance(leg.from, leg.to), 0) * Math.min(1, Math.max(0, part));
  for (const { from, to } of legs) {
    const length = distance(from, to);
    if (rest <= length && length > 0) {
      const t = rest / length;
      return { x: from.x + (to.x - from.x) * t, y: from.y + (to.y - from.y) * t };
    }
    rest -= length;
  }
  return points.at(-1) ?? first;
}

const round = (n: number) => Math.round(n * 10) / 10;

/** An SVG path through the points. */
export const pathThrough = (points: readonly Point[]): string =>
  points.map((p, i) => `${i === 0 ? 'M' : 'L'}${round(p.x)} ${round(p.y)}`).join(' ');

/** A curve that leaves and arrives level (`across`) or upright (`down`). */
export function curve(from: Point, to: Point, direction: 'across' | 'down'): string {
  const a = direction === 'across' ? { x: (from.x + to.x) / 2, y: from.y } : { x: from.x, y: (from.y + to.y) / 2 };
  const b = direction === 'across' ? { x: (from.x + to.x) / 2, y: to.y } : { x: to.x, y: (from.y + to.y) / 2 };
  const text = [a, b, to].map((p) => `${round(p.x)} ${round(p.y)}`).join(' ');
  return `M${round(from.x)} ${round(from.y)} C${text}`;
}
