// A set of field paths, as managedFields keeps it (FieldsV1). A path element is the text FieldsV1 uses:
// `f:name` a field or map key, `k:{"port":80}` a list item by its keys, `v:"x"` an item of a set.
import { isObject } from '../json.ts';

export class PathSet {
  /** Elements at this level that are in the set themselves. */
  readonly members = new Set<string>();
  /** What is in the set below an element. Never holds an empty set. */
  readonly children = new Map<string, PathSet>();

  static fromJson(value: unknown): PathSet {
    const set = new PathSet();
    if (!isObject(value)) return set;
    for (const [element, below] of Object.entries(value)) {
      if (element === '.') continue;
      if (!isObject(below)) continue;
      const keys = Object.keys(below);
      if (keys.length === 0 || keys.includes('.')) set.members.add(element);
      set.#put(element, PathSet.fromJson(below));
    }
    return set;
  }

  toJson(): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    const elements = [...new Set([...this.members, ...this.children.keys()])].sort();
    for (const element of elements) {
      const below = this.children.get(element)?.toJson() ?? {};
      const isMember = this.members.has(element) && this.children.has(element);
      out[element] = isMember ? { '.': {}, ...below } : below;
    }
    return out;
  }

  get isEmpty(): boolean {
    return this.members.size === 0 && this.children.size === 0;
  }

  insert(path: readonly string[]): void {
    const [first, ...rest] = path;
    if (first === undefined) return;
    if (rest.length === 0) {
      this.members.add(first);
      return;
    }
    let child = this.children.get(first);
    if (child === undefined) {
      child = new PathSet();
      this.children.set(first, child);
    }
    child.insert(rest);
  }

  has(path: readonly string[]): boolean {
    const [first, ...rest] = path;
    if (first === undefined) return false;
    return rest.length === 0 ? this.members.has(first) : this.children.get(first)?.has(rest) === true;
  }

  union(other: PathSet): PathSet {
    const out = new PathSet();
    for (const m of [...this.members, ...other.members]) out.members.add(m);
    for (const element of new Set([...this.children.keys(), ...other.children.keys()])) {
      const a = this.children.get(element);
      const b = other.children.get(element);
      out.#put(element, a === undefined ? b : b === undefined ? a : a.union(b));
    }
    return out;
  }

  intersection(other: PathSet): PathSet {
    const out = new PathSet();
    for (const m of this.members) if (other.members.has(m)) out.members.add(m);
    for (const [element, child] of this.children) {
      const theirs = other.children.get(element);
      if (theirs !== undefined) out.#put(element, child.intersection(theirs));
    }
    return out;
  }

  /** Without the paths of `other`; paths below one of them stay. */
  difference(other: PathSet): PathSet {
    const out = new PathSet();
    for (const m of this.members) if (!other.members.has(m)) out.members.add(m);
    for (const [element, child] of this.children) {
      const theirs = other.children.get(element);
      out.#put(element, theirs === undefined ? child : child.difference(theirs));
    }
    return out;
  }

  /** Without the paths of `other` and everything below them. */
  without(other: PathSet): PathSet {
    const out = new PathSet();
    for (const m of this.members) if (!other.members.has(m)) out.members.add(m);
    for (const [element, child] of this.children) {
      if (other.members.has(element)) continue;
      const theirs = other.children.get(element);
      out.#put(element, theirs === undefined ? child : child.without(theirs));
    }
    return out;
  }

  equals(other: PathSet): boolean {
    if (this.members.size !== other.members.size || this.children.size !== other.children.size) return false;
    for (const m of this.members) if (!other.members.has(m)) return false;
    for (const [element, child] of this.children) {
      const theirs = other.children.get(element);
      if (theirs === undefined || !child.equals(theirs)) return false;
    }
    return true;
  }

  /** Every path in the set. */
  *paths(prefix: readonly string[] = []): Generator<readonly string[]> {
    for (const element of [...new Set([...this.members, ...this.children.keys()])].sort()) {
      const path = [...prefix, element];
      if (this.members.has(element)) yield path;
      yield* this.children.get(element)?.paths(path) ?? [];
    }
  }

  #put(element: string, child: PathSet | undefined): void {
    if (child !== undefined && !child.isEmpty) this.children.set(element, child);
  }
}

/** `.spec.ports[port=80,protocol="TCP"].targetPort`, as messages show it. */
export function formatPath(path: readonly string[]): string {
  return path
    .map((element) => {
      const text = element.slice(2);
      if (element.startsWith('f:')) return `.${text}`;
      if (element.startsWith('v:')) return `[=${text}]`;
      const keys = Object.entries(JSON.parse(text) as Record<string, unknown>);
      return `[${keys.map(([k, v]) => `${k}=${JSON.stringify(v)}`).join(',')}]`;
    })
    .join('');
}

export const fieldElement = (name: string): string => `f:${name}`;
export const valueElement = (value: unknown): string => `v:${JSON.stringify(value)}`;

/** Keys in alphabetical order, as everybody writes them. */
export function keyElement(keys: Readonly<Record<string, unknown>>): string {
  return `k:${JSON.stringify(Object.fromEntries(Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1))))}`;
}
