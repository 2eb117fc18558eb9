// The pure half of the nft room: text, its inverse, and bytes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseAttributes, parseMessages } from '../netlink/message.ts';
import type { NftElement, NftOperation, NftRule, NftSet } from './contract.ts';
import { DATA_TYPES, encodeInterval } from './data-types.ts';
import { encodeBatch, operationOf } from './encode-batch.ts';
import { parseRule, RuleSyntaxError, ruleFromText } from './parse-rule.ts';
import { ruleText } from './render.ts';
import { everything } from './testdata/everything.ts';
import { NftTransaction } from './transaction.ts';

const place = { family: 'ip', table: 'portico', chain: 'c' } as const;
const endpoints: NftSet = {
  kind: 'set',
  family: 'ip',
  table: 'portico',
  name: 'endpoints',
  key: { typeof: ['ip daddr', { numgen: 'random', mod: 65536 }] },
  data: { typeof: ['ip daddr', 'th dport'] },
};

function rulesOf(operations: readonly NftOperation[]): NftRule[] {
  return operations.flatMap((o) => ('object' in o && o.object.kind === 'rule' ? [o.object] : []));
}

describe('NftTransaction.text()', () => {
  it('is what nft -f reads, one line an operation', () => {
    const tx = new NftTransaction()
      .add({ kind: 'table', family: 'ip', name: 'portico', comment: 'x' })
      .add({
        kind: 'chain',
        family: 'ip',
        table: 'portico',
        name: 'c',
        base: { type: 'nat', hook: 'prerouting', priority: -100 },
      })
      .add(endpoints)
      .add({ kind: 'rule', ...place, statements: [{ match: 'ct state', value: 'new' }, { jump: 'x' }], comment: 'why' })
      .addElements(endpoints, [{ key: ['10.96.0.10', 0], data: ['10.244.0.5', 8080], comment: 'a' }])
      .deleteElements(endpoints, [{ key: '10.96.0.10 . 0', data: '10.244.0.5 . 8080' }])
      .addElements(endpoints, [])
      .flush({ kind: 'chain', family: 'ip', table: 'portico', name: 'c' })
      .delete({ kind: 'rule-ref', ...place, handle: 7n });
    assert.deepEqual(tx.text().split('\n'), [
      'add table ip portico { comment "x" ; }',
      'add chain ip portico c { type nat hook prerouting priority -100 ; }',
      'add map ip portico endpoints { typeof ip daddr . numgen random mod 65536 : ip daddr . th dport ; }',
      'add rule ip portico c ct state new jump x comment "why"',
      'add element ip portico endpoints { 10.96.0.10 . 0 comment "a" : 10.244.0.5 . 8080 }',
      'delete element ip portico endpoints { 10.96.0.10 . 0 }',
      'flush chain ip portico c',
      'delete rule ip portico c handle 7',
      '',
    ]);
  });

  it('refuses what nft cannot quote', () => {
    const tx = new NftTransaction().add({ kind: 'table', family: 'ip', name: 'x', comment: 'a"b' });
    assert.throws(() => tx.text(), /cannot quote/);
  });
});

describe('parseRule()', () => {
  for (const { name, transaction } of everything()) {
    const sets = new Map(
      transaction.operations.flatMap((o) =>
        'object' in o && o.object.kind === 'set' ? [[o.object.name, o.object] as const] : [],
      ),
    );
    it(`is the inverse of ruleText() for ${name}`, () => {
      for (const rule of rulesOf(transaction.operations)) {
        const text = ruleText(rule);
        const again = ruleFromText(text, { family: rule.family, table: rule.table, chain: rule.chain }, sets);
        assert.equal(ruleText(again), text);
        const bytes = (r: NftRule) =>
          encodeBatch([{ verb: 'add', object: r }], { firstSequence: 1 }).bytes.toString('hex');
        assert.equal(bytes(again), bytes(rule), text);
      }
    });
  }

  it('reads the spellings people write', () => {
    const same: readonly [string, string][] = [
      [
        'mark and 0x4000 != 0 mark set mark xor 0x4000',
        'meta mark & 0x00004000 != 0x00000000 meta mark set meta mark ^ 0x00004000',
      ],
      ['meta mark set mark or 16384', 'meta mark set meta mark | 0x00004000'],
      ['counter packets 5 bytes 300 accept', 'counter accept'],
      ['update @a { ip saddr timeout 1h30m }', 'update @a { ip saddr timeout 5400s }'],
      ['ip saddr == 10.0.0.1 drop', 'ip saddr 10.0.0.1 drop'],
      ['reject with icmp host-unreachable', 'reject with icmp type host-unreachable'],
    ];
    for (const [written, printed] of same) {
      assert.equal(ruleText(ruleFromText(written, place)), printed);
    }
  });

  it('says where it stops understanding', () => {
    const cases: readonly [string, RegExp][] = [
      ['', /expected a statement, found its end/],
      ['ip daddr', /expected a text, found its end/],
      ['quota over 5 bytes drop', /expected a statement, found "quota"/],
      ['ip daddr 10.0.0.1 jump', /expected the name of a chain, found its end/],
      ['dnat to ip daddr map @unknown', /the map @unknown is not known/],
      ['reject with icmp type strange', /expected one of port-unreachable/],
      ['tcp dport set 5', /only meta mark, ct mark and meta nftrace can be set/],
      ['numgen random mod x vmap @y', /expected a number, found "x"/],
    ];
    for (const [text, message] of cases) {
      assert.throws(
        () => parseRule(text, { family: 'ip' }),
        (error) => error instanceof RuleSyntaxError && message.test(error.message),
        text,
      );
    }
  });
});

describe('encodeBatch()', () => {
  it('frames every operation between begin and end, and asks for one acknowledgement', () => {
    const set: NftSet = { kind: 'set', family: 'ip', table: 't', name: 's', key: { type: ['ipv4_addr'] } };
    const many = Array.from({ length: 5000 }, (_, i): NftElement => ({ key: [`10.0.${i >> 8}.${i & 255}`] }));
    const tx = new NftTransaction().add({ kind: 'table', family: 'ip', name: 't' }).add(set).addElements(set, many);
    const batch = encodeBatch(tx.operations, { firstSequence: 100 });
    const messages = [...parseMessages(batch.bytes)];
    assert.equal(messages[0]?.type, 0x10);
    assert.equal(messages.at(-1)?.type, 0x11);
    assert.deepEqual(
      messages.map((m) => m.sequence),
      messages.map((_, i) => 100 + i),
    );
    assert.deepEqual(
      messages.filter((m) => (m.flags & 4) !== 0).map((m) => m.sequence),
      [batch.last],
    );
    // 5,000 elements of 16 bytes and more need several messages, all of them of operation 2.
    assert.ok(messages.length > 5);
    assert.deepEqual(
      messages.slice(1, -1).map((m) => operationOf(batch, m.sequence)),
      messages.slice(1, -1).map((_, i) => Math.min(i, 2)),
    );
    for (const m of messages) assert.ok(m.payload.length < 0x10000);
    const elements = messages
      .filter((m) => m.type === 0x0a0c)
      .flatMap((m) => {
        const list = parseAttributes(m.payload.subarray(4)).get(3) ?? Buffer.alloc(0);
        return list.length;
      });
    assert.equal(
      elements.reduce((sum, n) => sum + n, 0),
      5000 * 16,
    );
  });

  it('leaves out the end to check only', () => {
    const tx = new NftTransaction().add({ kind: 'table', family: 'ip', name: 't' });
    const types = [...parseMessages(encodeBatch(tx.operations, { firstSequence: 1, check: true }).bytes)].map(
      (m) => m.type,
    );
    assert.deepEqual(types, [0x10, 0x0a00]);
  });
});

describe('data types', () => {
  it('print what they read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (n) => {
        const text = `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
        const bytes = Buffer.alloc(4);
        DATA_TYPES.ipv4_addr.encode(text, bytes, 0);
        assert.equal(bytes.readUInt32BE(), n);
        assert.equal(DATA_TYPES.ipv4_addr.format(bytes), text);
      }),
    );
    for (const [type, text] of [
      ['ipv6_addr', 'fd00::1'],
      ['ether_addr', '0e:00:0a:f4:01:00'],
      ['inet_proto', 'tcp'],
      ['inet_proto', '99'],
      ['inet_service', '65535'],
      ['mark', '0x00004000'],
      ['ifname', 'eth0'],
      ['integer', '7'],
    ] as const) {
      const bytes = Buffer.alloc(DATA_TYPES[type].bytes);
      DATA_TYPES[type].encode(text, bytes, 0);
      assert.equal(DATA_TYPES[type].format(bytes), text);
    }
  });

  it('refuse what they do not have', () => {
    const bytes = Buffer.alloc(16);
    const bad: readonly [keyof typeof DATA_TYPES, string | number][] = [
      ['ipv4_addr', '10.0.0'],
      ['ipv4_addr', '10.0.0.0.1'],
      ['ipv4_addr', '1000.0.0.1'],
      ['ipv4_addr', 'fd00::1'],
      ['ipv4_addr', 5],
      ['ipv6_addr', '10.0.0.1'],
      ['inet_service', 65536],
      ['inet_service', -1],
      ['inet_service', '80x'],
      ['mark', 2 ** 32],
      ['ifname', 'a-name-that-is-too-long'],
      ['ct_state', 'fresh'],
      ['ether_addr', '0e:00'],
    ];
    for (const [type, value] of bad)
      assert.throws(() => DATA_TYPES[type].encode(value, bytes, 0), RangeError, `${type} ${value}`);
  });

  it('know the ends of prefixes and ranges', () => {
    const ends = (type: 'ipv4_addr' | 'ipv6_addr' | 'inet_service', value: string) => {
      const { first, last } = encodeInterval(DATA_TYPES[type], value);
      return [DATA_TYPES[type].format(first), DATA_TYPES[type].format(last)];
    };
    assert.deepEqual(ends('ipv4_addr', '10.1.2.3/8'), ['10.0.0.0', '10.255.255.255']);
    assert.deepEqual(ends('ipv4_addr', '0.0.0.0/0'), ['0.0.0.0', '255.255.255.255']);
    assert.deepEqual(ends('ipv6_addr', 'fd00::/120'), ['fd00::', 'fd00::ff']);
    assert.deepEqual(ends('inet_service', '80-90'), ['80', '90']);
    assert.throws(() => ends('inet_service', '90-80'), /runs backwards/);
    assert.throws(() => ends('ipv4_addr', 'fd00::/8'), /is not a prefix here/);
  });
});
