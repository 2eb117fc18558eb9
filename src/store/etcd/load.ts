// The state at the start: read at a revision of the recent past, so that the watch from there brings the history with
// it and clients of other servers can go on here.
import { UserError } from '../../errors/index.ts';
import type { Entry, Revision } from '../contract.ts';
import { Replica, type Retention } from '../replica.ts';
import type { EtcdClient } from './etcd-client.ts';
import { isCompacted } from './errors.ts';
import { range, watch } from './messages.ts';
import { entryOf, prefixEnd, type DecodeValue } from './rows.ts';

/** Keys asked for at a time: a few megabytes. */
const PAGE = 1000;

export interface LoadOptions {
  readonly client: EtcdClient;
  readonly prefix: string;
  readonly decode: DecodeValue;
  readonly retention: Required<Retention>;
}

/** @returns a replica at a revision of the past, and the revision that was current. */
export async function load(options: LoadOptions): Promise<{ replica: Replica; current: Revision }> {
  const { client, prefix, retention } = options;
  const { header } = await client.read(range, { key: prefix, keysOnly: true });
  const current = header?.revision ?? 0;
  let base = Math.max(current - retention.maxChanges, 1);
  for (;;) {
    const replica = new Replica(retention);
    try {
      await fill(replica, options, base);
      replica.begin(base, base);
      return { replica, current };
    } catch (error) {
      // Compacted further, maybe by another server just now: begin there.
      if (!isCompacted(error)) throw error;
      base = await compactedRevision(client, base);
    }
  }
}

/** Up to where history is gone, given a revision that is: etcd tells it only to a watch that asks for what is gone. */
async function compactedRevision(client: EtcdClient, gone: Revision): Promise<Revision> {
  const { compactRevision } = await client.exchange(
    watch,
    { create: { key: '/', startRevision: gone } },
    (answer) => answer.canceled,
  );
  return compactRevision;
}

async function fill(replica: Replica, { client, prefix, decode }: LoadOptions, revision: Revision): Promise<void> {
  const rangeEnd = prefixEnd(prefix);
  let key = prefix;
  for (;;) {
    const page = await client.read(range, { key, rangeEnd, revision, limit: PAGE });
    let last: Entry | undefined;
    for (const kv of page.kvs) {
      last = entryOf(kv, decode);
      replica.fill(last);
    }
    if (!page.more || last === undefined) return;
    if (last.key.includes('\u0000')) throw new UserError(`the key ${JSON.stringify(last.key)} in etcd is not ours`);
    key = `${last.key}\u0000`;
  }
}
