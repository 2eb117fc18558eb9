// The current entries in key order. Keys are kept in one sorted array per resource (the first two path segments), so
// that a list touches only its own resource and an insert moves few elements.
import type { Entry } from './contract.ts';

/** Index of the first key that is >= `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `/registry/pods/default/web` → `/registry/pods/`. */
function bucketOf(key: string): string {
  const second = key.indexOf('/', 1);
  const third = second < 0 ? -1 : key.indexOf('/', second + 1);
  return third < 0 ? key : key.slice(0, third + 1);
}

export class KeySpace {
  #entries = new Map<string, Entry>();
  #buckets = new Map<string, string[]>();

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  set(entry: Entry): void {
    if (!this.#entries.has(entry.key)) {
      const bucket = bucketOf(entry.key);
      let keys = this.#buckets.get(bucket);
      if (keys === undefined) this.#buckets.set(bucket, (keys = []));
      const last = keys.at(-1);
      if (last === undefined || last < entry.key) keys.push(entry.key);
      else keys.splice(lowerBound(keys, entry.key), 0, entry.key);
    }
    this.#entries.set(entry.key, entry);
  }

  delete(key: string): void {
    if (!this.#entries.delete(key)) return;
    const bucket = bucketOf(key);
    const keys = this.#buckets.get(bucket);
    keys?.splice(lowerBound(keys, key), 1);
    if (keys?.length === 0) this.#buckets.delete(bucket);
  }

  /** All keys that begin with the prefix, ascending. A fresh array. */
  keys(prefix: string): string[] {
    const own = this.#buckets.get(bucketOf(prefix));
    if (own !== undefined && bucketOf(prefix).endsWith('/')) return sliceOf(own, prefix);
    const found: string[] = [];
    for (const keys of this.#buckets.values()) for (const key of sliceOf(keys, prefix)) found.push(key);
    return found.sort();
  }

  count(prefix: string): number {
    const bucket = bucketOf(prefix);
    if (bucket === prefix && prefix.endsWith('/')) return this.#buckets.get(prefix)?.length ?? 0;
    return this.keys(prefix).length;
  }
}

function sliceOf(keys: readonly string[], prefix: string): string[] {
  const from = lowerBound(keys, prefix);
  let to = from;
  // Keys with one prefix stand together; U+FFFF sorts after every character that a key may hold.
  to = lowerBound(keys, `${prefix}\uffff`);
  return keys.slice(from, to);
}
