import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextAddress } from './address-pool.ts';

test('nextAddress() starts after the network address', () => {
  assert.equal(nextAddress('10.244.1.0/24', new Set()), '10.244.1.1');
  assert.equal(nextAddress('fd00:10:244:1::/64', new Set()), 'fd00:10:244:1::1');
});

test('nextAddress() goes round, so that an address given back comes last', () => {
  assert.equal(nextAddress('10.244.1.0/24', new Set(), '10.244.1.7'), '10.244.1.8');
  assert.equal(nextAddress('10.244.1.0/24', new Set(['10.244.1.8']), '10.244.1.7'), '10.244.1.9');
  assert.equal(nextAddress('10.244.1.0/24', new Set(), '10.244.1.254'), '10.244.1.1');
  assert.equal(nextAddress('10.244.1.0/24', new Set(), '10.9.9.9'), '10.244.1.1');
});

test('nextAddress() gives every address but the first and the last, then none', () => {
  const used = new Set<string>();
  let last: string | undefined;
  for (;;) {
    const ip = nextAddress('10.0.0.0/28', used, last);
    if (ip === undefined) break;
    assert.ok(!used.has(ip));
    used.add(ip);
    last = ip;
  }
  assert.equal(used.size, 14);
  assert.ok(!used.has('10.0.0.0') && !used.has('10.0.0.15'));
  used.delete('10.0.0.3');
  assert.equal(nextAddress('10.0.0.0/28', used, last), '10.0.0.3');
  assert.equal(nextAddress('10.0.0.0/31', new Set()), undefined);
});
