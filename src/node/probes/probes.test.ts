// When a probe is tried and what its verdict is, on a clock that the test moves; HTTP and gRPC against real listeners.
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { core } from '../../api/objects.ts';
import { ManualClock } from '../../clock/index.ts';
import type { ProbeTarget } from './contract.ts';
import { decodeHealthResponse, encodeHealthRequest, probeGrpc } from './grpc-probe.ts';
import { probeHttp, probeUrl } from './http-probe.ts';
import { ProbeLoop, type ProbeKind } from './probe-loop.ts';
import { probeOnce } from './probe-once.ts';

/** Runs a loop for so many seconds; `answer` says how each try ends. */
async function run(kind: ProbeKind, probe: core.Probe, seconds: number, answer: (atMs: number) => boolean) {
  const clock = new ManualClock(0);
  const tries: number[] = [];
  const verdicts: string[] = [];
  let failures = 0;
  const loop = new ProbeLoop({
    kind,
    probe,
    clock,
    startedAtMs: 0,
    attempt: () => {
      tries.push(clock.now());
      return Promise.resolve({ ok: answer(clock.now()), output: '' });
    },
    onVerdict: (ok) => verdicts.push(`${clock.now() / 1000}:${ok}`),
    onFailure: () => failures++,
  });
  for (let ms = 0; ms < seconds * 1000; ms += 5) {
    clock.advance(5);
    await Promise.resolve();
    await Promise.resolve();
  }
  loop.stop();
  return { tries, verdicts, failures };
}

const tcp = { tcpSocket: { port: 80 } };

test('liveness: period, threshold, and a success starts the count anew', async () => {
  const { tries, verdicts, failures } = await run(
    'liveness',
    { ...tcp, periodSeconds: 2, failureThreshold: 3, initialDelaySeconds: 1 },
    20,
    (at) => at < 4000 || (at > 8000 && at < 10_000),
  );
  assert.equal(tries[0], 1000);
  assert.ok(Math.abs((tries[1] ?? 0) - 3000) < 20);
  assert.equal(failures, 7);
  assert.deepEqual(
    verdicts.map((v) => v.split(':')[1]),
    ['true', 'false'],
  );
});

test('readiness: eager until the first success, then by the period; thresholds count', async () => {
  const { tries, verdicts } = await run(
    'readiness',
    { ...tcp, periodSeconds: 10, failureThreshold: 2 },
    60,
    (at) => at > 100 && at < 25_000,
  );
  assert.ok((tries.find((t) => t > 100) ?? Infinity) < 300, 'found out soon after it listens');
  const [first, second] = verdicts.map((v) => v.split(':') as [string, string]);
  assert.ok(Number(first?.[0]) < 0.3 && first?.[1] === 'true');
  assert.ok(Number(second?.[0]) > 35 && second?.[1] === 'false', 'two failures in a row');
});

test('startup: eager tries do not use up the failure threshold', async () => {
  const probe = { ...tcp, periodSeconds: 1, failureThreshold: 5 };
  const up = await run('startup', probe, 10, (at) => at > 4000);
  assert.equal(up.verdicts[0]?.split(':')[1], 'true');
  const never = await run('startup', probe, 10, () => false);
  const [at, ok] = (never.verdicts[0] ?? '').split(':');
  assert.ok(ok === 'false' && Number(at) >= 4.9 && Number(at) < 8, never.verdicts[0]);
});

const target = (port: number): ProbeTarget => ({
  ip: '127.0.0.1',
  port: (p) => (p === 'web' ? port : Number(p)),
  exec: (argv) => Promise.resolve({ exitCode: argv[0] === 'false' ? 1 : 0, output: 'said\n' }),
});

test('probeHttp(): status, redirects, headers, refusal', async () => {
  const seen: (string | undefined)[] = [];
  const server = http.createServer((req, res) => {
    seen.push(`${req.url} ${req.headers.host} ${req.headers['user-agent']} ${String(req.headers['x-a'])}`);
    if (req.url === '/away') res.writeHead(302, { location: 'http://elsewhere.example/' });
    else if (req.url === '/here') res.writeHead(302, { location: '/bad' });
    else res.statusCode = req.url === '/bad' ? 500 : 200;
    res.end('body');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const probe = (path: string, more: Partial<core.HTTPGetAction> = {}) =>
      probeHttp({ path, port: 'web', ...more }, target(port), 1000);
    assert.deepEqual(await probe('/ok'), { ok: true, output: 'body' });
    assert.deepEqual(await probe('/bad'), { ok: false, output: 'HTTP probe failed with statuscode: 500' });
    assert.equal((await probe('/away')).ok, true);
    assert.equal((await probe('/here')).ok, false);
    await probe('/h', { httpHeaders: [{ name: 'host', value: 'other' }, { name: 'X-A', value: '1' }, { name: 'x-a', value: '2' }, { name: 'User-Agent', value: 'me' }] }); // prettier-ignore
    assert.equal(seen.at(-1), '/h other me 1, 2');
    assert.equal(
      probeUrl({ port: 1, scheme: 'HTTPS', host: 'fd00::1', path: 'x' }, target(port)).href,
      'https://[fd00::1]:1/x',
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
  const refused = await probeHttp({ path: '/x', port }, target(port), 1000);
  assert.equal(
    refused.output,
    `Get "http://127.0.0.1:${port}/x": dial tcp 127.0.0.1:${port}: connect: connection refused`,
  );
  const noPort = await probeOnce({ tcpSocket: { port } }, target(port));
  assert.equal(noPort.output, `dial tcp 127.0.0.1:${port}: connect: connection refused`);
});

test('probeOnce(): exec by exit code', async () => {
  assert.deepEqual(await probeOnce({ exec: { command: ['true'] } }, target(1)), { ok: true, output: 'said' });
  assert.deepEqual(await probeOnce({ exec: { command: ['false'] } }, target(1)), { ok: false, output: 'said' });
});

test('probeGrpc(): the health protocol', async () => {
  assert.equal(encodeHealthRequest('').toString('hex'), '0000000000');
  assert.equal(encodeHealthRequest('ab').toString('hex'), '00000000040a026162');
  assert.equal(decodeHealthResponse(Buffer.from('00000000020801', 'hex')), 1);
  assert.equal(decodeHealthResponse(Buffer.from('0000000000', 'hex')), 0);
  const server = http2.createServer();
  server.on('stream', (stream) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const service = Buffer.concat(chunks).subarray(7).toString();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': service === 'none' ? '5' : '0' }));
      stream.end(
        service === 'none' ? undefined : Buffer.from(service === 'down' ? '00000000020802' : '00000000020801', 'hex'),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    assert.deepEqual(await probeGrpc('127.0.0.1', port, '', 1000), { ok: true, output: '' });
    assert.match((await probeGrpc('127.0.0.1', port, 'down', 1000)).output, /NOT_SERVING/);
    assert.equal((await probeGrpc('127.0.0.1', port, 'none', 1000)).ok, false);
  } finally {
    server.close();
  }
  assert.deepEqual(await probeGrpc('127.0.0.1', port, '', 1000), {
    ok: false,
    output: `timeout: failed to connect service "127.0.0.1:${port}" within 1s: context deadline exceeded`,
  });
});
