// Collects a request body, within a size and a time.
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { badRequest, requestEntityTooLarge, timeout } from '../../api/index.ts';

export interface BodyLimits {
  readonly maxBodyBytes: number;
  /** For the whole body to arrive. */
  readonly timeoutMs: number;
}

/** Undefined when there is none. @throws StatusError 413 or 504. */
export function readBody(
  request: IncomingMessage | Http2ServerRequest,
  { maxBodyBytes, timeoutMs }: BodyLimits,
): Promise<Uint8Array | undefined> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBodyBytes) return Promise.reject(requestEntityTooLarge(maxBodyBytes));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => done(timeout('the request body did not arrive in time')), timeoutMs);
    const done = (error?: Error) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', done).off('error', done).off('aborted', onAborted);
      // What still comes is thrown away, so that the answer can be sent on the same connection.
      if (error !== undefined) {
        request.on('error', () => undefined).resume();
        reject(error);
      } else resolve(size === 0 ? undefined : chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size));
    };
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBodyBytes) done(requestEntityTooLarge(maxBodyBytes));
      else chunks.push(chunk);
    };
    const onAborted = () => done(badRequest('the client went away before its request was complete'));
    request
      .on('data', onData)
      .once('end', () => done())
      .once('error', done)
      .once('aborted', onAborted);
  });
}
