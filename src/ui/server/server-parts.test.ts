import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KeptCaptures } from './kept-captures.ts';
import { parseTraceOrder } from './trace-order.ts';

test('KeptCaptures drops the oldest when full', () => {
  const kept = new KeptCaptures(2);
  const ids = [1, 2, 3].map((n) => kept.keep(Uint8Array.of(n)));
  assert.equal(kept.get(ids[0] ?? ''), undefined);
  assert.deepEqual(kept.get(ids[1] ?? ''), Uint8Array.of(2));
  assert.deepEqual(kept.get(ids[2] ?? ''), Uint8Array.of(3));
});

test('parseTraceOrder() reads what the page sends', () => {
  assert.deepEqual(
    parseTraceOrder('{"from":"default/a","to":"web:80","protocol":"udp","count":5,"timeoutSeconds":9,"more":1}'),
    {
      from: 'default/a',
      to: 'web:80',
      protocol: 'udp',
      count: 5,
      timeoutSeconds: 9,
    },
  );
});

for (const [body, message] of [
  ['', /not JSON/],
  ['null', /not a JSON object/],
  ['{"from":"a"}', /both from and to/],
  ['{"from":1,"to":"b"}', /from is no text/],
  ['{"from":"a","to":""}', /to is no text/],
  ['{"from":"a","to":"b","protocol":"sctp"}', /choose tcp or udp/],
  ['{"from":"a","to":"b","count":0}', /count is no whole number/],
  ['{"from":"a","to":"b","timeoutSeconds":1.5}', /timeoutSeconds is no whole number from 1 to 30/],
] as const) {
  test(`parseTraceOrder() refuses ${body || 'nothing'}`, () => {
    assert.throws(() => parseTraceOrder(body), { name: 'UserError', message });
  });
}
