import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { attributeList, attributeText, MessageWriter, parseAttributes, parseMessages } from './message.ts';

describe('MessageWriter', () => {
  it('writes the same bytes whatever the size it starts with', () => {
    // Growth happens in the middle of every kind of write for one of these sizes.
    const write = (size: number) => {
      const w = new MessageWriter(size);
      const start = w.begin(20, 1, 7);
      w.u8(1)
        .u8(2)
        .u16(3)
        .u32(4)
        .raw(Buffer.of(9, 9, 9, 9));
      w.attrU8(1, 5).attrU16(2, 6).attrU32(3, 7).attrU16be(4, 8).attrU32be(5, 9).attrU64be(6, 10n);
      w.attrText(7, 'eth0')
        .attr(8, Buffer.of(1, 2, 3))
        .flag(9);
      const nest = w.nest(10);
      w.attrU8(1, 1);
      w.endNest(nest);
      w.end(start);
      return w.bytes().toString('hex');
    };
    const expected = write(4096);
    for (let size = 16; size < expected.length / 2; size++) assert.equal(write(size), expected, `from ${size} bytes`);
  });

  it('refuses what one attribute cannot hold', () => {
    const w = new MessageWriter();
    assert.throws(() => w.attr(1, Buffer.alloc(70_000)), /would have 70000 bytes/);
    const nest = w.nest(1);
    for (let i = 0; i < 20; i++) w.attr(2, Buffer.alloc(4000));
    assert.throws(() => w.endNest(nest), /nested netlink attribute/);
  });
});

describe('parseMessages and parseAttributes', () => {
  it('read what was written', () => {
    const attribute = fc.tuple(fc.integer({ min: 1, max: 0x3fff }), fc.uint8Array({ maxLength: 40 }));
    const message = fc.record({
      type: fc.integer({ min: 16, max: 0xffff }),
      sequence: fc.nat(),
      attributes: fc.array(attribute),
    });
    fc.assert(
      fc.property(fc.array(message, { minLength: 1 }), (messages) => {
        const w = new MessageWriter(16);
        for (const m of messages) {
          const start = w.begin(m.type, 5, m.sequence);
          for (const [type, value] of m.attributes) w.attr(type, value);
          w.end(start);
        }
        const read = [...parseMessages(w.bytes())].map((m) => ({
          type: m.type,
          sequence: m.sequence,
          attributes: [...attributeList(m.payload)].map(([type, value]) => [type, [...value]]),
        }));
        const written = messages.map((m) => ({
          type: m.type,
          sequence: m.sequence,
          attributes: m.attributes.map(([type, value]) => [type, [...value]]),
        }));
        assert.deepEqual(read, written);
      }),
    );
  });

  it('survive any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        for (const m of parseMessages(buffer)) assert.ok(m.payload.length <= buffer.length);
        for (const value of parseAttributes(buffer).values()) assert.ok(value.length <= buffer.length);
      }),
    );
  });

  it('read texts up to their NUL', () => {
    assert.equal(attributeText(Buffer.from('lo\0\0')), 'lo');
    assert.equal(attributeText(Buffer.from('lo')), 'lo');
    assert.equal(attributeText(undefined), undefined);
  });
});
