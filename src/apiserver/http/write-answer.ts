// Sends an answer over HTTP/1.1 or HTTP/2.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { yamlText } from '../../api/index.ts';
import { bodyText, bodyValue, contentTypeOf, warningHeader, type Answer } from '../request/answer.ts';

/** HTTP/2's response has the same calls, though its type does not say so of all. */
export type Response = ServerResponse;

/** As kube-apiserver: smaller answers are sent sooner than they are compressed. */
const GZIP_FROM_BYTES = 128 * 1024;
const compress = promisify(gzip);

export interface AnswerForm {
  readonly auditId: string;
  /** The client wants the headers only. */
  readonly head: boolean;
  /** Values as YAML. */
  readonly yaml: boolean;
  /** The client reads gzip. */
  readonly gzip: boolean;
}

/** Resolves when everything was handed to the connection, or when the client went away. */
export async function writeAnswer(response: Response, answer: Answer, form: AnswerForm): Promise<void> {
  const headers: Record<string, string> = {
    'audit-id': form.auditId,
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
  const isValue = body.form === 'value' || body.form === 'stored' || body.form === 'list';
  let content: string | Uint8Array;
  if (form.yaml && isValue && headers['content-type'] === 'application/json') {
    content = yamlText(bodyValue(body));
    headers['content-type'] = 'application/yaml';
  } else content = bodyText(body);
  let size = Buffer.byteLength(content);
  if (size >= GZIP_FROM_BYTES) {
    headers['vary'] = headers['vary'] === undefined ? 'Accept-Encoding' : `${headers['vary']}, Accept-Encoding`;
    if (form.gzip) {
      content = await compress(content, { level: 1 });
      size = content.length;
      headers['content-encoding'] = 'gzip';
    }
  }
  headers['content-length'] = String(size);
  response.writeHead(answer.status, headers);
  if (form.head) response.end();
  else response.end(content);
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
