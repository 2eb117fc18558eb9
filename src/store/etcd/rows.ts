// etcd's records as the store's values.
import type { Entry } from '../contract.ts';
import { EVENT_DELETE, type EtcdEvent, type KeyValue } from './messages.ts';
import type { Row } from '../replica.ts';

/** The first key after all that begin with the prefix. */
export function prefixEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  // Prefixes end in a character of ASCII, mostly `/`.
  end[last] = (end[last] ?? 0) + 1;
  return end;
}

/** Text of a stored value. */
export type DecodeValue = (value: Buffer) => string;

export const entryOf = (kv: KeyValue, decode: DecodeValue): Entry => ({
  key: kv.key.toString('utf8'),
  value: decode(kv.value),
  createRevision: kv.createRevision,
  revision: kv.modRevision,
});

export function rowOf({ type, kv }: EtcdEvent, decode: DecodeValue): Row | undefined {
  if (kv === undefined) return undefined;
  return {
    key: kv.key.toString('utf8'),
    revision: kv.modRevision,
    createRevision: kv.createRevision,
    value: type === EVENT_DELETE ? undefined : decode(kv.value),
  };
}
