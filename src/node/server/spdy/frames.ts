// SPDY/3.1 frames, as far as Kubernetes uses them: draft-mbelshe-httpbis-spdy-00 §2.2. Pure.

export const TYPE = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;
export const FLAG_FIN = 1;
const HEADER_BYTES = 8;

export type Frame =
  | { readonly kind: 'data'; readonly stream: number; readonly flags: number; readonly body: Buffer }
  | { readonly kind: 'control'; readonly type: number; readonly flags: number; readonly body: Buffer };

export class SpdyError extends Error {}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** @throws SpdyError for what is no SPDY/3 */
  *push(chunk: Buffer): Generator<Frame> {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= HEADER_BYTES) {
      const first = bytes.readUInt32BE(0);
      const second = bytes.readUInt32BE(4);
      const length = second & 0xffffff;
      const flags = second >>> 24;
      const isControl = first >>> 31 === 1;
      if (isControl && ((first >>> 16) & 0x7fff) !== 3) throw new SpdyError('not a SPDY/3 frame');
      const end = HEADER_BYTES + length;
      if (bytes.length < end) break;
      const body = bytes.subarray(HEADER_BYTES, end);
      yield isControl
        ? { kind: 'control', type: first & 0xffff, flags, body }
        : { kind: 'data', stream: first & 0x7fffffff, flags, body };
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
  }
}

export function controlFrame(type: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt32BE((0x80030000 | type) >>> 0, 0);
  head.writeUInt32BE(((flags << 24) | body.length) >>> 0, 4);
  return Buffer.concat([head, body]);
}

export function dataFrame(stream: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt32BE(stream & 0x7fffffff, 0);
  head.writeUInt32BE(((flags << 24) | body.length) >>> 0, 4);
  return Buffer.concat([head, body]);
}

export function streamIdBody(stream: number, rest: Buffer = Buffer.alloc(0)): Buffer {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(stream & 0x7fffffff);
  return Buffer.concat([id, rest]);
}

/** Names in lower case; of several values (NUL between them) the first counts. */
export function parseHeaderBlock(block: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 0;
  const read = (): Buffer => {
    if (at + 4 > block.length) throw new SpdyError('a header block ends too early');
    const length = block.readUInt32BE(at);
    at += 4;
    if (length > block.length - at) throw new SpdyError('a header block ends too early');
    const value = block.subarray(at, at + length);
    at += length;
    return value;
  };
  if (block.length < 4) throw new SpdyError('a header block ends too early');
  const count = block.readUInt32BE(0);
  at = 4;
  if (count > 1000) throw new SpdyError('too many headers');
  for (let i = 0; i < count; i++) {
    const name = read().toString('latin1').toLowerCase();
    headers.set(name, read().toString().split('\0')[0] ?? '');
  }
  return headers;
}

export function formatHeaderBlock(headers: ReadonlyMap<string, string>): Buffer {
  const u32 = (n: number) => {
    const b = Buffer.alloc(4);
    b.writeUInt32BE(n);
    return b;
  };
  const parts = [...headers].flatMap(([name, value]) =>
    [name, value].flatMap((text) => [u32(Buffer.byteLength(text)), Buffer.from(text)]),
  );
  return Buffer.concat([u32(headers.size), ...parts]);
}
