import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceUnavailable } from '../api/index.ts';
import { ManualClock } from '../clock/index.ts';
import { ConnectionError } from './connection-error.ts';
import { createWorkQueue } from './work-queue.ts';

const settle = async () => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
};

test('a key added often is worked on once, and once more when added meanwhile', async () => {
  const seen: string[] = [];
  let again = true;
  const queue = createWorkQueue({
    name: 'q',
    process: async (key) => {
      seen.push(key);
      if (key === 'a' && again) {
        again = false;
        queue.add('a');
        queue.add('a');
      }
    },
  });
  for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
  await queue.idle();
  assert.deepEqual(seen, ['a', 'b', 'a']);
  assert.equal(queue.size, 0);
});

test('workers run keys side by side, one key never twice at a time', async () => {
  const running = new Set<string>();
  let most = 0;
  let runs = 0;
  const queue = createWorkQueue({
    name: 'q',
    workers: 3,
    process: async (key) => {
      assert.ok(!running.has(key), `${key} is worked on twice at a time`);
      running.add(key);
      most = Math.max(most, running.size);
      if (++runs <= 6) queue.add(key);
      await new Promise((resolve) => setImmediate(resolve));
      running.delete(key);
    },
  });
  for (let i = 0; i < 6; i++) queue.add(`k${i}`);
  await queue.idle();
  assert.deepEqual([most, runs], [3, 12]);
});

test('a failing key comes back after growing waits; success forgets the failures', async () => {
  const clock = new ManualClock();
  const at: number[] = [];
  let failures = 3;
  const queue = createWorkQueue({
    name: 'q',
    clock,
    retryMs: { first: 10, longest: 25 },
    process: async () => {
      at.push(clock.now());
      if (failures-- > 0) throw new Error('no');
    },
  });
  queue.add('a');
  await settle();
  for (let ms = 0; ms < 100; ms++) {
    clock.advance(1);
    await settle();
  }
  assert.deepEqual(at, [0, 10, 30, 55]);
  failures = 1;
  queue.add('a');
  await settle();
  clock.advance(10);
  await settle();
  assert.deepEqual(at, [0, 10, 30, 55, 100, 110]);
});

for (const error of [new ConnectionError('away'), serviceUnavailable('etcd is away')]) {
  test(`while the server is away a key never waits for long: ${error.name}`, async () => {
    const clock = new ManualClock();
    let tries = 0;
    const queue = createWorkQueue({
      name: 'q',
      clock,
      process: async () => {
        tries++;
        throw error;
      },
    });
    queue.add('a');
    await settle();
    for (let ms = 0; ms < 60_000; ms += 500) {
      clock.advance(500);
      await settle();
    }
    assert.ok(tries > 30, `${tries} tries in a minute`);
    await queue.stop();
  });
}

test('of several delayed additions the earliest counts, and add() overtakes them', async () => {
  const clock = new ManualClock();
  const at: number[] = [];
  const queue = createWorkQueue({ name: 'q', clock, process: async () => void at.push(clock.now()) });
  queue.addAfter('a', 50);
  queue.addAfter('a', 20);
  queue.addAfter('a', 80);
  clock.advance(200);
  await settle();
  assert.deepEqual(at, [200]);
  queue.addAfter('a', 50);
  queue.add('a');
  await settle();
  clock.advance(100);
  await settle();
  assert.deepEqual(at, [200, 200]);
});

test('stop waits for running work and drops the rest', async () => {
  const done: string[] = [];
  const gate = Promise.withResolvers<void>();
  const queue = createWorkQueue({
    name: 'q',
    process: async (key) => {
      await gate.promise;
      done.push(key);
    },
  });
  queue.add('a');
  queue.add('b');
  await settle();
  const stopping = queue.stop();
  gate.resolve();
  await stopping;
  queue.add('c');
  await settle();
  assert.deepEqual(done, ['a']);
});
