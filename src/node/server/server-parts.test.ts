// Log options and reading, SPDY frames and sessions, remote command messages.
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Duplex, PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import zlib from 'node:zlib';
import fc from 'fast-check';
import { parseLogOptions, type LogOptions } from './log-options.ts';
import { sendLog } from './log-reader.ts';
import { execStatus, parseWish } from './remote-command.ts';
import { parseResize } from './remote-streams.ts';
import {
  controlFrame,
  dataFrame,
  FLAG_FIN,
  formatHeaderBlock,
  FrameReader,
  parseHeaderBlock,
  SpdyError,
  TYPE,
  type Frame,
} from './spdy/frames.ts';
import { HEADER_DICTIONARY } from './spdy/header-dictionary.ts';
import { SpdySession, type SpdyStream } from './spdy/session.ts';

const options = (query: string) => parseLogOptions(new URLSearchParams(query), 1_000_000);

test('parseLogOptions() reads every option and refuses nonsense', () => {
  const none: LogOptions = {
    follow: false,
    previous: false,
    timestamps: false,
    tailLines: undefined,
    sinceMs: undefined,
    limitBytes: undefined,
    stream: undefined,
  };
  assert.deepEqual(options(''), none);
  assert.deepEqual(
    options('follow=true&previous=1&timestamps=true&tailLines=5&sinceSeconds=10&limitBytes=7&stream=Stderr'),
    {
      follow: true,
      previous: true,
      timestamps: true,
      tailLines: 5,
      sinceMs: 990_000,
      limitBytes: 7,
      stream: 'stderr',
    },
  );
  assert.equal(options('sinceTime=1970-01-01T00:00:01Z').sinceMs, 1000);
  for (const bad of ['tailLines=-1', 'tailLines=x', 'sinceSeconds=0', 'sinceTime=yesterday', 'limitBytes=0']) {
    assert.throws(() => options(bad), RangeError, bad);
  }
});

const line = (second: number, message: string, stream = 'stdout', tag = 'F') =>
  `1970-01-01T00:00:${String(second).padStart(2, '0')}.000000000Z ${stream} ${tag} ${message}\n`;

test('sendLog() gives the lines asked for', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'portico-log-'));
  const file = path.join(dir, '0.log');
  try {
    writeFileSync(`${file}.1`, line(1, 'one') + line(2, 'two'));
    writeFileSync(
      file,
      line(3, 'three', 'stderr') + line(4, 'fo', 'stdout', 'P') + line(4, 'ur') + line(5, 'five') + 'torn',
    );
    const source = { file, onChange: () => ({ [Symbol.dispose]: () => undefined }), isOpen: () => false };
    const read = async (query: string) => {
      const out = new PassThrough();
      const done = sendLog(source, options(query), out).then(() => out.end());
      const [got] = await Promise.all([text(out), done]);
      return got;
    };
    const cases: [query: string, got: string][] = [
      ['', 'one\ntwo\nthree\nfour\nfive\n'],
      ['tailLines=1', 'five\n'],
      ['tailLines=5', 'two\nthree\nfour\nfive\n'],
      ['tailLines=0', ''],
      ['tailLines=100', 'one\ntwo\nthree\nfour\nfive\n'],
      ['sinceTime=1970-01-01T00:00:03Z', 'three\nfour\nfive\n'],
      ['limitBytes=6', 'one\ntw'],
      ['stream=Stderr', 'three\n'],
      ['timestamps=true&tailLines=1', '1970-01-01T00:00:05.000000000Z five\n'],
    ];
    for (const [query, got] of cases) {
      // A torn last line counts as a line for tailLines only where the file really ends with it.
      const q = query.replace(/tailLines=(\d+)/, (_, n: string) => `tailLines=${Number(n) === 0 ? 0 : Number(n) + 1}`);
      assert.equal(await read(q), got, query);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('sendLog() follows through a rotation until the container ends', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'portico-log-'));
  const file = path.join(dir, '0.log');
  try {
    writeFileSync(file, line(1, 'one'));
    let notify: () => void = () => undefined;
    let isOpen = true;
    const source = {
      file,
      onChange: (handler: () => void) => {
        notify = handler;
        return { [Symbol.dispose]: () => undefined };
      },
      isOpen: () => isOpen,
    };
    const out = new PassThrough();
    const done = sendLog(source, options('follow=true'), out).then(() => out.end());
    const got = text(out);
    await new Promise((resolve) => setImmediate(resolve));
    appendFileSync(file, line(2, 'two'));
    notify();
    await new Promise((resolve) => setImmediate(resolve));
    appendFileSync(file, line(3, 'three'));
    renameSync(file, `${file}.1`);
    writeFileSync(file, line(4, 'four'));
    notify();
    await new Promise((resolve) => setImmediate(resolve));
    appendFileSync(file, line(5, 'five'));
    isOpen = false;
    notify();
    await done;
    assert.equal(await got, 'one\ntwo\nthree\nfour\nfive\n');
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('FrameReader: any cut of the bytes gives the same frames', () => {
  const frames = [
    dataFrame(1, 0, Buffer.from('hello')),
    controlFrame(TYPE.ping, 0, Buffer.from([0, 0, 0, 7])),
    dataFrame(0x7fffffff, FLAG_FIN, Buffer.alloc(0)),
  ];
  const bytes = Buffer.concat(frames);
  const show = (f: Frame) =>
    f.kind === 'data'
      ? `data ${f.stream} ${f.flags} ${f.body.toString()}`
      : `control ${f.type} ${f.body.toString('hex')}`;
  const whole = [...new FrameReader().push(bytes)].map(show);
  assert.deepEqual(whole, ['data 1 0 hello', 'control 6 00000007', 'data 2147483647 1 ']);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const reader = new FrameReader();
    assert.deepEqual([...reader.push(bytes.subarray(0, cut)), ...reader.push(bytes.subarray(cut))].map(show), whole);
  }
  assert.throws(() => [...new FrameReader().push(Buffer.from('80020001000000008000', 'hex'))], SpdyError);
});

test('header blocks: round trip; broken ones are refused', () => {
  const headers = new Map([['streamtype', 'data'], ['port', '80'], ['empty', '']]); // prettier-ignore
  const block = formatHeaderBlock(headers);
  assert.deepEqual(parseHeaderBlock(block), headers);
  for (let end = 0; end < block.length; end++) assert.throws(() => parseHeaderBlock(block.subarray(0, end)), SpdyError);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        parseHeaderBlock(Buffer.from(bytes));
      } catch (e) {
        assert.ok(e instanceof SpdyError);
      }
    }),
    { numRuns: 300 },
  );
});

test('the dictionary is the one every SPDY/3 client has', () => {
  assert.equal(HEADER_DICTIONARY.length, 1423);
  // A zlib stream names its dictionary by this checksum (RFC 1950 §2.2).
  assert.equal(zlib.deflateSync('x', { dictionary: HEADER_DICTIONARY }).subarray(2, 6).toString('hex'), 'e3c6a7c2');
});

/** Two ends of a connection in memory. */
function connection(): [Duplex, Duplex] {
  const [a, b] = [new PassThrough(), new PassThrough()];
  return [Duplex.from({ readable: a, writable: b }), Duplex.from({ readable: b, writable: a })];
}

class SpdyClient {
  readonly #deflate = zlib.createDeflate({ dictionary: HEADER_DICTIONARY });
  readonly #transport: Duplex;
  readonly frames: Frame[] = [];

  constructor(transport: Duplex) {
    this.#transport = transport;
    const reader = new FrameReader();
    transport.on('data', (chunk: Buffer) => this.frames.push(...reader.push(chunk)));
    transport.on('error', () => undefined);
  }

  async open(id: number, headers: Record<string, string>): Promise<void> {
    const block = await new Promise<Buffer>((resolve) => {
      const chunks: Buffer[] = [];
      const onData = (chunk: Buffer) => chunks.push(chunk);
      this.#deflate.on('data', onData);
      this.#deflate.write(formatHeaderBlock(new Map(Object.entries(headers))));
      this.#deflate.flush(zlib.constants.Z_SYNC_FLUSH, () => {
        this.#deflate.off('data', onData);
        resolve(Buffer.concat(chunks));
      });
    });
    const head = Buffer.alloc(10);
    head.writeUInt32BE(id);
    this.#transport.write(controlFrame(TYPE.synStream, 0, Buffer.concat([head, block])));
  }

  data(id: number, message: string, fin = false): void {
    this.#transport.write(dataFrame(id, fin ? FLAG_FIN : 0, Buffer.from(message)));
  }

  dataOf(id: number): string {
    return this.frames.flatMap((f) => (f.kind === 'data' && f.stream === id ? [f.body.toString()] : [])).join('');
  }
}

const until = async (get: () => boolean) => {
  for (let i = 0; i < 2000 && !get(); i++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(get());
};

test('SpdySession: streams open, carry data both ways, and close', async () => {
  const [server, far] = connection();
  const streams: SpdyStream[] = [];
  const session = new SpdySession(server, Buffer.alloc(0), (stream) => {
    streams.push(stream);
    stream.on('data', (chunk: Buffer) => stream.write(`<${chunk.toString()}>`));
    stream.on('end', () => stream.end('bye'));
  });
  const client = new SpdyClient(far);
  await client.open(1, { streamtype: 'data', port: '80' });
  await client.open(3, { streamtype: 'error' });
  await until(() => streams.length === 2);
  assert.equal(streams[0]?.headers.get('port'), '80');
  client.data(1, 'one');
  client.data(3, 'three');
  await until(() => client.dataOf(1) === '<one>' && client.dataOf(3) === '<three>');
  client.data(1, '', true);
  await until(
    () =>
      client.dataOf(1) === '<one>bye' &&
      client.frames.some((f) => f.kind === 'data' && f.stream === 1 && f.flags === FLAG_FIN),
  );
  assert.equal(client.frames.filter((f) => f.kind === 'control' && f.type === TYPE.synReply).length, 2);
  far.destroy();
  await session.closed;
});

test('SpdySession: noise ends the connection, nothing else', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const [noise] = fc.sample(fc.uint8Array({ minLength: 100, maxLength: 400 }), { numRuns: 1, seed });
    const [server, far] = connection();
    far.on('error', () => undefined);
    const session = new SpdySession(server, Buffer.alloc(0), () => undefined);
    // A control frame whose header block is noise.
    far.write(controlFrame(TYPE.synStream, 0, Buffer.concat([Buffer.alloc(10), Buffer.from(noise ?? [])])));
    await session.closed;
  }
});

test('messages of a remote command', () => {
  assert.deepEqual(parseResize('{"Width":80,"Height":24}'), { columns: 80, rows: 24 });
  assert.equal(parseResize('{"Width":"x"}'), undefined);
  assert.equal(parseResize('{'), undefined);
  const wish = (q: string) => parseWish(new URLSearchParams(q));
  assert.deepEqual(wish('input=1&output=1&error=1'), { stdin: true, stdout: true, stderr: true, tty: false });
  assert.deepEqual(wish('stdin=true&stdout=true&stderr=true&tty=true'), {
    stdin: true,
    stdout: true,
    stderr: false,
    tty: true,
  });
  assert.deepEqual(execStatus(0), { metadata: {}, status: 'Success' });
  assert.match(
    JSON.stringify(execStatus(7)),
    /"reason":"NonZeroExitCode","details":\{"causes":\[\{"reason":"ExitCode","message":"7"\}\]\}/,
  );
});
