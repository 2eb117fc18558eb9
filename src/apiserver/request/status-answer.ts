// Failures and successes as Status objects.
import { badRequest, internalError, StatusError, timeout } from '../../api/index.ts';
import type { Logger } from '../../log/index.ts';
import { NotWrittenError, UnavailableError } from '../../store/index.ts';
import type { Answer } from './answer.ts';

/** The answer to a failed request; what is not a StatusError is a fault of ours and is logged. */
export function failureAnswer(error: unknown, log: Logger, path: string): Answer {
  let failure: StatusError;
  if (error instanceof StatusError) failure = error;
  else if (isTooDeep(error)) failure = badRequest('the body is nested too deeply');
  else if (error instanceof URIError) failure = new StatusError(400, 'BadRequest', `the path ${path} has a bad escape`);
  else if (error instanceof UnavailableError) {
    log.warn('the store could not be asked', { path, error });
    // A client that is told to try again must not find its own write in the way.
    failure = error.maybeWritten
      ? timeout(error.message)
      : new StatusError(503, 'ServiceUnavailable', error.message, { retryAfterSeconds: 1 });
  } else if (error instanceof NotWrittenError) {
    log.error('the store took no write', { path, error });
    failure = internalError(error);
  } else {
    log.error('a request failed in a way that was not foreseen', { path, error });
    failure = internalError(error);
  }
  const { status } = failure;
  const retry = status.details?.retryAfterSeconds;
  return {
    status: status.code,
    body: { form: 'value', value: status },
    ...(retry === undefined ? {} : { headers: { 'retry-after': String(retry) } }),
  };
}

/** A small body can nest deeper than any recursion over it can go. */
const isTooDeep = (error: unknown): boolean => error instanceof RangeError && error.message.includes('call stack');

/** A Status that says it went well. */
export function successStatus(details: object, code = 200): Answer {
  const value = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  return { status: code, body: { form: 'value', value } };
}
