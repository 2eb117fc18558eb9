// A commit as a transaction of etcd, and its answer as a result.
import { UserError } from '../../errors/index.ts';
import type { CommitResult, Compare, Entry, Op, Revision } from '../contract.ts';
import type { Replica } from '../replica.ts';
import type { EtcdClient } from './etcd-client.ts';
import { MOD, range, type RequestOp, type TxnRequest, type TxnResponse } from './messages.ts';
import { entryOf, type DecodeValue } from './rows.ts';

/** etcd's --max-txn-ops. */
const MAX_OPS = 128;

/** @throws UserError for more operations than etcd takes in one transaction. */
export function commitRequest(compares: readonly Compare[], ops: readonly Op[]): TxnRequest {
  if (compares.length > MAX_OPS || ops.length > MAX_OPS) {
    throw new UserError(`a commit of ${Math.max(compares.length, ops.length)} operations: etcd takes ${MAX_OPS}`);
  }
  // etcd refuses to write a key twice in one transaction: the last word counts.
  const byKey = new Map<string, RequestOp>();
  for (const op of ops) {
    byKey.delete(op.key);
    byKey.set(op.key, op.type === 'put' ? { put: { key: op.key, value: op.value } } : { delete: { key: op.key } });
  }
  return {
    compare: compares.map(({ key, revision }) => ({ target: MOD, key, modRevision: revision })),
    success: [...byKey.values()],
    failure: compares.map(({ key }) => ({ range: { key } })),
  };
}

/** What the first failed comparison found. */
export function refusalOf(compares: readonly Compare[], answer: TxnResponse, decode: DecodeValue): CommitResult {
  for (const [i, compare] of compares.entries()) {
    const kv = answer.responses[i]?.range?.kvs[0];
    if ((kv?.modRevision ?? 0) === compare.revision) continue;
    return { committed: false, key: compare.key, current: kv === undefined ? undefined : entryOf(kv, decode) };
  }
  throw new Error('etcd refused a transaction whose comparisons all hold');
}

/** The versions that a commit wrote: from memory, where they are shared, else from etcd. */
export async function entriesOf(
  client: EtcdClient,
  replica: Replica,
  ops: readonly Op[],
  revision: Revision,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const op of ops) {
    if (op.type !== 'put') continue;
    const here = replica.get(op.key);
    if (here?.revision === revision) entries.push(here);
    else {
      const { kvs } = await client.read(range, { key: op.key, revision, keysOnly: true });
      const createRevision = kvs[0]?.createRevision ?? revision;
      entries.push({ key: op.key, value: op.value, createRevision, revision });
    }
  }
  return entries;
}
