import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Store } from '../contract.ts';
import { createMemoryStore } from '../memory/memory-store.ts';
import { checkSame, copyStore, fillStore } from './copy-store.ts';
import { parseSnapshot, snapshotText } from './snapshot.ts';

const put = (key: string, value: string) => ({ type: 'put' as const, key, value });

async function filled(): Promise<Store> {
  const store = createMemoryStore();
  for (let i = 0; i < 1234; i++) await store.commit([], [put(`/registry/a/${i}`, `{"n":${i},"t":"ü\\n€"}`)]);
  await store.commit([], [put('/registry/b/big', 'x'.repeat(900_000)), put('/registry/b/big2', 'y'.repeat(900_000))]);
  await store.commit([], [put('/registry/masterleases/192.0.2.1:1', '{}')]);
  return store;
}

async function textOf(store: Store): Promise<string> {
  let text = '';
  for await (const chunk of snapshotText(store)) text += chunk;
  return text;
}

it('a copy holds the same keys and values, and says so', async () => {
  const source = await filled();
  const target = createMemoryStore();
  const { count } = await copyStore(source, target);
  assert.equal(count, 1236);
  assert.equal((await target.get('/registry/a/77'))?.value, '{"n":77,"t":"ü\\n€"}');
  assert.equal(await target.get('/registry/masterleases/192.0.2.1:1'), undefined);
  await assert.rejects(copyStore(source, target), /not empty \(it has \/registry\/a\/0 and 1235 more\)/);
});

it('a snapshot shows one revision, whatever is written meanwhile, and comes back whole', async () => {
  const source = await filled();
  let text = '';
  let n = 0;
  for await (const chunk of snapshotText(source)) {
    text += chunk;
    // Keys before and behind the place where the reader stands.
    await source.commit([], [put('/registry/a/0', `late ${n}`), put(`/registry/z/${n++}`, 'late')]);
  }
  assert.ok(n > 2);
  assert.ok(!text.includes('late'));
  const { entries, summary } = parseSnapshot(text, 'file');
  const target = createMemoryStore();
  checkSame(summary, await fillStore(target, entries));
  assert.equal(summary.count, 1236);
});

it('a snapshot that was cut or changed is refused', async () => {
  const text = await textOf(await filled());
  const lines = text.split('\n');
  for (const broken of [
    text.slice(0, text.length / 2),
    lines.filter((_, i) => i !== 5).join('\n'),
    lines.slice(0, -2).join('\n'),
    text.replace('"n\\":7,', '"n\\":8,'),
    '',
    'hello',
    '{}\n{}\n',
  ]) {
    assert.throws(() => parseSnapshot(broken, 'file'), /file cannot be restored/);
  }
});
