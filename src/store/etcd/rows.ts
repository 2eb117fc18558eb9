// etcd's records as the store's values.
import type { Entry } from '../contract.ts';
import type { Row } from '../replica.ts';
import { EVENT_DELETE, type EtcdEvent, type KeyValue } from './messages.ts';

/** The first key after all that begin with the prefix; prefixes end in a character of ASCII, mostly `/`. */
export function prefixEnd(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

/** Text of a stored value. */
export type DecodeValue = (value: Uint8Array) => string;

export const entryOf = (kv: KeyValue, decode: DecodeValue): Entry => ({
  key: kv.key,
  value: decode(kv.value),
  createRevision: kv.createRevision,
  revision: kv.modRevision,
});

export function rowOf({ type, kv }: EtcdEvent, decode: DecodeValue): Row | undefined {
  if (kv === undefined) return undefined;
  return {
    key: kv.key,
    revision: kv.modRevision,
    createRevision: kv.createRevision,
    value: type === EVENT_DELETE ? undefined : decode(kv.value),
  };
}
