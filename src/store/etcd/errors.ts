// etcd's failures in the words of this program: what happened, and what to do about it.
import { UserError } from '../../errors/index.ts';
import { grpcCode, GrpcError } from '../../grpc/index.ts';
import { UnavailableError } from '../contract.ts';

/** etcd answered before it did anything: the same request may be sent again, elsewhere. */
const NOT_BEGUN = /no leader|too many requests|unhealthy cluster|server stopped|not healthy/;

/** A client that retries may succeed; nothing was done. */
export const isTransient = (error: GrpcError): boolean =>
  error.unsent || (error.code === grpcCode.unavailable && NOT_BEGUN.test(error.message));

/** The member, not the request, is what failed: another one may do better. */
export const isMembersFault = (error: GrpcError): boolean =>
  error.code === grpcCode.unavailable || error.code === grpcCode.deadlineExceeded;

export const isCompacted = (error: unknown): boolean => isOutOfRange(error, 'has been compacted');

export const isFuture = (error: unknown): boolean => isOutOfRange(error, 'future revision');

/** The error as it came from the member, or as `explain` wrapped it. */
function isOutOfRange(error: unknown, text: string): boolean {
  const original = error instanceof UnavailableError ? error.cause : error;
  return original instanceof GrpcError && original.code === grpcCode.outOfRange && original.message.includes(text);
}

/** What to throw for a call that failed for good. `write`: it may have been carried out all the same. */
export function explain(error: unknown, from: string, write: boolean): unknown {
  if (!(error instanceof GrpcError)) return error;
  const say = (text: string) => new UserError(`etcd at ${from}: ${text}`, { cause: error });
  switch (error.code) {
    case grpcCode.resourceExhausted:
      if (error.message.includes('space exceeded')) {
        const text =
          `etcd at ${from} is full (alarm NOSPACE) and takes no writes: compact and defragment it, or give it a ` +
          `larger --quota-backend-bytes, then 'etcdctl alarm disarm'`;
        return new UnavailableError(text, false, { cause: error });
      }
      break;
    case grpcCode.unauthenticated:
    case grpcCode.permissionDenied:
      return say(`${error.message}: give this server a user or a client certificate that may read and write its keys`);
    case grpcCode.invalidArgument:
      if (error.message.includes('user name is empty'))
        return say('it asks for authentication: --etcd-credentials FILE');
      if (error.message.includes('too large')) {
        return say(`${error.message}: etcd takes requests of 1.5 MiB (its --max-request-bytes)`);
      }
      return say(error.message);
    case grpcCode.unimplemented:
      return say('it does not speak the v3 API of etcd 3.4; is it an etcd server?');
    case grpcCode.unavailable:
    case grpcCode.deadlineExceeded: {
      const maybe = write && !isTransient(error);
      const outcome = maybe ? '; the write may have been carried out' : '';
      const text = error.message.includes('no leader')
        ? 'it has no leader: a majority of its members is away'
        : error.message;
      return new UnavailableError(`etcd at ${from}: ${text}${outcome}`, maybe, { cause: error });
    }
  }
  return new UnavailableError(`etcd at ${from}: ${error.message} (code ${error.code})`, write, { cause: error });
}
