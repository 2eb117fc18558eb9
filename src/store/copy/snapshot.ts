// A store as text: a line a key, at one revision, with a count and a checksum at the end. What belongs to a running
// server or to the engine stays out.
import { createHash, type Hash } from 'node:crypto';
import { UserError } from '../../errors/index.ts';
import type { Revision, Store } from '../contract.ts';

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** What a copy was: the checksum is SHA-256 over all keys and values in key order. */
export interface Summary {
  readonly count: number;
  readonly sha256: string;
}

const FORMAT = 'portico-store-snapshot/1';
const ROOT = '/registry/';
/** Who is there now, and who compacted when: not the cluster's state. */
const LEFT_OUT = [`${ROOT}masterleases/`, `${ROOT}portico.internal/compaction`];
const PAGE = 500;

/** Everything of the cluster, in key order, as it was at `revision`. */
export async function* readStore(store: Store, revision: Revision): AsyncGenerator<KeyValue> {
  let after: string | undefined;
  for (;;) {
    const page = await store.list(ROOT, { revision, limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const { key, value } of page.entries) {
      if (!LEFT_OUT.some((prefix) => key.startsWith(prefix))) yield { key, value };
    }
    after = page.entries.at(-1)?.key;
    if (page.remaining === 0 || after === undefined) return;
  }
}

/** The newest revision that anybody was told of. */
export async function newestRevision(store: Store): Promise<Revision> {
  return (await store.list(ROOT, { limit: 1 })).revision;
}

class Checksum {
  readonly #hash: Hash = createHash('sha256');
  #count = 0;

  add({ key, value }: KeyValue): void {
    this.#hash.update(`${key}\0${value}\0`);
    this.#count += 1;
  }

  finish(): Summary {
    return { count: this.#count, sha256: this.#hash.digest('hex') };
  }
}

export async function summaryOf(entries: AsyncIterable<KeyValue> | Iterable<KeyValue>): Promise<Summary> {
  const checksum = new Checksum();
  for await (const entry of entries) checksum.add(entry);
  return checksum.finish();
}

/** Text of a snapshot, in chunks of many lines. */
export async function* snapshotText(store: Store): AsyncGenerator<string> {
  const revision = await newestRevision(store);
  const checksum = new Checksum();
  let lines = [JSON.stringify({ format: FORMAT, revision })];
  for await (const entry of readStore(store, revision)) {
    checksum.add(entry);
    lines.push(JSON.stringify([entry.key, entry.value]));
    if (lines.length < PAGE) continue;
    yield `${lines.join('\n')}\n`;
    lines = [];
  }
  lines.push(JSON.stringify(checksum.finish()));
  yield `${lines.join('\n')}\n`;
}

/** @throws UserError when it is no snapshot, or not whole. */
export function parseSnapshot(text: string, name: string): { entries: KeyValue[]; summary: Summary } {
  const lines = text.split('\n').filter((line) => line !== '');
  const refuse = (why: string) => new UserError(`${name} cannot be restored: ${why}`);
  let parsed: unknown[];
  try {
    parsed = lines.map((line) => JSON.parse(line) as unknown);
  } catch {
    throw refuse('it is cut off, or no snapshot of a store');
  }
  const [first, ...rest] = parsed as [{ format?: string } | undefined, ...unknown[]];
  const last = rest.pop() as Partial<Summary> | undefined;
  if (first?.format !== FORMAT) throw refuse(`its format is not ${FORMAT}`);
  const checksum = new Checksum();
  const entries = rest.map((row) => {
    const [key, value] = Array.isArray(row) ? (row as unknown[]) : [];
    if (typeof key !== 'string' || typeof value !== 'string') throw refuse('a line is not a key and a value');
    checksum.add({ key, value });
    return { key, value };
  });
  const summary = checksum.finish();
  if (last?.count !== summary.count || last.sha256 !== summary.sha256) {
    throw refuse(`its checksum does not match: it is cut off or was changed`);
  }
  return { entries, summary };
}
