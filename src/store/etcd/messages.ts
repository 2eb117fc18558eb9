// What this program says to etcd and hears from it: the parts of etcd's v3 API (rpc.proto, kv.proto) that it uses.
import {
  field,
  messageType,
  type Decoded,
  type Encodable,
  type GrpcMethod,
  type MessageType,
} from '../../grpc/index.ts';

const { string, bytes, bool, int32, int53, uint64, message, list } = field;

const header = messageType({ clusterId: uint64(1), revision: int53(3) });
const withHeader = messageType({ header: message(1, header) });

const keyValue = messageType({
  key: string(1),
  createRevision: int53(2),
  modRevision: int53(3),
  value: bytes(5),
});
export type KeyValue = Decoded<typeof keyValue>;

const rangeRequest = messageType({
  key: string(1),
  rangeEnd: string(2),
  limit: int53(3),
  revision: int53(4),
  keysOnly: bool(8),
});
const rangeResponse = messageType({
  header: message(1, header),
  kvs: list(message(2, keyValue)),
  more: bool(3),
  count: int53(4),
});
const putRequest = messageType({ key: string(1), value: string(2), lease: int53(3) });
const deleteRequest = messageType({ key: string(1) });

const requestOp = messageType({
  range: message(1, rangeRequest),
  put: message(2, putRequest),
  delete: message(3, deleteRequest),
});
export type RequestOp = Encodable<typeof requestOp>;

/** `target` of a comparison: the revision at which the key was last written. Its `result` defaults to EQUAL. */
export const MOD = 2;
const compare = messageType({ target: int32(2), key: string(3), modRevision: int53(6) });

const txnRequest = messageType({
  compare: list(message(1, compare)),
  success: list(message(2, requestOp)),
  failure: list(message(3, requestOp)),
});
const txnResponse = messageType({
  header: message(1, header),
  succeeded: bool(2),
  responses: list(message(3, messageType({ range: message(1, rangeResponse) }))),
});
export type TxnRequest = Encodable<typeof txnRequest>;
export type TxnResponse = Decoded<typeof txnResponse>;

export const EVENT_DELETE = 1;
const event = messageType({ type: int32(1), kv: message(2, keyValue) });
export type EtcdEvent = Decoded<typeof event>;

const empty = messageType({});
const watchRequest = messageType({
  create: message(
    1,
    messageType({
      key: string(1),
      rangeEnd: string(2),
      startRevision: int53(3),
      progressNotify: bool(4),
      fragment: bool(8),
    }),
  ),
  progress: message(3, empty),
});
const watchResponse = messageType({
  header: message(1, header),
  created: bool(3),
  canceled: bool(4),
  compactRevision: int53(5),
  cancelReason: string(6),
  fragment: bool(7),
  events: list(message(11, event)),
});
export type WatchRequest = Encodable<typeof watchRequest>;

const leaseRequest = messageType({ id: int53(1) });
const leaseResponse = messageType({ header: message(1, header), id: int53(2), ttl: int53(3) });

function method<In, Out>(
  path: string,
  request: MessageType<unknown, In>,
  response: MessageType<Out, never>,
): GrpcMethod<In, Out> {
  return { path: `/etcdserverpb.${path}`, request, response };
}

export const range = method('KV/Range', rangeRequest, rangeResponse);
export const txn = method('KV/Txn', txnRequest, txnResponse);
export const compact = method('KV/Compact', messageType({ revision: int53(1) }), withHeader);
export const watch = method('Watch/Watch', watchRequest, watchResponse);
export const leaseGrant = method('Lease/LeaseGrant', messageType({ ttl: int53(1), id: int53(2) }), leaseResponse);
export const leaseRevoke = method('Lease/LeaseRevoke', leaseRequest, withHeader);
/** A stream in etcd's definition; one question and one answer at a time here. */
export const leaseKeepAlive = method('Lease/LeaseKeepAlive', leaseRequest, leaseResponse);
export const authenticate = method(
  'Auth/Authenticate',
  messageType({ name: string(1), password: string(2) }),
  messageType({ token: string(2) }),
);
export const status = method(
  'Maintenance/Status',
  empty,
  messageType({ header: message(1, header), version: string(2) }),
);
