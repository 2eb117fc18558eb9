import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError, configMaps } from '../api/objects.ts';
import type { ConfigMap } from '../api/objects.ts';
import { ManualClock } from '../clock/index.ts';
import { createFakeClient } from './fake/fake-client.ts';
import { createInformer } from './informer.ts';

const map = (name: string, value = 'a') => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'x' },
  data: { value },
});
/** Lets everything that is ready run. */
const settle = async () => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};

function setUp() {
  const clock = new ManualClock(1_000_000);
  const client = createFakeClient(clock);
  const api = client.resource(configMaps);
  const start = (more: { pageSize?: number; silentAfterMs?: number } = {}) => {
    const informer = createInformer(client, configMaps, { clock, random: () => 0.5, ...more });
    const seen: string[] = [];
    let batches = 0;
    const say = (o: ConfigMap | undefined) => o?.data?.['value'] ?? '-';
    informer.onChange(({ key, before, after }) => seen.push(`${key} ${say(before)}>${say(after)}`));
    informer.onBatch(() => void batches++);
    return {
      informer,
      take: () => seen.splice(0),
      takeBatches: () => {
        const n = batches;
        batches = 0;
        return n;
      },
    };
  };
  return { clock, client, api, start };
}

test('an informer lists in pages, then follows the watch', async () => {
  const { api, start, client } = setUp();
  for (const name of ['a', 'b', 'c']) await api.create(map(name));
  let lists = 0;
  client.intercept = (verb) => {
    if (verb === 'list') lists++;
  };
  const { informer, take, takeBatches } = start({ pageSize: 2 });
  assert.equal(informer.hasSynced, false);
  await informer.synced();
  assert.equal(lists, 2);
  assert.deepEqual(take(), ['x/a ->a', 'x/b ->a', 'x/c ->a']);
  assert.equal(takeBatches(), 1);
  await settle();
  const b = await api.get('b', 'x');
  await api.update({ ...b, data: { value: 'z' } });
  await api.delete('c', { namespace: 'x' });
  await settle();
  assert.deepEqual(take(), ['x/b a>z', 'x/c a>-']);
  assert.equal(takeBatches(), 1, 'what arrives together is one batch');
  informer.stop();
});

test('after a cut watch an informer resumes from the last version without a list', async () => {
  const { api, client, start, clock } = setUp();
  const { informer, take } = start();
  await informer.synced();
  await settle();
  await api.create(map('a'));
  await settle();
  let lists = 0;
  client.intercept = (verb) => {
    if (verb === 'list') lists++;
  };
  client.cutWatches();
  await api.create(map('b'));
  await settle();
  clock.advance(100);
  await settle();
  assert.deepEqual(take(), ['x/a ->a', 'x/b ->a']);
  assert.equal(lists, 0);
  informer.stop();
});

test('after 410 an informer lists again and reports exactly the differences', async () => {
  const { api, client, start, clock } = setUp();
  for (const name of ['same', 'changed', 'gone', 'replaced']) await api.create(map(name));
  const { informer, take } = start();
  await informer.synced();
  await settle();
  take();
  client.intercept = (verb) => {
    if (verb === 'watch') throw new Error('down');
  };
  client.cutWatches();
  await settle();
  const changed = await api.get('changed', 'x');
  await api.update({ ...changed, data: { value: 'b' } });
  await api.delete('gone', { namespace: 'x' });
  await api.delete('replaced', { namespace: 'x' });
  await api.create(map('replaced', 'new'));
  await api.create(map('added'));
  client.compact();
  client.intercept = () => undefined;
  for (let i = 0; i < 5; i++) {
    clock.advance(1000);
    await settle();
  }
  assert.deepEqual(take().toSorted(), [
    'x/added ->a',
    'x/changed a>b',
    'x/gone a>-',
    'x/replaced ->new',
    'x/replaced a>-',
  ]);
  informer.stop();
});

test('an informer waits longer and longer while the list fails, then goes on', async () => {
  const { api, client, start, clock } = setUp();
  await api.create(map('a'));
  let lists = 0;
  client.intercept = (verb) => {
    if (verb !== 'list') return;
    lists++;
    if (lists <= 3) throw new StatusError(503, 'ServiceUnavailable', 'starting');
  };
  const { informer, take } = start();
  await settle();
  const after: number[] = [];
  for (const ms of [49, 1, 99, 1, 199, 1]) {
    clock.advance(ms);
    await settle();
    after.push(lists);
  }
  assert.deepEqual(after, [1, 2, 2, 3, 3, 4], 'waits of 50, 100 and 200 ms');
  assert.deepEqual(take(), ['x/a ->a']);
  informer.stop();
});

test('a silent watch is opened again', async () => {
  const { api, client, start, clock } = setUp();
  const { informer, take } = start({ silentAfterMs: 90_000 });
  await informer.synced();
  await settle();
  let watches = 0;
  client.intercept = (verb) => {
    if (verb === 'watch') watches++;
  };
  clock.advance(60_000);
  await api.create(map('a'));
  await settle();
  assert.equal(informer.idleMs, 0);
  clock.advance(89_000);
  await settle();
  assert.equal(watches, 0, 'a sign of life restarts the wait');
  assert.equal(informer.idleMs, 89_000);
  clock.advance(1000);
  await settle();
  clock.advance(100);
  await settle();
  assert.equal(watches, 1);
  await api.create(map('b'));
  await settle();
  assert.deepEqual(take(), ['x/a ->a', 'x/b ->a']);
  informer.stop();
});

test('a throwing handler does not keep others from their changes', async () => {
  const { api, client, clock } = setUp();
  await api.create(map('a'));
  const lines: string[] = [];
  const { createLogger } = await import('../log/index.ts');
  const log = createLogger({ write: (line) => void lines.push(line) });
  const informer = createInformer(client, configMaps, { clock, log });
  const seen: string[] = [];
  informer.onChange(() => {
    throw new Error('mine');
  });
  informer.onChange(({ key }) => void seen.push(key));
  await informer.synced();
  assert.deepEqual(seen, ['x/a']);
  assert.match(lines.join(''), /mine/);
  informer.stop();
});

test('transform decides what is kept', async () => {
  const { api, client, clock } = setUp();
  await api.create(map('a', 'kept'));
  const informer = createInformer(client, configMaps, { clock, transform: (o) => o.data?.['value'] ?? '' });
  await informer.synced();
  assert.deepEqual([...informer.items], [['x/a', 'kept']]);
  informer.stop();
});

test('each page of a list is trimmed before the next is asked for, and told when the list is whole', async () => {
  const { api, client, clock } = setUp();
  for (const name of ['a', 'b', 'c', 'd', 'e']) await api.create(map(name, name));
  const trimmedBeforeList: number[] = [];
  const kept: string[] = [];
  client.intercept = (verb) => {
    if (verb === 'list') trimmedBeforeList.push(kept.length);
    if (trimmedBeforeList.length === 3 && verb === 'list') throw new Error('cut off');
  };
  const transform = (o: ConfigMap) => {
    kept.push(o.metadata.name);
    return o.metadata.name;
  };
  const informer = createInformer(client, configMaps, { clock, random: () => 0.5, transform, pageSize: 2 });
  await settle();
  assert.deepEqual(trimmedBeforeList, [0, 2, 4]);
  assert.equal(informer.items.size, 0, 'half a list says nothing');
  client.intercept = () => undefined;
  clock.advance(50);
  await informer.synced();
  assert.deepEqual([...informer.items.values()], ['a', 'b', 'c', 'd', 'e']);
  informer.stop();
});

test('synced() can be given up', async () => {
  const { client, clock } = setUp();
  client.intercept = () => {
    throw new Error('down');
  };
  const informer = createInformer(client, configMaps, { clock });
  const impatient = new AbortController();
  const waiting = informer.synced(impatient.signal);
  impatient.abort(new Error('too long'));
  await assert.rejects(waiting, /too long/);
  informer.stop();
});

test('whatever happens to the server, an informer ends with exactly its state and has told every change', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = randomOf(seed);
    const { api, client, clock } = setUp();
    const informer = createInformer(client, configMaps, { clock, random, pageSize: 3 });
    const told = new Map<string, string>();
    informer.onChange(({ key, before, after }) => {
      assert.equal(
        before?.data?.['value'],
        told.get(key),
        `seed ${seed}: a change that does not follow the one before`,
      );
      if (after === undefined) told.delete(key);
      else told.set(key, after.data?.['value'] ?? '');
    });
    let down = false;
    client.intercept = (verb) => {
      if (down && (verb === 'list' || verb === 'watch')) throw new Error('down');
    };
    for (let i = 0; i < 120; i++) {
      const name = `m${Math.floor(random() * 12)}`;
      const existing = client.find(configMaps, `x/${name}`);
      const dice = random();
      if (dice < 0.1) client.cutWatches();
      else if (dice < 0.15) client.compact();
      else if (dice < 0.25) down = !down;
      else if (dice < 0.35) clock.advance(500);
      else if (existing === undefined) await api.create(map(name, `${i}`));
      else if (dice < 0.6) await api.delete(name, { namespace: 'x' });
      else await api.update({ ...existing, data: { value: `${i}` } });
      if (random() < 0.3) await settle();
    }
    down = false;
    for (let i = 0; i < 10; i++) {
      await settle();
      clock.advance(10_000);
    }
    const state = client.objects(configMaps).map((o) => [`x/${o.metadata.name}`, o.data?.['value'] ?? ''] as const);
    assert.deepEqual(told, new Map(state), `seed ${seed}`);
    assert.deepEqual(new Set(informer.items.keys()), new Set(state.map(([key]) => key)));
    informer.stop();
  }
});

/** A small generator with a seed, so that a failure can be repeated. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
