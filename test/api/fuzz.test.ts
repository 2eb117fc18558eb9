// Whatever comes over the wire, the server answers or hangs up: it does not end, stall, grow, or call it its own fault.
// FUZZ_SEED repeats a run, FUZZ_SECONDS makes it longer.
import assert from 'node:assert/strict';
import { connect as connectHttp2 } from 'node:http2';
import process from 'node:process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { deflateSync } from 'node:zlib';

import { startLiveServer, type LiveServer } from './live-server.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 1e9));
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 15);
const ANSWER_WITHIN_MS = 10_000;

/** mulberry32: small, seeded, good enough to choose junk. */
function createRandom(seed: number) {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (n: number) => Math.floor(next() * n);
  const pick = <T>(from: readonly [T, ...T[]]): T => from[below(from.length)] ?? from[0];
  const bytes = (n: number) => Buffer.from(Array.from({ length: n }, () => below(256)));
  return { next, below, pick, bytes };
}
type Random = ReturnType<typeof createRandom>;

const KINDS = [
  'api/v1/namespaces/default/services',
  'api/v1/namespaces/default/pods',
  'api/v1/namespaces/default/endpoints',
  'api/v1/namespaces/default/configmaps',
  'api/v1/namespaces/default/secrets',
  'api/v1/namespaces/default/serviceaccounts/default/token',
  'api/v1/namespaces/default/pods/p/eviction',
  'api/v1/namespaces/default/pods/p/log',
  'api/v1/namespaces/default/services/kubernetes/proxy/x',
  'api/v1/namespaces',
  'api/v1/nodes',
  'apis/apps/v1/namespaces/default/deployments',
  'apis/apps/v1/namespaces/default/deployments/d/scale',
  'apis/apps/v1/namespaces/default/statefulsets',
  'apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
  'apis/networking.k8s.io/v1/servicecidrs',
  'apis/networking.k8s.io/v1/ipaddresses',
  'apis/networking.k8s.io/v1/namespaces/default/ingresses',
  'apis/rbac.authorization.k8s.io/v1/clusterroles',
  'apis/authentication.k8s.io/v1/tokenreviews',
  'apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  'apis/coordination.k8s.io/v1/namespaces/default/leases',
  'openapi/v3/api/v1',
  'openapi/v2',
  'version',
  'apis',
  'healthz',
] as const;
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'BREW'] as const;
const TYPES = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
  'application/cbor',
  'text/plain',
  '',
  ';;;',
] as const;
const ACCEPTS = [
  'application/json',
  '*/*',
  'application/vnd.kubernetes.protobuf',
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json',
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'a/b;c=d,,,;',
  '',
] as const;
const PARAMETERS = [
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
  'labelSelector',
  'fieldSelector',
  'watch',
  'timeoutSeconds',
  'sendInitialEvents',
  'allowWatchBookmarks',
  'dryRun',
  'fieldManager',
  'fieldValidation',
  'force',
  'pretty',
  'includeObject',
  'propagationPolicy',
  'gracePeriodSeconds',
  'container',
  'tailLines',
] as const;
const VALUES = [
  '1',
  '0',
  '-1',
  'true',
  'All',
  'Strict',
  'a=b',
  'a in (b',
  '!a',
  'spec.nodeName=x',
  'metadata.name!=',
  'NotOlderThan',
  'Exact',
  'Object',
  '99999999999999999999',
  'eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ',
  '%',
  '\u0000',
  'ä',
  'x'.repeat(2000),
] as const;
const ATOMS: readonly [unknown, ...unknown[]] = [
  null,
  true,
  false,
  0,
  -1,
  80,
  1.5,
  1e308,
  2 ** 53,
  '',
  'None',
  '10.96.0.7',
  '::1',
  'a'.repeat(300),
  '__proto__',
  [],
  {},
  [null],
  [[]],
  [{}],
];
const KEYS = [
  'apiVersion',
  'kind',
  'metadata',
  'name',
  'namespace',
  'labels',
  'annotations',
  'finalizers',
  'ownerReferences',
  'managedFields',
  'resourceVersion',
  'uid',
  'spec',
  'status',
  'ports',
  'port',
  'targetPort',
  'protocol',
  'clusterIP',
  'clusterIPs',
  'selector',
  'type',
  'template',
  'containers',
  'replicas',
  'data',
  'rules',
  'subsets',
  'endpoints',
  'addresses',
  '$patch',
  '$setElementOrder/ports',
  '$retainKeys',
  '$deleteFromPrimitiveList/finalizers',
  '__proto__',
  'constructor',
  'op',
  'path',
  'value',
  'from',
] as const;

function anyValue(random: Random, depth: number): unknown {
  if (depth === 0 || random.next() < 0.3) return random.pick(ATOMS);
  if (random.next() < 0.3) return Array.from({ length: random.below(4) }, () => anyValue(random, depth - 1));
  return Object.fromEntries(
    Array.from({ length: random.below(6) }, () => [random.pick(KEYS), anyValue(random, depth - 1)]),
  );
}

/** A Service that is nearly right: junk that gets past the first checks. */
function nearlyService(random: Random): unknown {
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { generateName: 'fuzz-', labels: { fuzz: 'yes' } },
    spec: { type: random.pick(['ClusterIP', 'NodePort', 'LoadBalancer']), ports: [{ port: 80 }] },
  };
  const target = random.pick<Record<string, unknown>>([object, object.metadata, object.spec]);
  target[random.pick(KEYS)] = anyValue(random, 3);
  return object;
}

function body(random: Random, type: string): Buffer {
  const json = () => JSON.stringify(random.next() < 0.4 ? nearlyService(random) : anyValue(random, 5));
  const choice = random.next();
  if (type.includes('protobuf') || choice < 0.1) {
    const raw = random.bytes(random.below(200));
    return Buffer.concat([Buffer.from('6b387300', 'hex'), Buffer.from([0x12, raw.length & 0x7f]), raw]);
  }
  if (choice < 0.2) return random.bytes(random.below(3000));
  if (choice < 0.3) return Buffer.from(json().slice(0, random.below(60)));
  if (choice < 0.33) return Buffer.from('['.repeat(20_000));
  if (choice < 0.36) return Buffer.from(`a: &a [x]\nb: &b [${'*a,'.repeat(50)}]\nc: [${'*b,'.repeat(50)}]`);
  return Buffer.from(json());
}

function target(random: Random): string {
  let path = `/${random.pick(KINDS)}`;
  const choice = random.next();
  if (choice < 0.2)
    path += `/${random.pick(['a', 'p', '..', '%2e%2e', '%ff', '%00', 'ä', 'x'.repeat(300), ':::', ''])}`;
  else if (choice < 0.25) path = path.replaceAll('/', '//');
  else if (choice < 0.3) path = `/${random.bytes(random.below(20)).toString('hex')}`;
  const query = Array.from(
    { length: random.below(4) },
    () => `${random.pick(PARAMETERS)}=${encodeURIComponent(random.pick(VALUES))}`,
  );
  return query.length === 0 ? path : `${path}?${query.join('&')}`;
}

type Tally = Map<string, number>;
const count = (tally: Tally, what: string) => tally.set(what, (tally.get(what) ?? 0) + 1);

/** Requests over HTTP/2, a few hundred a second. */
async function fuzzRequests(server: LiveServer, random: Random, until: number, tally: Tally): Promise<void> {
  const config = server.config();
  const open = () => {
    const session = connectHttp2(config.server, {
      ca: config.caPem ?? '',
      cert: config.certPem ?? '',
      key: config.keyPem ?? '',
    });
    session.on('error', () => undefined);
    return session;
  };
  let session = open();
  while (performance.now() < until) {
    if (session.closed || session.destroyed) session = open();
    const nearly = random.next() < 0.15;
    const method = nearly ? 'POST' : random.pick(METHODS);
    const type = nearly ? 'application/json' : random.pick(TYPES);
    const path = nearly ? '/api/v1/namespaces/default/services' : target(random);
    const bytes = nearly
      ? Buffer.from(JSON.stringify(nearlyService(random)))
      : method === 'GET' || method === 'HEAD'
        ? undefined
        : body(random, type);
    const headers = {
      ':method': method,
      ':path': path,
      accept: random.pick(ACCEPTS),
      ...(type === '' ? {} : { 'content-type': type }),
      ...(random.next() < 0.05 ? { 'impersonate-user': random.pick(['x', 'ä', '']) } : {}),
      ...(random.next() < 0.05 ? { authorization: `Bearer ${random.bytes(30).toString('base64')}` } : {}),
      ...(random.next() < 0.05 ? { 'content-encoding': 'gzip' } : {}),
    };
    const outcome = await new Promise<string>((resolve) => {
      const stream = session.request(headers, { endStream: bytes === undefined });
      const limit = setTimeout(() => resolve('no answer'), ANSWER_WITHIN_MS);
      const done = (text: string) => {
        clearTimeout(limit);
        resolve(text);
      };
      let text = '';
      stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk.slice(0, 2000)));
      stream.on('error', (e) => done(`hung up: ${(e as NodeJS.ErrnoException).code ?? e.message}`));
      stream.on('response', (answer) => {
        const status = answer[':status'] ?? 0;
        // Watches and followed logs end when we do.
        if (path.includes('watch=') && status === 200) {
          stream.close();
          return done('200');
        }
        stream.on('end', () => done(status >= 500 ? `${status} ${text}` : String(status)));
        return undefined;
      });
      // Some go away in the middle.
      if (random.next() < 0.05) setTimeout(() => stream.close(), random.below(5));
      stream.on('close', () => done('closed'));
      if (bytes !== undefined) stream.end(bytes);
    });
    if (/^(no answer|500 )/.test(outcome)) {
      throw new Error(`${method} ${path} ${type} ${bytes?.toString('base64').slice(0, 3000) ?? ''}: ${outcome}`);
    }
    count(tally, /^\d/.test(outcome) ? outcome.slice(0, 3) : outcome);
  }
  session.destroy();
}

/** Bytes that are nearly HTTP/1.1, upgrades to WebSocket and SPDY with junk behind them, and plain noise. */
async function fuzzSockets(server: LiveServer, random: Random, until: number, tally: Tally): Promise<void> {
  const config = server.config();
  while (performance.now() < until) {
    const socket: TLSSocket = connectTls({
      host: '127.0.0.1',
      port: server.port,
      ca: config.caPem ?? '',
      ...(random.next() < 0.8 ? { cert: config.certPem ?? '', key: config.keyPem ?? '' } : {}),
      ALPNProtocols: random.pick([['http/1.1'], ['h2'], ['h2', 'http/1.1']]),
    });
    await new Promise<void>((resolve) => {
      let heard = '';
      const limit = setTimeout(() => socket.destroy(), 300);
      socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1').slice(0, 200)));
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearTimeout(limit);
        count(tally, `socket ${/^HTTP\/1.1 (\d+)/.exec(heard)?.[1] ?? 'silent'}`);
        if (heard.startsWith('HTTP/1.1 500')) tally.set('socket 500', 1);
        resolve();
      });
      socket.on('secureConnect', () => {
        for (const part of junk(random)) socket.write(part);
        if (random.next() < 0.3) socket.end();
      });
    });
  }
}

function junk(random: Random): Buffer[] {
  const command = random.pick([
    'exec?command=sh&stdin=true&tty=true',
    'attach?stdout=true',
    'portforward?ports=80',
    'log',
    'x',
  ]);
  const path = `/api/v1/namespaces/default/pods/${random.pick(['p', 'nope', '%ff'])}/${command}`;
  const upgrade = random.pick([
    'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v5.channel.k8s.io',
    'Upgrade: websocket\r\nSec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io',
    'Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io',
    'Upgrade: h2c',
  ]);
  const spdy = () =>
    Buffer.concat([
      Buffer.from('80030001000000', 'hex'),
      Buffer.from([random.below(40)]),
      deflateSync(random.bytes(30)),
    ]);
  switch (random.below(5)) {
    case 0:
      return [random.bytes(random.below(500))];
    case 1:
      return [
        Buffer.from(`GET ${path} HTTP/1.1\r\nHost: x\r\n${upgrade}\r\nConnection: Upgrade\r\n\r\n`),
        random.bytes(200),
      ];
    case 2:
      return [
        Buffer.from(`POST ${path} HTTP/1.1\r\nHost: x\r\n${upgrade}\r\nConnection: Upgrade\r\n\r\n`),
        spdy(),
        spdy(),
      ];
    case 3:
      return [Buffer.from(`POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"a":`)];
    default:
      return [
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        Buffer.concat([
          Buffer.from([0, 0, random.below(64), random.below(12), random.below(256), 0, 0, 0, random.below(8)]),
          random.bytes(64),
        ]),
      ];
  }
}

/** Deletes what the fuzzer made, so that what is left of its memory is a leak. */
async function sweep(server: LiveServer): Promise<void> {
  for (const kind of KINDS.filter((k) => k.endsWith('services') || k.endsWith('configmaps'))) {
    await server.call('DELETE', `/${kind}?labelSelector=fuzz`);
  }
}

test('the server outlives whatever it is sent', { timeout: (SECONDS + 60) * 1000 }, async (t) => {
  t.diagnostic(`FUZZ_SEED=${SEED}`);
  await using server = await startLiveServer({ history: { windowMs: 1000, minChanges: 100 } });
  const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  await server.call('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  assert.equal((await server.call('POST', '/api/v1/namespaces/default/pods', pod)).status, 201);

  const tally: Tally = new Map();
  const seeds = createRandom(SEED);
  const round = async (seconds: number): Promise<number> => {
    const until = performance.now() + seconds * 1000;
    await Promise.all([
      ...Array.from({ length: 3 }, () => fuzzRequests(server, createRandom(seeds.below(2 ** 31)), until, tally)),
      fuzzSockets(server, createRandom(seeds.below(2 ** 31)), until, tally),
    ]);
    await sweep(server);
    await sleep(300);
    return server.heapMegabytes();
  };
  // The first part fills caches and lets the code be compiled; what grows after that is a leak.
  const warm = await round(SECONDS * 0.4);
  const end = await round(SECONDS * 0.6);
  t.diagnostic(`${[...tally].map(([what, n]) => `${what}: ${n}`).join(', ')}`);
  t.diagnostic(`memory ${warm.toFixed(0)} → ${end.toFixed(0)} MB`);
  assert.ok(server.running(), 'the server ended');
  assert.equal(tally.get('socket 500'), undefined);
  const started = performance.now();
  assert.equal((await server.call('GET', '/readyz')).text, 'ok');
  assert.ok(performance.now() - started < 2000, 'slow to answer after the junk');
  assert.ok(end - warm < 20, `memory grew from ${warm} to ${end} MB`);
  assert.ok(
    (tally.get('201') ?? 0) + (tally.get('200') ?? 0) > 50,
    'nothing got through: the junk is too wild to prove anything',
  );
});
