// etcd's failures in the words of this program: what happened, and what to do about it.
import { UserError } from '../../errors/index.ts';
import { GrpcError } from '../../grpc/index.ts';
import { UnavailableError } from '../contract.ts';

/** etcd answered before it did anything: the same request may be sent again, elsewhere. */
const NOT_BEGUN = /no leader|too many requests|unhealthy cluster|server stopped|not healthy/;

/** A client that retries may succeed; nothing was done. */
export const isTransient = (error: GrpcError): boolean =>
  error.unsent || (error.code === 'UNAVAILABLE' && NOT_BEGUN.test(error.details));

/** The member, not the request, is what failed: another one may do better. */
export const isMembersFault = (error: GrpcError): boolean =>
  error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED';

export const isCompacted = (error: unknown): boolean => isOutOfRange(error, 'has been compacted');

export const isFuture = (error: unknown): boolean => isOutOfRange(error, 'future revision');

/** The error as it came from the member, or as `explain` wrapped it. */
function isOutOfRange(error: unknown, text: string): boolean {
  const original = error instanceof UnavailableError ? error.cause : error;
  return original instanceof GrpcError && original.code === 'OUT_OF_RANGE' && original.details.includes(text);
}

/** What to throw for a call that failed for good. `write`: it may have been carried out all the same. */
export function explain(error: GrpcError, from: string, write: boolean): Error {
  const { code, details } = error;
  const options = { cause: error };
  const refused = (text: string) => new UserError(`etcd at ${from}: ${text}`, options);
  switch (code) {
    case 'RESOURCE_EXHAUSTED': {
      if (!details.includes('space exceeded')) break;
      const text =
        `etcd at ${from} is full (alarm NOSPACE) and takes no writes: compact and defragment it, or give it a ` +
        `larger --quota-backend-bytes, then 'etcdctl alarm disarm'`;
      return new UnavailableError(text, false, options);
    }
    case 'UNAUTHENTICATED':
    case 'PERMISSION_DENIED':
      return refused(`${details}: give this server a user or a client certificate that may read and write its keys`);
    case 'INVALID_ARGUMENT':
      if (details.includes('user name is empty')) return refused('it asks who we are: --etcd-credentials FILE');
      if (!details.includes('too large')) return refused(details);
      return refused(`${details}: etcd takes requests of 1.5 MiB (its --max-request-bytes)`);
    case 'UNIMPLEMENTED':
      return refused('it does not speak the v3 API of etcd 3.4; is it an etcd server?');
    case 'UNAVAILABLE':
    case 'DEADLINE_EXCEEDED': {
      const maybe = write && !isTransient(error);
      const why = details.includes('no leader') ? 'it has no leader: a majority of its members is away' : details;
      const outcome = maybe ? '; the write may have been carried out' : '';
      return new UnavailableError(`etcd at ${from}: ${why}${outcome}`, maybe, options);
    }
  }
  return new UnavailableError(`etcd at ${from}: ${details} (${code})`, write, options);
}
