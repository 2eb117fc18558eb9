// Fills an empty store and proves that it holds what was meant.
import { UserError } from '../../errors/index.ts';
import type { Op, Store } from '../contract.ts';
import { newestRevision, readStore, summaryOf, type KeyValue, type Summary } from './snapshot.ts';

/** What is written for what was read, in key order. @throws when it is not to be copied */
export type Convert = (entries: readonly KeyValue[]) => readonly KeyValue[];

/** What fits in one transaction of etcd, with room. */
const MAX_OPS = 100;
const MAX_BYTES = 1_000_000;

/**
 * Writes everything and reads it back.
 * @throws UserError when the target holds something already. @throws Error when what is read back differs.
 */
export async function fillStore(
  target: Store,
  entries: AsyncIterable<KeyValue> | Iterable<KeyValue>,
): Promise<Summary> {
  const there = await target.list('/registry/', { limit: 1 });
  const [first] = there.entries;
  if (first !== undefined) {
    throw new UserError(
      `the store to write to is not empty (it has ${first.key} and ${there.remaining} more): name an empty one`,
    );
  }
  let ops: Op[] = [];
  let size = 0;
  const write = async () => {
    if (ops.length === 0) return;
    const result = await target.commit(
      ops.map(({ key }) => ({ key, revision: 0 })),
      ops,
    );
    if (!result.committed) throw new UserError(`somebody else writes to the store: ${result.key} is there already`);
    ops = [];
    size = 0;
  };
  for await (const { key, value } of entries) {
    const length = Buffer.byteLength(value);
    if (ops.length >= MAX_OPS || size + length > MAX_BYTES) await write();
    ops.push({ type: 'put', key, value });
    size += length;
  }
  await write();
  return summaryOf(readStore(target, await newestRevision(target)));
}

/** @throws Error when the two are not the same. */
export async function copyStore(source: Store, target: Store, convert?: Convert): Promise<Summary> {
  const revision = await newestRevision(source);
  if (convert !== undefined) {
    const read: KeyValue[] = [];
    for await (const entry of readStore(source, revision)) read.push(entry);
    const converted = convert(read);
    const written = await fillStore(target, converted);
    checkSame(await summaryOf(converted), written);
    return written;
  }
  const written = await fillStore(target, readStore(source, revision));
  checkSame(await summaryOf(readStore(source, revision)), written);
  return written;
}

export function checkSame(meant: Summary, written: Summary): void {
  if (meant.count === written.count && meant.sha256 === written.sha256) return;
  throw new Error(
    `the copy is not the same: ${meant.count} keys with checksum ${meant.sha256} were to be written, ` +
      `${written.count} with ${written.sha256} are there; do not use it`,
  );
}
