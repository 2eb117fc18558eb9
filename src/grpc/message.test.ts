import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { field, messageType, WireError } from './index.ts';

const inner = messageType({ name: field.string(1), size: field.int53(2) });
const everything = messageType({
  text: field.string(1),
  data: field.bytes(2),
  flag: field.bool(3),
  small: field.int32(4),
  big: field.int64(5),
  huge: field.uint64(6),
  safe: field.int53(7),
  ratio: field.double(8),
  inner: field.message(9, inner),
  maybe: field.optional(field.string(10)),
  words: field.list(field.string(11)),
  numbers: field.list(field.int32(12)),
  inners: field.list(field.message(13, inner)),
  labels: field.map(14, field.string),
  parts: field.map(15, (n) => field.message(n, inner)),
  short: field.uint32(16),
  far: field.string(536_870_911),
});

const oracle = protobuf
  .parse(`
  syntax = "proto3";
  message Inner { string name = 1; int64 size = 2; }
  message Everything {
    string text = 1; bytes data = 2; bool flag = 3; int32 small = 4; int64 big = 5; uint64 huge = 6; int64 safe = 7;
    double ratio = 8; Inner inner = 9; optional string maybe = 10; repeated string words = 11;
    repeated int32 numbers = 12; repeated Inner inners = 13; map<string, string> labels = 14;
    map<string, Inner> parts = 15; uint32 short = 16; string far = 536870911;
  }`)
  .root.lookupType('Everything');

const innerValue = fc.record({
  name: fc.string({ unit: 'binary' }),
  size: fc.maxSafeInteger(),
});
const key = fc.string().filter((k) => k !== '__proto__');
const values = fc.record({
  text: fc.string({ unit: 'binary' }),
  data: fc.uint8Array({ maxLength: 200 }),
  flag: fc.boolean(),
  small: fc.integer(),
  big: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  huge: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  safe: fc.maxSafeInteger(),
  ratio: fc.double({ noNaN: true }).map((n) => n + 0),
  inner: fc.option(innerValue, { nil: undefined }),
  maybe: fc.option(fc.string(), { nil: undefined }),
  words: fc.array(fc.string()),
  numbers: fc.array(fc.integer()),
  inners: fc.array(innerValue),
  labels: fc.dictionary(key, fc.string()),
  parts: fc.dictionary(key, innerValue),
  short: fc.nat({ max: 0xff_ff_ff_ff }),
  far: fc.string(),
});

/** Without prototypes and typed arrays, so that values of two decoders compare. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, v: unknown) =>
      typeof v === 'bigint' ? String(v) : v instanceof Uint8Array ? Buffer.from(v).toString('hex') : v,
    ),
  );

test('what is encoded decodes to the same value', () => {
  fc.assert(
    fc.property(values, (value) => {
      assert.deepEqual(plain(everything.decode(everything.encode(value))), plain(value));
    }),
  );
});

test('protobufjs reads what we write, and we read what protobufjs writes', () => {
  fc.assert(
    fc.property(values, (value) => {
      const bytes = everything.encode(value);
      const theirs = oracle.encode(oracle.decode(bytes)).finish();
      assert.deepEqual(plain(everything.decode(new Uint8Array(theirs))), plain(value));
      const read = oracle.toObject(oracle.decode(bytes), { longs: String, defaults: true }) as Record<string, unknown>;
      assert.equal(read['big'], String(value.big));
      assert.equal(read['huge'], String(value.huge));
      assert.equal(read['small'], value.small);
      assert.equal(read['text'], Buffer.from(value.text).toString());
      assert.deepEqual(read['numbers'], value.numbers);
    }),
  );
});

test('zero values are not written, members of a oneof are', () => {
  assert.equal(everything.encode({ text: '', flag: false, small: 0, big: 0n, words: [], labels: {} }).length, 0);
  assert.equal(everything.decode(everything.encode({ maybe: '' })).maybe, '');
  assert.equal(everything.decode(new Uint8Array()).maybe, undefined);
});

test('unknown fields are skipped', () => {
  const wide = messageType({ name: field.string(1), other: field.message(5, inner), size: field.int53(2) });
  const bytes = wide.encode({ name: 'a', other: { name: 'x', size: 3 }, size: 7 });
  assert.deepEqual(inner.decode(bytes), { name: 'a', size: 7 });
});

test('a key named __proto__ is a key like any other', () => {
  const labels = everything.decode(everything.encode({ labels: Object.fromEntries([['__proto__', 'x']]) })).labels;
  assert.deepEqual(Object.keys(labels), ['__proto__']);
});

test('malformed bytes give a WireError and nothing else', () => {
  const whole = everything.encode({ text: 'abc', inner: { name: 'n', size: 5 }, ratio: 1.5, labels: { a: 'b' } });
  for (let cut = 1; cut < whole.length; cut++) {
    try {
      everything.decode(whole.subarray(0, cut));
    } catch (e) {
      assert.ok(e instanceof WireError, String(e));
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        everything.decode(bytes);
      } catch (e) {
        assert.ok(e instanceof WireError, String(e));
      }
    }),
  );
  assert.throws(() => inner.decode(Buffer.from([0x10, ...Array<number>(9).fill(0xff), 0x01, 0x00])), WireError);
  assert.throws(() => inner.decode(Buffer.from('10ffffffffffffff7f', 'hex')), /53 bits/);
});
