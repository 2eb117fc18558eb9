// Sends an answer over HTTP/1.1 or HTTP/2.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { bodyText, contentTypeOf, warningHeader, type Answer } from '../request/answer.ts';

/** HTTP/2's response has the same calls, though its type does not say so of all. */
export type Response = ServerResponse;

/** Resolves when everything was handed to the connection, or when the client went away. */
export async function writeAnswer(response: Response, answer: Answer, auditId: string, head: boolean): Promise<void> {
  const headers: Record<string, string> = {
    'audit-id': auditId,
    'cache-control': 'no-cache, private',
    'content-type': contentTypeOf(answer.body),
    ...answer.headers,
  };
  if (answer.warnings !== undefined && answer.warnings.length > 0) headers['warning'] = warningHeader(answer.warnings);
  const { body } = answer;
  if (body.form === 'watch' || body.form === 'stream') {
    response.writeHead(answer.status, headers);
    response.flushHeaders();
    if (body.form === 'watch') await writeAll(response, body.batches, (batch) => batch.text());
    else await writeAll(response, body.chunks, (chunk) => chunk);
    response.end();
    return;
  }
  const text = bodyText(body);
  headers['content-length'] = String(Buffer.byteLength(text));
  response.writeHead(answer.status, headers);
  if (head) response.end();
  else response.end(text);
}

async function writeAll<T>(
  response: Response,
  items: AsyncIterable<T>,
  encode: (item: T) => string | Uint8Array,
): Promise<void> {
  const closed = new AbortController();
  const onClose = () => closed.abort();
  response.once('close', onClose);
  try {
    for await (const item of items) {
      if (closed.signal.aborted) return;
      const flowing = response.write(encode(item));
      if (!flowing) await once(response, 'drain', { signal: closed.signal }).catch(() => undefined);
    }
  } finally {
    response.off('close', onClose);
  }
}
