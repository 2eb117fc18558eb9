// The stores themselves, below the API: durable writes, fan-out to watchers, a long list; and what our way to etcd costs
// against a client that sends ready-made bytes and looks at no answer.
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openEtcdStore, openSqliteStore, type Store } from '../../src/store/index.ts';
import { startEtcd } from '../../src/store/testing/etcd-cluster.ts';
import { median, quantile, report } from '../report.ts';

/** A Service with its managed fields is about this long. */
const VALUE = 'v'.repeat(1500);
const SERVICES = 10_000;
const WATCHERS = 100;
const WRITE_MS = 4000;

const put = (key: string, value = VALUE) => ({ type: 'put' as const, key, value });

/** Updates of keys of their own by `writers` at a time, each compared with the version before. */
async function writes(store: Store, engine: string, writers: number): Promise<void> {
  const times: number[] = [];
  const began = performance.now();
  async function writer(id: number): Promise<void> {
    let revision = 0;
    while (performance.now() - began < WRITE_MS) {
      const start = performance.now();
      const key = `/registry/bench/${engine}-${writers}-${id}`;
      const result = await store.commit([{ key, revision }], [put(key)]);
      if (!result.committed) throw new Error(`a write of ${key} lost against nobody`);
      revision = result.revision;
      times.push(performance.now() - start);
    }
  }
  await Promise.all(Array.from({ length: writers }, (_, id) => writer(id)));
  const perSecond = (times.length / (performance.now() - began)) * 1000;
  const latency = { 'p50 ms': median(times), 'p99 ms': quantile(times, 0.99) };
  report({ area: 'store', figure: 'durable writes', engine, writers, 'writes/s': perSecond, ...latency });
}

/** From the call of commit until the last of 100 watchers has the change; `watched` may be another server's store. */
async function fanOut(store: Store, watched: Store, engine: string): Promise<void> {
  const stop = new AbortController();
  const arrived = new Map<number, { left: number; done: () => void }>();
  const readers = Array.from({ length: WATCHERS }, async () => {
    const watch = watched.watch({ prefix: '/registry/fan/', after: watched.currentRevision }, stop.signal);
    for await (const batch of watch) {
      for (const { entry } of batch) {
        const waiting = arrived.get(Number(entry?.value.split(' ')[0]));
        if (waiting !== undefined && --waiting.left === 0) waiting.done();
      }
    }
  });
  const times: number[] = [];
  for (let n = 0; n < 300; n++) {
    const all = new Promise<void>((done) => arrived.set(n, { left: WATCHERS, done }));
    const start = performance.now();
    await store.commit([], [put('/registry/fan/x', `${n} ${VALUE}`)]);
    await all;
    times.push(performance.now() - start);
  }
  stop.abort();
  await Promise.all(readers);
  const figures = { 'p50 ms': median(times), 'p99 ms': quantile(times, 0.99) };
  report({ area: 'store', figure: 'write until 100 watchers have it', engine, ...figures });
}

async function list(store: Store, engine: string): Promise<void> {
  for (let n = 0; n < SERVICES; n += 100) {
    const ops = Array.from({ length: 100 }, (_, i) => put(`/registry/services/default/svc-${n + i}`));
    await store.commit([], ops);
  }
  const times: number[] = [];
  for (let i = 0; i < 30; i++) {
    const start = performance.now();
    const page = await store.list('/registry/services/');
    times.push(performance.now() - start);
    if (page.entries.length !== SERVICES) throw new Error(`${page.entries.length} services listed`);
  }
  const figures = { 'p50 ms': median(times), 'p99 ms': quantile(times, 0.99) };
  report({ area: 'store', figure: 'list of 10,000 services', engine, ...figures });
}

/** Field numbers of etcd's rpc.proto by hand: nothing of what is measured is used here. */
function field(number: number, content: Buffer | number): Buffer {
  const varint = (n: number): number[] => (n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))]);
  if (typeof content === 'number') return Buffer.from([number * 8, ...varint(content)]);
  return Buffer.concat([Buffer.from([number * 8 + 2, ...varint(content.length)]), content]);
}

function bareClient(address: string) {
  const session = http2.connect(`http://${address}`);
  const call = (method: string, message: Buffer) =>
    new Promise<void>((resolve, reject) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': `/etcdserverpb.KV/${method}`,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const header = Buffer.alloc(5);
      header.writeUInt32BE(message.length, 1);
      stream.on('error', reject);
      stream.on('trailers', (trailers) => {
        if (trailers['grpc-status'] !== '0') reject(new Error(`etcd: ${String(trailers['grpc-message'])}`));
      });
      stream.on('close', resolve);
      stream.resume();
      stream.end(Buffer.concat([header, message]));
    });
  const key = Buffer.from('/registry/bench/one');
  const rangeBytes = field(1, key);
  const putBytes = Buffer.concat([field(1, key), field(2, Buffer.from(VALUE))]);
  const txnBytes = field(2, field(2, putBytes));
  return { get: () => call('Range', rangeBytes), write: () => call('Txn', txnBytes), close: () => session.destroy() };
}

/** Rounds of ours and the bare client's in turn: what the machine does meanwhile hits both. */
async function overhead(figure: string, ours: () => Promise<unknown>, bare: () => Promise<unknown>): Promise<void> {
  const time = async (run: () => Promise<unknown>) => {
    const times: number[] = [];
    for (let i = 0; i < 60; i++) {
      const start = performance.now();
      await run();
      times.push(performance.now() - start);
    }
    return median(times);
  };
  await time(ours);
  await time(bare);
  const rounds: { ours: number; bare: number }[] = [];
  for (let i = 0; i < 15; i++) rounds.push({ ours: await time(ours), bare: await time(bare) });
  const ratio = median(rounds.map((r) => r.ours / r.bare));
  const times = { 'ours ms': median(rounds.map((r) => r.ours)), 'bare ms': median(rounds.map((r) => r.bare)) };
  report({ area: 'store', figure, engine: 'etcd', ratio, ...times });
}

const dir = mkdtempSync(path.join(tmpdir(), 'portico-bench-store-'));
const sqlite = openSqliteStore({ path: path.join(dir, 'store.db') });
await writes(sqlite, 'sqlite', 1);
await writes(sqlite, 'sqlite', 32);
await fanOut(sqlite, sqlite, 'sqlite');
await list(sqlite, 'sqlite');
await sqlite.close();
rmSync(dir, { recursive: true });

const cluster = await startEtcd();
const [store, other] = await Promise.all([openEtcdStore({ url: cluster.url }), openEtcdStore({ url: cluster.url })]);
await store.commit([], [put('/registry/bench/one')]);
const bare = bareClient(cluster.members[0]?.address ?? '');
await overhead('get against a bare client', () => store.get('/registry/bench/one'), bare.get);
await overhead('write against a bare client', () => store.commit([], [put('/registry/bench/one')]), bare.write);
await writes(store, 'etcd', 1);
await writes(store, 'etcd', 32);
await fanOut(store, other, 'etcd, watched on another server');
await list(store, 'etcd');
bare.close();
await Promise.all([store.close(), other.close()]);
await cluster.close();
