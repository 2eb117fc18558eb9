// What apply does to values of a known type: which fields a value sets, what changed between two values, merging,
// and removing fields. Values are never changed; results share unchanged parts with the inputs.
import { deepEqual, isObject, setOwn } from '../json.ts';
import { PathSet, fieldElement } from './path-set.ts';
import type { Place, Shape } from './type-shape.ts';
import { childPlace, isAlwaysThere, itemElement, shapeOf } from './type-shape.ts';

/** The fields that a value sets. */
export function fieldSetOf(place: Place, value: unknown): PathSet {
  const set = new PathSet();
  collect(place, value, [], set);
  return set;
}

function collect(place: Place, value: unknown, path: readonly string[], set: PathSet): void {
  const shape = shapeOf(place);
  if (shape.form === 'leaf') {
    set.insert(path);
  } else if (shape.form === 'list') {
    if (!Array.isArray(value)) return;
    for (const item of value as unknown[]) {
      const at = [...path, itemElement(shape, item)];
      collect(shape.of, item, at, set);
      set.insert(at);
    }
  } else if (isObject(value)) {
    for (const [name, child] of Object.entries(value)) {
      const below = childPlace(shape, name);
      if (below === undefined) continue;
      const at = [...path, fieldElement(name)];
      collect(below, child, at, set);
      if (shape.form === 'map' || child === null || (isObject(child) && Object.keys(child).length === 0))
        set.insert(at);
    }
  }
}

export interface Comparison {
  readonly added: PathSet;
  readonly modified: PathSet;
  readonly removed: PathSet;
}

/** What differs between two values of one type. */
export function compareValues(place: Place, before: unknown, after: unknown): Comparison {
  const found = { added: new PathSet(), modified: new PathSet(), removed: new PathSet() };
  compareParts(shapeOf(place), { before, after, was: true, is: true }, [], found);
  return found;
}

const absent = (value: unknown): boolean => value === undefined || value === null;

/** A value before and after, and whether it was and is there: a struct that always is may have no value. */
interface Pair {
  readonly before: unknown;
  readonly after: unknown;
  readonly was: boolean;
  readonly is: boolean;
}

function compareParts(shape: Shape, pair: Pair, path: readonly string[], found: Comparison): void {
  for (const [element, below, before, after] of parts(shape, pair.before, pair.after)) {
    const always = isAlwaysThere(below);
    const was = !absent(before) || (always && pair.was);
    const is = !absent(after) || (always && pair.is);
    if (!was && !is) continue;
    const at = [...path, element];
    const inner = shapeOf(below);
    if (inner.form !== 'leaf') compareParts(inner, { before, after, was, is }, at, found);
    if (!was) found.added.insert(at);
    else if (!is) found.removed.insert(at);
    else if (inner.form === 'leaf' && !deepEqual(before ?? null, after ?? null)) found.modified.insert(at);
  }
}

/** The parts of two values side by side. */
function* parts(shape: Shape, before: unknown, after: unknown): Generator<[string, Place, unknown, unknown]> {
  if (shape.form === 'list') {
    const was = itemsByElement(shape, before);
    const is = itemsByElement(shape, after);
    for (const element of new Set([...was.keys(), ...is.keys()])) {
      yield [element, shape.of, was.get(element), is.get(element)];
    }
    return;
  }
  const was = isObject(before) ? before : {};
  const is = isObject(after) ? after : {};
  for (const name of new Set([...Object.keys(was), ...Object.keys(is)])) {
    const below = childPlace(shape, name);
    if (below !== undefined) yield [fieldElement(name), below, own(was, name), own(is, name)];
  }
}

const own = (object: Record<string, unknown>, name: string): unknown =>
  Object.hasOwn(object, name) ? object[name] : undefined;

function itemsByElement(shape: Shape & { form: 'list' }, list: unknown): Map<string, unknown> {
  return new Map(Array.isArray(list) ? (list as unknown[]).map((item) => [itemElement(shape, item), item]) : []);
}

/** `live` with everything that `config` sets. */
export function mergeValues(place: Place, live: unknown, config: unknown): unknown {
  if (config === undefined) return live;
  const shape = shapeOf(place);
  if (absent(live) || absent(config) || shape.form === 'leaf') return config;
  if (shape.form === 'list') {
    return Array.isArray(live) && Array.isArray(config) ? mergeItems(shape, live, config) : config;
  }
  if (!isObject(live) || !isObject(config)) return config;
  const out: Record<string, unknown> = { ...live };
  for (const [name, value] of Object.entries(config)) {
    const below = childPlace(shape, name);
    setOwn(out, name, below === undefined ? value : mergeValues(below, own(live, name), value));
  }
  return out;
}

/** The order is the config's for its own items; items of others keep their place before the item they preceded. */
function mergeItems(shape: Shape & { form: 'list' }, live: readonly unknown[], config: readonly unknown[]): unknown[] {
  const wanted = itemsByElement(shape, config);
  const out: unknown[] = [];
  const done = new Set<string>();
  const had = itemsByElement(shape, live);
  const emit = (element: string): void => {
    if (done.has(element)) return;
    done.add(element);
    out.push(wanted.has(element) ? mergeValues(shape.of, had.get(element), wanted.get(element)) : had.get(element));
  };
  const order = [...wanted.keys()];
  let next = 0;
  for (const element of had.keys()) {
    if (wanted.has(element)) {
      // Everything the config has up to this item comes first, in the config's order.
      const at = order.indexOf(element);
      while (next <= at) emit(order[next++] ?? '');
    } else emit(element);
  }
  for (; next < order.length; next++) emit(order[next] ?? '');
  return out;
}

/** The value without the fields and items of `set`; a part that becomes empty goes too. */
export function removePaths(place: Place, value: unknown, set: PathSet): unknown {
  const shape = shapeOf(place);
  if (shape.form === 'leaf') return value;
  if (shape.form === 'list') {
    if (!Array.isArray(value)) return value;
    const kept = (value as unknown[]).flatMap((item) => {
      const element = itemElement(shape, item);
      if (set.members.has(element)) return [];
      const below = set.children.get(element);
      return [below === undefined ? item : removePaths(shape.of, item, below)];
    });
    return kept.length === 0 ? undefined : kept;
  }
  if (!isObject(value)) return value;
  const out: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(value)) {
    const element = fieldElement(name);
    if (set.members.has(element)) continue;
    const below = set.children.get(element);
    const at = childPlace(shape, name);
    const kept = below === undefined || at === undefined ? child : removePaths(at, child, below);
    if (kept !== undefined) setOwn(out, name, kept);
  }
  return Object.keys(out).length === 0 ? undefined : out;
}

/** The set with each struct field that something below it is in; map keys and list items are not added. */
export function withNamedFields(place: Place, set: PathSet): PathSet {
  const shape = shapeOf(place);
  const out = new PathSet();
  for (const m of set.members) out.members.add(m);
  for (const [element, child] of set.children) {
    const below =
      shape.form === 'list' ? shape.of : element.startsWith('f:') ? childPlace(shape, element.slice(2)) : undefined;
    if (shape.form === 'struct' && below !== undefined) out.members.add(element);
    out.children.set(element, below === undefined ? child : withNamedFields(below, child));
  }
  return out;
}
