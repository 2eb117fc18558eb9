import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import {
  addressOfReverseName,
  closestZone,
  DnsWireError,
  formatAddress,
  formatName,
  isBelow,
  joinLabels,
  lowerName,
  nameLabels,
  packAddress,
  parentName,
  parseName,
  reverseName,
  ROOT,
} from './index.ts';

test('a name of any bytes survives its text form', () => {
  const label = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((b) => Buffer.from(b).toString('latin1'));
  fc.assert(
    fc.property(fc.array(label, { maxLength: 6 }), (labels) => {
      const name = joinLabels(labels, ROOT);
      assert.equal(parseName(formatName(name)), name);
      assert.deepEqual(nameLabels(name), labels);
    }),
  );
});

test('parseName() accepts and refuses', () => {
  const rows: [string, string | undefined][] = [
    ['.', '.'],
    ['', '.'],
    ['a', 'a.'],
    ['a.b.', 'a.b.'],
    ['a\\.b.c', 'a\\.b.c.'],
    ['a\\065', 'aA.'],
    ['_http._tcp.x', '_http._tcp.x.'],
    ['a..b', undefined],
    ['.a', undefined],
    ['a\\', undefined],
    ['a\\999', undefined],
    [`${'x'.repeat(63)}.y`, `${'x'.repeat(63)}.y.`],
    [`${'x'.repeat(64)}.y`, undefined],
    [Array.from({ length: 5 }, () => 'x'.repeat(50)).join('.'), undefined],
    ['bücher.example', undefined],
  ];
  for (const [text, want] of rows) {
    if (want === undefined) assert.throws(() => parseName(text.replace('ü', 'ǖ')), DnsWireError, text);
    else assert.equal(formatName(parseName(text)), want);
  }
});

test('case folding touches ASCII letters only', () => {
  assert.equal(lowerName(parseName('AbC.DE')), parseName('abc.de'));
  const odd = joinLabels(['\xc0\xdeA'], ROOT);
  assert.deepEqual(nameLabels(lowerName(odd)), ['\xc0\xdea']);
});

test('isBelow() compares whole labels', () => {
  const zone = parseName('cluster.local');
  for (const [name, want] of [
    ['cluster.local', true],
    ['a.cluster.local', true],
    ['xcluster.local', false],
    ['local', false],
    ['cluster.local.x', false],
  ] as const)
    assert.equal(isBelow(parseName(name), zone), want, name);
  // A label that only looks like the zone: its bytes contain the length bytes.
  assert.equal(isBelow(joinLabels(['x\x07cluster', 'local'], ROOT), zone), false);
  const zones = new Set([parseName('cluster.local'), parseName('local')]);
  assert.equal(closestZone(parseName('a.cluster.local'), zones), zone);
  assert.equal(closestZone(parseName('b.local'), zones), parseName('local'));
  assert.equal(closestZone(parseName('org'), zones), undefined);
  assert.equal(parentName(parseName('a.b')), parseName('b'));
});

test('addresses and reverse names agree with ipaddr.js', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.ipV4(), fc.ipV6()).filter((t) => !/^::\d+\./.test(t)),
      (text) => {
        const packed = packAddress(text);
        assert.ok(packed !== undefined);
        assert.deepEqual([...Buffer.from(packed, 'latin1')], ipaddr.parse(text).toByteArray());
        assert.equal(packAddress(formatAddress(packed)), packed);
        assert.equal(addressOfReverseName(reverseName(packed)), packed);
        // ipaddr.js takes `::1.2.3.4` for a mapped address (filtered above) and writes IPv4-mapped addresses in hex.
        if (isIPv6(text) && !formatAddress(packed).includes('.'))
          assert.equal(formatAddress(packed), ipaddr.parse(text).toString());
      },
    ),
  );
  assert.equal(formatName(reverseName(packAddress('10.96.0.1') ?? '')), '1.0.96.10.in-addr.arpa.');
  for (const text of ['1.2.3', '1.2.3.4.5', 'fe80::1%eth0', '::g', ''])
    assert.equal(packAddress(text), undefined, text);
  for (const text of ['1.2.3.in-addr.arpa', 'a.3.2.1.in-addr.arpa', '1.ip6.arpa', 'arpa'])
    assert.equal(addressOfReverseName(parseName(text)), undefined, text);
});
