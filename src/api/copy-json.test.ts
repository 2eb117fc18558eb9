import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { copyJson } from './copy-json.ts';

void it('copyJson() gives an equal value that shares nothing', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const copy = copyJson(value);
      assert.deepEqual(copy, value);
      if (typeof value === 'object' && value !== null) assert.notEqual(copy, value);
    }),
  );
  const hostile = JSON.parse('{"__proto__":{"a":1}}') as object;
  assert.equal(JSON.stringify(copyJson(hostile)), '{"__proto__":{"a":1}}');
  assert.equal(Object.getPrototypeOf(copyJson(hostile)), Object.prototype);
});
