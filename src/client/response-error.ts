// From a failed HTTP answer to a StatusError, also when the body is no Status (proxies, load balancers).
import { StatusError } from '../api/objects.ts';
import type { Status } from '../api/objects.ts';
import type { TransportResponse } from './transport.ts';

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

function isStatus(body: unknown): body is Status {
  return typeof body === 'object' && body !== null && (body as { kind?: unknown }).kind === 'Status';
}

/** The error that a response with a failure status stands for. */
export function errorOfResponse(method: string, path: string, response: TransportResponse): StatusError {
  const { status, body } = response;
  if (isStatus(body)) return StatusError.of({ ...body, code: body.code ?? status });
  const text = typeof body === 'string' ? body.trim().slice(0, 200) : '';
  const message = `${method} ${path}: the server answered ${status}${text === '' ? '' : `: ${text}`}`;
  return new StatusError(status, REASONS[status] ?? 'Unknown', message);
}
