// One side of a SPDY/3.1 connection: streams that the other side opens become Duplex streams, and so do our own.
import { Duplex } from 'node:stream';
import zlib from 'node:zlib';
import {
  controlFrame,
  dataFrame,
  FLAG_FIN,
  formatHeaderBlock,
  FrameReader,
  parseHeaderBlock,
  streamIdBody,
  SpdyError,
  TYPE,
  type Frame,
} from './frames.ts';
import { HEADER_DICTIONARY } from './header-dictionary.ts';

const MAX_STREAMS = 1000;
/** Unread bytes of one stream after which the whole connection waits; SPDY in Kubernetes has no flow control. */
const MAX_UNREAD = 4 * 1024 * 1024;
const RST_CANCEL = 5;

export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly #session: SpdySession;
  readonly #opening: Promise<void> | undefined;
  #isComplete = false;

  /** `opening`: nothing may be sent before it resolves. */
  constructor(session: SpdySession, id: number, headers: ReadonlyMap<string, string>, opening?: Promise<void>) {
    super({ allowHalfOpen: true });
    this.#session = session;
    this.#opening = opening;
    this.id = id;
    this.headers = headers;
  }

  override _construct(done: (error?: Error | null) => void): void {
    if (this.#opening === undefined) done();
    else
      void this.#opening.then(
        () => process.nextTick(done),
        (error: Error) => process.nextTick(done, error),
      );
  }

  /** The other side has said its last word. */
  complete(): void {
    this.#isComplete = true;
    this.push(null);
  }

  /** Nothing more comes, nor can anything be sent. Servers reset what they have said all of: a client reads it first. */
  broken(): void {
    if (this.#isComplete) return;
    if (this.#opening === undefined) this.destroy();
    else this.complete();
  }

  override _read(): void {
    this.#session.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#session.send(dataFrame(this.id, 0, chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#session.send(dataFrame(this.id, FLAG_FIN, Buffer.alloc(0)), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#session.dropped(this);
    done(error);
  }
}

export class SpdySession {
  readonly #transport: Duplex;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #reader = new FrameReader();
  readonly #inflate = zlib.createInflate({ dictionary: HEADER_DICTIONARY });
  readonly #deflate = zlib.createDeflate({ dictionary: HEADER_DICTIONARY });
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #closed = Promise.withResolvers<void>();
  /** Header blocks share one compression context: frames are worked on strictly in order. */
  #work: Promise<void> = Promise.resolve();
  /** Streams of a client have odd numbers. */
  #nextId = 1;
  #opening: Promise<void> = Promise.resolve();

  constructor(transport: Duplex, head: Buffer, onStream: (stream: SpdyStream) => void) {
    this.#transport = transport;
    this.#onStream = onStream;
    this.#inflate.on('error', () => this.close());
    this.#deflate.on('error', () => this.close());
    transport.on('data', (chunk: Buffer) => this.#receive(chunk));
    transport.on('error', () => this.close());
    // What came before the end is worked on first.
    const close = () => {
      const over = () => this.close();
      this.#work.then(over, over);
    };
    transport.on('close', close);
    transport.on('end', close);
    if (head.length > 0) this.#receive(head);
    transport.resume();
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  send(frame: Buffer, done: (error?: Error | null) => void = () => undefined): void {
    if (this.#transport.destroyed || this.#transport.writableEnded) {
      done();
      return;
    }
    this.#transport.write(frame, (error) => done(error));
  }

  resume(): void {
    if (this.#transport.isPaused()) this.#transport.resume();
  }

  dropped(stream: SpdyStream): void {
    if (!this.#streams.delete(stream.id)) return;
    if (!stream.readableEnded || !stream.writableFinished) {
      const status = Buffer.alloc(4);
      status.writeUInt32BE(RST_CANCEL);
      this.send(controlFrame(TYPE.rstStream, 0, streamIdBody(stream.id, status)));
    }
  }

  close(): void {
    this.#closed.resolve();
    for (const stream of this.#streams.values()) stream.broken();
    this.#streams.clear();
    this.#inflate.close();
    this.#deflate.close();
    this.#transport.destroy();
  }

  /** Everything is said: closes once the last byte is out. */
  end(): void {
    this.#transport.end(() => this.close());
  }

  /** The client's way to begin: a stream with these headers, names in lower case. */
  open(headers: ReadonlyMap<string, string>): SpdyStream {
    const id = this.#nextId;
    this.#nextId += 2;
    this.#opening = this.#opening.then(async () => {
      // Associated stream 0, priority 0, slot 0.
      const block = Buffer.concat([Buffer.alloc(6), await this.#compress(formatHeaderBlock(headers))]);
      this.send(controlFrame(TYPE.synStream, 0, streamIdBody(id, block)));
    });
    this.#opening.catch(() => this.close());
    const stream = new SpdyStream(this, id, headers, this.#opening);
    stream.on('error', () => stream.destroy());
    this.#streams.set(id, stream);
    return stream;
  }

  #receive(chunk: Buffer): void {
    this.#work = this.#work.then(async () => {
      for (const frame of this.#reader.push(chunk)) await this.#handle(frame);
    });
    // A client that does not speak SPDY, or stops in the middle.
    this.#work.catch(() => this.close());
  }

  async #handle(frame: Frame): Promise<void> {
    if (frame.kind === 'data') {
      this.#data(frame.stream, frame.flags, frame.body);
      return;
    }
    switch (frame.type) {
      case TYPE.synStream:
        await this.#synStream(frame.flags, frame.body);
        break;
      case TYPE.rstStream: {
        const stream = this.#streams.get(frame.body.readUInt32BE(0) & 0x7fffffff);
        if (stream === undefined) break;
        this.#streams.delete(stream.id);
        stream.broken();
        break;
      }
      case TYPE.ping:
        this.send(controlFrame(TYPE.ping, 0, Buffer.from(frame.body)));
        break;
      case TYPE.synReply:
      case TYPE.headers:
        // Must pass through the decompressor all the same.
        await this.#decompress(frame.body.subarray(4));
        break;
      default:
    }
  }

  #data(id: number, flags: number, body: Buffer): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (body.length > 0) stream.push(Buffer.from(body));
    if ((flags & FLAG_FIN) !== 0) stream.complete();
    if (stream.readableLength > MAX_UNREAD) this.#transport.pause();
  }

  async #synStream(flags: number, body: Buffer): Promise<void> {
    if (body.length < 10) throw new SpdyError('a SYN_STREAM frame is too short');
    const id = body.readUInt32BE(0) & 0x7fffffff;
    const headers = parseHeaderBlock(await this.#decompress(body.subarray(10)));
    if (this.#streams.size >= MAX_STREAMS || this.#streams.has(id)) throw new SpdyError('too many streams');
    const stream = new SpdyStream(this, id, headers);
    stream.on('error', () => stream.destroy());
    this.#streams.set(id, stream);
    this.send(controlFrame(TYPE.synReply, 0, streamIdBody(id, await this.#compress(formatHeaderBlock(new Map())))));
    if ((flags & FLAG_FIN) !== 0) stream.complete();
    this.#onStream(stream);
  }

  #decompress(block: Buffer): Promise<Buffer> {
    return through(this.#inflate, (done) => this.#inflate.write(block, done));
  }

  #compress(block: Buffer): Promise<Buffer> {
    return through(this.#deflate, (done) => {
      this.#deflate.write(block);
      this.#deflate.flush(zlib.constants.Z_SYNC_FLUSH, done);
    });
  }
}

/** One block through a stream that keeps its state: what comes out until it has taken everything in. */
function through(stream: zlib.Inflate | zlib.Deflate, feed: (done: () => void) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const onData = (chunk: Buffer) => chunks.push(chunk);
    const onError = (e: Error) => reject(e);
    stream.on('data', onData);
    stream.once('error', onError);
    feed(() => {
      stream.off('data', onData);
      stream.off('error', onError);
      resolve(Buffer.concat(chunks));
    });
  });
}
