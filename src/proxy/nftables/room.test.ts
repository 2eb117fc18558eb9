// Which sets get a size, and how much.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NftOp } from './objects.ts';
import { withRoom } from './room.ts';

const sizes = (...counts: number[]): (number | undefined)[] => {
  const elements = (n: number) => Array.from({ length: n }, (_, i) => ({ key: String(i) }));
  const ops: NftOp[] = [
    { op: 'add-set', set: { name: 'a', key: ['addr'] } },
    ...counts.map((n): NftOp => ({ op: 'add-elements', set: 'a', elements: elements(n) })),
  ];
  const out = withRoom(ops);
  assert.deepEqual(out.slice(1), ops.slice(1), 'the elements stay as they are');
  return out.flatMap((o) => (o.op === 'add-set' ? [o.set.size] : []));
};

test('withRoom() gives sets that are filled with many elements twice to four times of what they need', () => {
  assert.deepEqual(sizes(), [undefined]);
  assert.deepEqual(sizes(8191), [undefined]);
  assert.deepEqual(sizes(8192), [16_384]);
  assert.deepEqual(sizes(8000, 193), [32_768]);
});
