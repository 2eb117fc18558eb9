// A proxied HTML page: its links lead through the proxy.
import { Readable } from 'node:stream';
import { createUnzip } from 'node:zlib';
import type { Answer } from '../request/answer.ts';
import { changePageLinks } from './page-links.ts';

const DECODED: ReadonlySet<string> = new Set(['gzip', 'x-gzip', 'deflate']);
/** They speak of the page as it came. */
const NO_LONGER_TRUE = ['content-length', 'content-encoding', 'content-md5', 'etag', 'accept-ranges'];

/** The answer, if it is a whole page that can be read, with `change` applied to every link; else as it is. */
export function withProxiedLinks(answer: Answer, change: (link: string) => string): Answer {
  const { headers = {}, body, status } = answer;
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  const readable = encoding === 'identity' || DECODED.has(encoding);
  if (type !== 'text/html' || body.form !== 'stream' || !readable || status === 206) return answer;
  const plain = encoding === 'identity' ? body.chunks : unzipped(body.chunks);
  return {
    ...answer,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !NO_LONGER_TRUE.includes(name))),
    body: { form: 'stream', chunks: changed(plain, change) },
  };
}

function unzipped(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  // An empty body, as HEAD has it, is no fault.
  return Readable.from(chunks, { objectMode: false }).compose(createUnzip());
}

async function* changed(
  chunks: AsyncIterable<Uint8Array>,
  change: (link: string) => string,
): AsyncGenerator<Uint8Array> {
  const page = changePageLinks(change);
  // Bytes as characters of one byte: marks and names of HTML are ASCII, everything else goes through unread.
  for await (const chunk of chunks) {
    const out = page.push(Buffer.from(chunk).toString('latin1'));
    if (out !== '') yield Buffer.from(out, 'latin1');
  }
  yield Buffer.from(page.end(), 'latin1');
}
