// The client against a gRPC server made of node:http2.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { createCa, issueCert } from '../pki/index.ts';
import { frame } from './frame.ts';
import { createGrpcClient, field, GrpcError, messageType, type GrpcClient, type GrpcMethod } from './index.ts';

const message = messageType({ text: field.string(1), count: field.int32(2) });
type Value = { text?: string; count?: number };
const method = (name: string): GrpcMethod<Value, { text: string; count: number }> => ({
  path: `/test.Test/${name}`,
  request: message,
  response: message,
});

let dir: string;
let server: http2.Http2Server;
let client: GrpcClient;
const sessions = new Set<http2.ServerHttp2Session>();

/** Reads the requests of a call; `each` runs for one, `done` at their end. */
function serve(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
  const end = (status: number, text?: string) => {
    stream.on('wantTrailers', () =>
      stream.sendTrailers({ 'grpc-status': status, ...(text === undefined ? {} : { 'grpc-message': text }) }),
    );
    stream.end();
  };
  const open = () => stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  const name = String(headers[':path']).split('/').at(-1);
  stream.on('error', () => {});
  let held = Buffer.alloc(0);
  const requests = function* (): Iterable<{ text: string; count: number }> {
    while (held.length >= 5 && held.length >= 5 + held.readUInt32BE(1)) {
      const length = held.readUInt32BE(1);
      yield message.decode(held.subarray(5, 5 + length));
      held = held.subarray(5 + length);
    }
  };
  if (name === 'Echo') {
    open();
    stream.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      for (const { text, count } of requests()) {
        // In two pieces, so that a frame is torn.
        const bytes = frame(message.encode({ text, count: count + 1 }));
        stream.write(bytes.subarray(0, 3));
        stream.write(bytes.subarray(3));
      }
    });
    stream.on('end', () => end(0));
  } else if (name === 'Count') {
    open();
    for (let i = 0; i < 1000; i++) stream.write(frame(message.encode({ count: i, text: 'x'.repeat(1000) })));
    end(0);
  } else if (name === 'Meta') {
    open();
    stream.write(frame(message.encode({ text: `${String(headers['x-token'])} ${String(headers['grpc-timeout'])}` })));
    end(0);
  } else if (name === 'Refuse') {
    // Without a body the status comes with the headers.
    stream.respond(
      { ':status': 200, 'grpc-status': 5, 'grpc-message': 'no%20such%20th%C3%AFng: 100%25' },
      { endStream: true },
    );
  } else if (name === 'Cut') {
    open();
    stream.write(frame(message.encode({ text: 'whole' })).subarray(0, 4));
    end(0);
  } else if (name === 'NoGrpc') {
    stream.respond({ ':status': 404 }, { endStream: true });
  } else if (name === 'Drop') {
    stream.session?.destroy();
  } else if (name === 'Silent') {
    open();
  }
}

function listenOn(s: http2.Http2Server): void {
  s.on('stream', serve);
  s.on('session', (session: http2.ServerHttp2Session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
  });
}

before(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'grpc-'));
  server = http2.createServer();
  listenOn(server);
  server.listen(path.join(dir, 's.sock'));
  await once(server, 'listening');
  client = createGrpcClient({ unixPath: path.join(dir, 's.sock') }, { metadata: { 'x-token': 'secret' } });
});

after(() => {
  client.close();
  for (const s of sessions) s.destroy();
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

const failure = async (work: Promise<unknown>): Promise<GrpcError> => {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  assert.ok(error instanceof GrpcError, `a GrpcError, not ${String(error)}`);
  return error;
};

test('a unary call over a unix socket, many at a time on one connection', async () => {
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => client.unary(method('Echo'), { text: `t${i}`, count: i })),
  );
  assert.deepEqual(
    answers.map((a) => a.count),
    Array.from({ length: 50 }, (_, i) => i + 1),
  );
  assert.equal(sessions.size, 1);
});

test('both ways: an answer comes before the next question is sent', async () => {
  const call = client.stream(method('Echo'));
  call.send({ text: 'first', count: 1 });
  const seen: number[] = [];
  for await (const { count } of call) {
    seen.push(count);
    if (seen.length < 4) call.send({ text: 'next', count });
    else call.end();
  }
  assert.deepEqual(seen, [2, 3, 4, 5]);
});

test('a long stream of answers arrives whole and in order; leaving early ends the call', async () => {
  const counts: number[] = [];
  const all = client.stream(method('Count'));
  all.end();
  for await (const { count } of all) counts.push(count);
  assert.deepEqual(
    counts,
    Array.from({ length: 1000 }, (_, i) => i),
  );
  const some = client.stream(method('Count'));
  some.end();
  for await (const { count } of some) if (count === 3) break;
});

test('metadata and the deadline travel as headers', async () => {
  const { text } = await client.unary(method('Meta'), {}, { timeoutMs: 5000 });
  assert.equal(text, 'secret 5000m');
});

test('a status that is not OK is an error with its code and the server’s words', async () => {
  const error = await failure(client.unary(method('Refuse'), {}));
  assert.equal(error.code, 'NOT_FOUND');
  assert.equal(error.details, 'no such thïng: 100%');
  assert.match(error.message, /s\.sock\/test\.Test\/Refuse: NOT_FOUND/);
});

test('a cut message, a server that speaks no gRPC, a broken connection: an error each', async () => {
  assert.equal((await failure(client.unary(method('Cut'), {}))).code, 'INTERNAL');
  assert.equal((await failure(client.unary(method('NoGrpc'), {}))).code, 'UNIMPLEMENTED');
  const dropped = await failure(client.unary(method('Drop'), {}));
  assert.equal(dropped.code, 'UNAVAILABLE');
  assert.equal(dropped.unsent, false);
  // The next call connects anew.
  assert.equal((await client.unary(method('Echo'), { count: 1 })).count, 2);
});

test('a deadline, a cancel and a signal end the call', async () => {
  assert.equal((await failure(client.unary(method('Silent'), {}, { timeoutMs: 50 }))).code, 'DEADLINE_EXCEEDED');
  const aborter = new AbortController();
  const waiting = failure(client.unary(method('Silent'), {}, { signal: aborter.signal }));
  setTimeout(() => aborter.abort(), 20);
  assert.equal((await waiting).code, 'CANCELLED');
  assert.equal((await failure(client.unary(method('Silent'), {}, { signal: AbortSignal.abort() }))).code, 'CANCELLED');
});

test('a message longer than allowed is refused', async () => {
  const small = createGrpcClient({ unixPath: path.join(dir, 's.sock') }, { maxMessageBytes: 100 });
  const error = await failure(small.unary(method('Echo'), { text: 'y'.repeat(200) }));
  assert.equal(error.code, 'RESOURCE_EXHAUSTED');
  small.close();
});

test('nobody there: UNAVAILABLE, and what the kernel said', async () => {
  const nobody = createGrpcClient({ unixPath: path.join(dir, 'none.sock') });
  const error = await failure(nobody.unary(method('Echo'), {}));
  assert.equal(error.code, 'UNAVAILABLE');
  assert.match(error.message, /ENOENT/);
  assert.equal(error.unsent, true);
  nobody.close();
});

test('a frozen server is noticed by keepalive', async () => {
  const held = new Set<net.Socket>();
  const frozen = net.createServer((socket) => held.add(socket.on('error', () => {})));
  frozen.listen(0, '127.0.0.1');
  await once(frozen, 'listening');
  const { port } = frozen.address() as AddressInfo;
  const patient = createGrpcClient({ host: '127.0.0.1', port }, { keepaliveMs: 50, connectTimeoutMs: 500 });
  const error = await failure(patient.unary(method('Echo'), {}));
  assert.equal(error.code, 'UNAVAILABLE');
  patient.close();
  for (const socket of held) socket.destroy();
  frozen.close();
});

test('TLS with client certificates: the right authority is let in, a stranger is not', async () => {
  const ca = createCa('test');
  const issue = (cn: string, of = ca) =>
    issueCert(of, { cn, dnsNames: ['etcd.test'], ips: ['127.0.0.1'], usages: ['server', 'client'] });
  const mine = issue('server');
  const secure = http2.createSecureServer({
    cert: mine.certPem,
    key: mine.keyPem,
    ca: ca.certPem,
    requestCert: true,
    rejectUnauthorized: true,
  });
  listenOn(secure);
  secure.on('tlsClientError', () => {});
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  const { port } = secure.address() as AddressInfo;
  const call = (tls: { ca: string; cert?: string; key?: string; servername?: string }) => {
    const c = createGrpcClient({ host: '127.0.0.1', port, tls });
    return c.unary(method('Echo'), { count: 7 }).finally(() => c.close());
  };
  const user = issue('client');
  assert.equal((await call({ ca: ca.certPem, cert: user.certPem, key: user.keyPem })).count, 8);
  assert.equal(
    (await call({ ca: ca.certPem, cert: user.certPem, key: user.keyPem, servername: 'etcd.test' })).count,
    8,
  );
  assert.equal((await failure(call({ ca: ca.certPem }))).code, 'UNAVAILABLE');
  const other = createCa('other');
  const stranger = issue('client', other);
  assert.equal((await failure(call({ ca: other.certPem, cert: user.certPem, key: user.keyPem }))).code, 'UNAVAILABLE');
  assert.equal(
    (await failure(call({ ca: ca.certPem, cert: stranger.certPem, key: stranger.keyPem }))).code,
    'UNAVAILABLE',
  );
  secure.close();
});
