import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CidrAllocator } from './cidr-allocator.ts';

test('parts are handed out from the lowest, and come back', () => {
  const a = new CidrAllocator('10.244.0.0/22', 24);
  assert.equal(a.occupy('10.244.1.0/24'), true);
  assert.deepEqual(
    [a.allocate(), a.allocate(), a.allocate(), a.allocate()],
    ['10.244.0.0/24', '10.244.2.0/24', '10.244.3.0/24', undefined],
  );
  a.release('10.244.2.0/24');
  assert.equal(a.allocate(), '10.244.2.0/24');
});

test('a part of another size takes all that it touches; one from outside takes nothing', () => {
  const a = new CidrAllocator('10.244.0.0/22', 24);
  assert.equal(a.occupy('10.244.0.0/23'), true);
  assert.equal(a.occupy('10.244.2.128/25'), true);
  assert.equal(a.occupy('10.245.0.0/24'), false);
  assert.equal(a.allocate(), '10.244.3.0/24');
  assert.equal(new CidrAllocator('fd00:10:244::/56', 64).allocate(), 'fd00:10:244::/64');
});

test('sizes that cannot be are refused with the reason', () => {
  assert.throws(() => new CidrAllocator('10.244.0.0/24', 16), /cannot be a \/16/);
  assert.throws(() => new CidrAllocator('fd00::/32', 64), /0 to 16 bits longer/);
  assert.throws(() => new CidrAllocator('nonsense', 24), /is no CIDR/);
});
