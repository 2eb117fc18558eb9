import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ManualClock } from '../clock/index.ts';
import { ConnectionError } from './connection-error.ts';
import { createFailoverTransport } from './failover-transport.ts';
import type { RawWatchEvent, Transport, TransportRequest } from './transport.ts';

const OK = { status: 200, headers: {}, body: 'ok' };
const turns = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

/** Servers whose life and death the test decides, and what was asked of each. */
function cluster(...names: string[]) {
  const state = new Map(names.map((name) => [name, 'ready' as 'ready' | 'dead' | 'frozen' | 'unready']));
  const asked: string[] = [];
  const moves: string[] = [];
  const open = (server: string): Transport => {
    const closing = new AbortController();
    const until = (signal: AbortSignal | undefined) =>
      new Promise<never>((_, reject) => {
        const fail = () => reject(new ConnectionError(`${server}: cut`));
        for (const s of [closing.signal, ...(signal === undefined ? [] : [signal])]) {
          if (s.aborted) fail();
          s.addEventListener('abort', fail);
        }
      });
    const arrive = async ({ method, path, signal }: TransportRequest) => {
      const now = state.get(server);
      if (now === 'dead' || now === undefined) throw new ConnectionError(`${server}: connect ECONNREFUSED`);
      if (now === 'frozen') await until(signal);
      if (path === '/readyz') return now === 'unready' ? { ...OK, status: 500 } : OK;
      asked.push(`${server} ${method}`);
      return { ...OK, body: server };
    };
    return {
      send: arrive,
      async watch(request) {
        const response = await arrive(request);
        const events = async function* (): AsyncGenerator<RawWatchEvent> {
          yield { type: 'BOOKMARK', object: server };
          await until(request.signal);
        };
        return { response, events: events() };
      },
      close: () => closing.abort(),
    };
  };
  const clock = new ManualClock();
  const transport = createFailoverTransport({
    servers: () => [...state.keys()],
    open,
    clock,
    onServer: (server) => moves.push(server),
  });
  const get = async () => (await transport.send({ method: 'GET', path: '/x' })).body;
  return { state, asked, moves, clock, transport, get };
}

test('the first server is asked as long as it lives', async () => {
  const { get, asked, moves, transport } = cluster('a', 'b');
  await get();
  assert.equal(await get(), 'a');
  assert.deepEqual([asked, moves], [['a GET', 'a GET'], []]);
  transport.close();
});

test('a read at a dead server is answered by the next that is ready; who was left is not asked again', async () => {
  const { get, state, moves, transport } = cluster('a', 'b', 'c', 'd');
  state.set('a', 'dead').set('b', 'dead').set('c', 'unready');
  assert.equal(await get(), 'd');
  state.set('a', 'ready');
  assert.equal(await get(), 'd');
  state.set('d', 'dead');
  assert.equal(await get(), 'a');
  assert.deepEqual(moves, ['d', 'a']);
  transport.close();
});

test('a write is never repeated unseen; the next one goes to the next server', async () => {
  const { transport, state, asked } = cluster('a', 'b');
  state.set('a', 'dead');
  const write = () => transport.send({ method: 'POST', path: '/x' });
  await assert.rejects(write(), /ECONNREFUSED/);
  assert.deepEqual(asked, []);
  await write();
  assert.deepEqual(asked, ['b POST']);
  transport.close();
});

test('with every server away the failure is the caller’s, and the first to come back is taken', async () => {
  const { get, state, transport } = cluster('a', 'b');
  state.set('a', 'dead').set('b', 'dead');
  await assert.rejects(get(), /a: connect ECONNREFUSED/);
  state.set('b', 'ready');
  assert.equal(await get(), 'b');
  transport.close();
});

for (const fate of ['frozen', 'unready'] as const) {
  test(`a watch at a server that is ${fate} breaks within seconds and goes on at the next`, async () => {
    const { transport, state, clock, moves } = cluster('a', 'b');
    const open = async () => {
      const { events } = await transport.watch({ method: 'GET', path: '/watch' });
      const stream = events?.[Symbol.asyncIterator]();
      assert.ok(stream);
      return { first: (await stream.next()).value as RawWatchEvent, next: stream.next() };
    };
    const at = await open();
    assert.equal(at.first.object, 'a');
    let broken = false;
    at.next.catch(() => (broken = true));
    const pass = async (ms: number) => {
      for (let i = 0; i < ms / 500; i++) {
        clock.advance(500);
        await turns();
      }
    };
    await pass(20_000);
    assert.deepEqual([broken, moves], [false, []], 'a server that answers is kept');
    state.set('a', fate);
    await pass(8000);
    assert.deepEqual([broken, moves], [true, ['b']]);
    const again = await open();
    assert.equal(again.first.object, 'b');
    again.next.catch(() => undefined);
    transport.close();
  });
}

test('nobody is asked for a sign of life while nothing is open', async () => {
  const { get, state, clock, moves, transport } = cluster('a', 'b');
  await get();
  state.set('a', 'dead');
  clock.advance(60_000);
  await turns();
  assert.deepEqual(moves, []);
  transport.close();
});
