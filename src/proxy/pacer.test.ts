import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../clock/index.ts';
import { createPacer } from './pacer.ts';

const settle = () => new Promise((r) => setImmediate(r));

function paced(pauseMs: number, run: () => Promise<void>) {
  const clock = new ManualClock();
  const options = { clock, pauseMs: () => pauseMs, longestIdleMs: 10_000, firstRetryMs: 50, longestRetryMs: 200 };
  return { clock, pacer: createPacer(run, options) };
}

test('the first change runs at once, those that follow run together', async () => {
  let runs = 0;
  const { clock, pacer } = paced(100, async () => void runs++);
  pacer.request();
  assert.equal(runs, 1);
  await settle();
  for (let i = 0; i < 10; i++) pacer.request();
  clock.advance(99);
  assert.equal(runs, 1);
  clock.advance(1);
  await settle();
  assert.equal(runs, 2);
  clock.advance(9_999);
  await settle();
  assert.equal(runs, 2);
  clock.advance(1);
  assert.equal(runs, 3, 'unasked after the longest idle time');
});

test('a request during a run leads to another one', async () => {
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  const { clock, pacer } = paced(10, () => {
    runs++;
    return runs === 1 ? gate.promise : Promise.resolve();
  });
  pacer.request();
  pacer.request();
  assert.equal(runs, 1);
  gate.resolve();
  await settle();
  clock.advance(10);
  assert.equal(runs, 2);
});

test('failures are tried again, later and later; success ends that', async () => {
  let runs = 0;
  let broken = true;
  const { clock, pacer } = paced(1, () => {
    runs++;
    return broken ? Promise.reject(new Error('no')) : Promise.resolve();
  });
  pacer.request();
  await settle();
  for (const wait of [50, 100, 200, 200]) {
    const before = runs;
    clock.advance(wait - 1);
    await settle();
    assert.equal(runs, before, `not before ${wait} ms`);
    clock.advance(1);
    await settle();
    assert.equal(runs, before + 1, `after ${wait} ms`);
  }
  broken = false;
  clock.advance(200);
  await settle();
  const before = runs;
  clock.advance(5000);
  await settle();
  assert.equal(runs, before);
  await pacer.stop();
  pacer.request();
  clock.advance(100_000);
  assert.equal(runs, before, 'nothing runs after stop');
});
