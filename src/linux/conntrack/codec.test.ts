import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MessageWriter, parseAttributes } from '../netlink/message.ts';
import { decodeEntry, matchesFilter, writeEntryKey, writeFilter } from './codec.ts';
import type { ConntrackEntry, ConntrackFilter } from './contract.ts';

const entry: ConntrackEntry = {
  id: 0xdeadbeef,
  original: {
    family: 4,
    protocol: 'udp',
    source: '10.244.1.2',
    destination: '10.96.0.10',
    sourcePort: 4000,
    destinationPort: 53,
  },
  reply: {
    family: 4,
    protocol: 'udp',
    source: '10.244.2.3',
    destination: '10.244.1.2',
    sourcePort: 53,
    destinationPort: 4000,
  },
  status: ['confirmed', 'dnat'],
  tcpState: undefined,
  timeoutSeconds: 30,
  mark: 0,
  zone: 0,
};

function attributesOf(write: (w: MessageWriter) => void): Map<number, Buffer> {
  const w = new MessageWriter();
  write(w);
  return parseAttributes(Buffer.from(w.bytes()));
}

describe('conntrack bytes', () => {
  it('name an entry by its original tuple and its id', () => {
    const key = attributesOf((w) => writeEntryKey(w, entry));
    assert.equal(key.get(12)?.readUInt32BE(), 0xdeadbeef);
    // The same tuple in both directions makes an entry that can be read back.
    const w = new MessageWriter();
    w.u32(2);
    writeEntryKey(w, entry);
    const original = key.get(1) ?? Buffer.alloc(0);
    w.attr(2, original);
    assert.deepEqual(decodeEntry(Buffer.from(w.bytes()))?.original, entry.original);
  });

  it('tell the kernel which fields of a filter count', () => {
    const flags = (filter: ConntrackFilter) => {
      const nest = attributesOf((w) => writeFilter(w, filter)).get(25);
      if (nest === undefined) return undefined;
      const a = parseAttributes(nest);
      return [a.get(1)?.readUInt32LE(), a.get(2)?.readUInt32LE()];
    };
    assert.equal(flags({ family: 4 }), undefined);
    assert.deepEqual(flags({ protocol: 'udp' }), [8, 0]);
    assert.deepEqual(flags({ protocol: 'udp', destination: '10.96.0.10', destinationPort: 53 }), [2 | 8 | 32, 0]);
    assert.deepEqual(flags({ protocol: 'udp', replySource: '10.244.2.3' }), [8, 1 | 8]);
    // Without a protocol the kernel cannot read ports: they are compared here.
    assert.deepEqual(flags({ source: '10.0.0.1', sourcePort: 5 }), [1, 0]);
  });
});

describe('matchesFilter()', () => {
  const yes: readonly ConntrackFilter[] = [
    {},
    { family: 4 },
    { protocol: 'udp', destination: '10.96.0.10', destinationPort: 53 },
    { replySource: '10.244.2.3', replySourcePort: 53 },
    { source: '10.244.1.2', sourcePort: 4000 },
  ];
  const no: readonly ConntrackFilter[] = [
    { family: 6 },
    { protocol: 'tcp' },
    { destination: '10.96.0.11' },
    { destinationPort: 54 },
    { replySource: '10.96.0.10' },
    { sourcePort: 53 },
  ];
  for (const [filters, expected] of [
    [yes, true],
    [no, false],
  ] as const) {
    for (const filter of filters) {
      it(`${JSON.stringify(filter)} → ${expected}`, () => assert.equal(matchesFilter(entry, filter), expected));
    }
  }
});
