// What this program says to etcd and hears from it: the parts of etcd's v3 API (rpc.proto, kv.proto) that it uses.
import { bool, bytes, int64, list, message, nested, string, type Decoded, type Method } from '../../grpc/index.ts';

const header = message({ clusterId: int64(1), memberId: int64(2), revision: int64(3), raftTerm: int64(4) });
const withHeader = message({ header: nested(1, header) });

const keyValue = message({
  key: bytes(1),
  createRevision: int64(2),
  modRevision: int64(3),
  value: bytes(5),
  lease: int64(6),
});
export type KeyValue = Decoded<typeof keyValue>;

const rangeRequest = message({
  key: bytes(1),
  rangeEnd: bytes(2),
  limit: int64(3),
  revision: int64(4),
  keysOnly: bool(8),
});
const rangeResponse = message({ header: nested(1, header), kvs: list(2, keyValue), more: bool(3), count: int64(4) });
const putRequest = message({ key: bytes(1), value: bytes(2), lease: int64(3) });
const deleteRequest = message({ key: bytes(1) });

const requestOp = message({
  range: nested(1, rangeRequest),
  put: nested(2, putRequest),
  delete: nested(3, deleteRequest),
});
export type RequestOp = Parameters<typeof requestOp.encode>[0];

/** `target` of a comparison: the revision at which the key was last written. */
export const MOD = 2;
/** `result` defaults to EQUAL. */
const compare = message({ result: int64(1), target: int64(2), key: bytes(3), modRevision: int64(6) });

export const EVENT_DELETE = 1;
const event = message({ type: int64(1), kv: nested(2, keyValue) });
export type EtcdEvent = Decoded<typeof event>;

const watchCreate = message({
  key: bytes(1),
  rangeEnd: bytes(2),
  startRevision: int64(3),
  progressNotify: bool(4),
  fragment: bool(8),
});
const watchResponse = message({
  header: nested(1, header),
  watchId: int64(2),
  created: bool(3),
  canceled: bool(4),
  compactRevision: int64(5),
  cancelReason: string(6),
  fragment: bool(7),
  events: list(11, event),
});
export type WatchResponse = Decoded<typeof watchResponse>;

const empty = message({});
const leaseRequest = message({ id: int64(1) });

function method<A, B>(path: string, request: Method<A, B>['request'], response: Method<A, B>['response']) {
  return { path: `/etcdserverpb.${path}`, request, response };
}

export const range = method('KV/Range', rangeRequest, rangeResponse);
export const txn = method(
  'KV/Txn',
  message({ compare: list(1, compare), success: list(2, requestOp), failure: list(3, requestOp) }),
  message({
    header: nested(1, header),
    succeeded: bool(2),
    responses: list(3, message({ range: nested(1, rangeResponse) })),
  }),
);
export const compact = method('KV/Compact', message({ revision: int64(1), physical: bool(2) }), withHeader);
export const watch = method(
  'Watch/Watch',
  message({ create: nested(1, watchCreate), progress: nested(3, empty) }),
  watchResponse,
);
export const leaseGrant = method(
  'Lease/LeaseGrant',
  message({ ttl: int64(1), id: int64(2) }),
  message({ header: nested(1, header), id: int64(2), ttl: int64(3) }),
);
export const leaseRevoke = method('Lease/LeaseRevoke', leaseRequest, withHeader);
/** A stream in etcd's definition; one question and one answer at a time here. */
export const leaseKeepAlive = method(
  'Lease/LeaseKeepAlive',
  leaseRequest,
  message({ header: nested(1, header), id: int64(2), ttl: int64(3) }),
);
export const authenticate = method(
  'Auth/Authenticate',
  message({ name: string(1), password: string(2) }),
  message({ header: nested(1, header), token: string(2) }),
);
export const status = method(
  'Maintenance/Status',
  empty,
  message({ header: nested(1, header), version: string(2), dbSize: int64(3), leader: int64(4) }),
);
