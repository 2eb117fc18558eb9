import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import type { Ip } from './index.ts';
import {
  InvalidIpError,
  addressOffset,
  broadcastAddress,
  canonicalIp,
  cidrAddresses,
  cidrContains,
  cidrOf,
  cidrSize,
  cidrsOverlap,
  compareIps,
  formatCidr,
  formatIp,
  ipFamily,
  ipFromBytes,
  ipOfReverseName,
  ipToBytes,
  isIpv4,
  isIpv6,
  joinHostPort,
  nthAddress,
  nthSubnet,
  parseCidr,
  parseIp,
  reverseName,
  splitHostPort,
  subnetCount,
} from './index.ts';

const anyIp = fc.oneof(
  fc.bigInt(0n, 2n ** 32n - 1n).map((value): Ip => ({ family: 4, value })),
  fc.bigInt(0n, 2n ** 128n - 1n).map((value): Ip => ({ family: 6, value })),
  // Addresses with many zero groups: random 128-bit numbers almost never need "::".
  fc
    .array(fc.constantFrom(0n, 0n, 1n, 0xffffn), { minLength: 8, maxLength: 8 })
    .map((groups): Ip => ({ family: 6, value: groups.reduce<bigint>((sum, g) => (sum << 16n) | g, 0n) })),
);
const anyCidr = anyIp.chain((ip) =>
  fc.integer({ min: 0, max: ip.family === 4 ? 32 : 128 }).map((prefix) => cidrOf(ip, prefix)),
);

describe('parseIp and formatIp', () => {
  const cases: readonly [text: string, strict: string | undefined, lenient?: string][] = [
    ['10.0.0.1', '10.0.0.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['010.0.0.1', undefined, '10.0.0.1'],
    ['192.168.000.010', undefined, '192.168.0.10'],
    ['256.0.0.1', undefined],
    ['1.2.3', undefined],
    ['1.2.3.4.5', undefined],
    ['1..2.3', undefined],
    ['1.2.3.', undefined],
    ['', undefined],
    [' 1.2.3.4', undefined],
    ['1.2.3.4 ', undefined],
    ['0x1.2.3.4', undefined],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8::00Ff', '2001:db8::ff'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:a00:1', '::ffff:10.0.0.1', '10.0.0.1'],
    ['64:ff9b::10.0.0.1', '64:ff9b::a00:1'],
    ['::ffff:10.0.0.01', undefined, '10.0.0.1'],
    ['1:2:3:4:5:6:7', undefined],
    ['1:2:3:4:5:6:7:8:9', undefined],
    ['1:2:3:4:5:6:7::8', undefined],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['1::2::3', undefined],
    [':::', undefined],
    [':1', undefined],
    ['12345::', undefined],
    ['fe80::1%eth0', undefined],
    ['::1.2.3', undefined],
    ['1.2.3.4::', undefined],
    ['g::', undefined],
  ];
  for (const [text, strict, lenient] of cases) {
    it(`reads ${JSON.stringify(text)} as ${strict}`, () => {
      assert.equal(canonicalIp(text), strict);
      assert.equal(canonicalIp(text, { lenient: true }), lenient ?? strict);
    });
  }

  it('round-trips every address through text and bytes', () => {
    fc.assert(
      fc.property(anyIp, (ip) => {
        assert.deepEqual(parseIp(formatIp(ip)), ip);
        assert.deepEqual(ipFromBytes(ipToBytes(ip)), ip);
        assert.deepEqual(ipOfReverseName(reverseName(ip)), ip);
      }),
    );
  });

  it('agrees with ipaddr.js on text and number', () => {
    fc.assert(
      fc.property(anyIp, (ip) => {
        const theirs = ipaddr.parse(formatIp(ip));
        assert.deepEqual([...ipToBytes(ip)], theirs.toByteArray());
        // ipaddr.js writes IPv4-mapped addresses in hex groups.
        if (ip.family === 4 || ip.value >> 32n !== 0xffffn) {
          assert.equal(formatIp(ip), theirs instanceof ipaddr.IPv6 ? theirs.toRFC5952String() : theirs.toString());
        }
      }),
    );
  });

  it('never accepts an IPv6 text that ipaddr.js refuses', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f:.]{1,24}$/), (text) => {
        const ours = parseIp(text);
        if (ours?.family === 6) assert.deepEqual([...ipToBytes(ours)], ipaddr.IPv6.parse(text).toByteArray());
      }),
    );
  });

  it('tells the families apart and orders them', () => {
    assert.equal(isIpv6('::1'), true);
    assert.equal(isIpv6('10.0.0.1'), false);
    assert.equal(isIpv6('name'), false);
    assert.equal(isIpv4('10.0.0.1'), true);
    assert.equal(ipFamily('fd00::1'), 'IPv6');
    assert.deepEqual(['::1', '10.0.0.2', '10.0.0.10'].sort(compareIps), ['10.0.0.2', '10.0.0.10', '::1']);
    assert.throws(() => ipFamily('pod'), InvalidIpError);
  });
});

describe('joinHostPort', () => {
  it('brackets IPv6 only', () => {
    assert.equal(joinHostPort('10.0.0.1', 80), '10.0.0.1:80');
    assert.equal(joinHostPort('fd00::1', 80), '[fd00::1]:80');
    assert.equal(joinHostPort('web.default', '80'), 'web.default:80');
  });
  it('is undone by splitHostPort', () => {
    for (const host of ['10.0.0.1', 'fd00::1', 'web.default']) {
      assert.deepEqual(splitHostPort(joinHostPort(host, 8080)), { host, port: 8080 });
    }
    for (const bad of ['10.0.0.1', 'fd00::1:80', '[::1]', '[::1]:', 'a:65536', 'a:-1']) {
      assert.equal(splitHostPort(bad), undefined);
    }
  });
});

describe('parseCidr', () => {
  const cases: readonly [text: string, canonical: string | undefined][] = [
    ['10.244.1.7/24', '10.244.1.0/24'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['10.0.0.1/32', '10.0.0.1/32'],
    ['fd00:10:244::9/64', 'fd00:10:244::/64'],
    ['::/0', '::/0'],
    ['10.0.0.0/33', undefined],
    ['::/129', undefined],
    ['10.0.0.0/', undefined],
    ['10.0.0.0/08', undefined],
    ['10.0.0.0/-1', undefined],
    ['10.0.0.0', undefined],
    ['x/8', undefined],
  ];
  for (const [text, canonical] of cases) {
    it(`reads ${text} as ${canonical}`, () => {
      const cidr = parseCidr(text);
      assert.equal(cidr && formatCidr(cidr), canonical);
    });
  }
  it('keeps the address as written', () => {
    assert.equal(parseCidr('10.0.0.7/24')?.address, 0x0a000007n);
  });
});

describe('prefix arithmetic', () => {
  it('contains exactly the addresses between first and last', () => {
    fc.assert(
      fc.property(anyCidr, fc.bigInt(-3n, 3n), (cidr, delta) => {
        const first = nthAddress(cidr, 0);
        const last = nthAddress(cidr, -1);
        assert.equal(last.value - first.value + 1n, cidrSize(cidr));
        for (const edge of [first.value + delta, last.value + delta]) {
          if (edge < 0n || edge >> BigInt(cidr.family === 4 ? 32 : 128) !== 0n) continue;
          const inside = edge >= first.value && edge <= last.value;
          assert.equal(cidrContains(cidr, { family: cidr.family, value: edge }), inside);
        }
      }),
    );
  });

  it('agrees with ipaddr.js on membership', () => {
    fc.assert(
      fc.property(anyCidr, anyIp, (cidr, ip) => {
        if (cidr.family !== ip.family) {
          assert.equal(cidrContains(cidr, ip), false);
          return;
        }
        const network = ipaddr.parse(formatIp({ family: cidr.family, value: cidr.network }));
        const theirs = ipaddr.parse(formatIp(ip));
        const expected =
          theirs instanceof ipaddr.IPv6
            ? theirs.match(network as ipaddr.IPv6, cidr.prefix)
            : theirs.match(network as ipaddr.IPv4, cidr.prefix);
        assert.equal(cidrContains(cidr, ip), expected);
      }),
    );
  });

  it('overlaps when one holds the start of the other', () => {
    assert.equal(cidrsOverlap('10.0.0.0/8', '10.244.0.0/16'), true);
    assert.equal(cidrsOverlap('10.244.0.0/16', '10.0.0.0/8'), true);
    assert.equal(cidrsOverlap('10.244.0.0/24', '10.244.1.0/24'), false);
    assert.equal(cidrsOverlap('0.0.0.0/0', '::/0'), false);
    fc.assert(
      fc.property(anyCidr, anyCidr, (a, b) => {
        const holds = cidrContains(a, nthAddress(b, 0)) || cidrContains(b, nthAddress(a, 0));
        assert.equal(cidrsOverlap(a, b), holds);
        assert.equal(cidrsOverlap(b, a), holds);
      }),
    );
  });

  it('counts addresses and subnets', () => {
    assert.equal(formatIp(nthAddress('10.96.0.0/12', 10)), '10.96.0.10');
    assert.equal(formatIp(nthAddress('10.96.0.0/12', -1)), '10.111.255.255');
    assert.equal(formatIp(nthAddress('fd00::/64', 2n ** 64n - 1n)), 'fd00::ffff:ffff:ffff:ffff');
    assert.throws(() => nthAddress('10.0.0.0/30', 4), /10\.0\.0\.0\/30 has 4 addresses/);
    assert.throws(() => nthAddress('10.0.0.0/30', -5), InvalidIpError);
    assert.equal(formatCidr(nthSubnet('10.244.0.0/16', 24, 2)), '10.244.2.0/24');
    assert.equal(formatCidr(nthSubnet('fd00:10:244::/56', 64, 255)), 'fd00:10:244:ff::/64');
    assert.equal(subnetCount('10.244.0.0/16', 24), 256n);
    assert.throws(() => nthSubnet('10.244.0.0/16', 24, 256), /256 subnets of 24 bits/);
    assert.throws(() => subnetCount('10.244.0.0/16', 8), InvalidIpError);
    assert.equal(addressOffset('10.96.0.0/12', '10.96.1.0'), 256n);
    assert.throws(() => addressOffset('10.96.0.0/12', '10.0.0.1'), /10\.0\.0\.1 is not in 10\.96\.0\.0\/12/);
    assert.deepEqual([...cidrAddresses('10.0.0.4/30')].map(formatIp), ['10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.7']);
    assert.equal(formatIp(broadcastAddress('10.0.0.0/24') ?? ''), '10.0.0.255');
    assert.equal(broadcastAddress('10.0.0.0/31'), undefined);
  });
});

describe('reverse names', () => {
  it('writes and reads both trees', () => {
    assert.equal(reverseName('10.96.0.1'), '1.0.96.10.in-addr.arpa.');
    assert.equal(reverseName('fd00::1'), '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.');
    assert.equal(formatIp(ipOfReverseName('1.0.96.10.IN-ADDR.ARPA') ?? ''), '10.96.0.1');
  });
  it('refuses partial and foreign names', () => {
    for (const name of [
      '0.96.10.in-addr.arpa.',
      'example.com.',
      '1.ip6.arpa.',
      'in-addr.arpa.',
      'x.0.96.10.in-addr.arpa.',
    ]) {
      assert.equal(ipOfReverseName(name), undefined);
    }
  });
});
