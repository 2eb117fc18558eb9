import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatCidr, formatIp } from '../../ip/index.ts';
import { MessageWriter } from '../netlink/message.ts';
import {
  AF_BRIDGE,
  decodeAddress,
  decodeFdb,
  decodeNeighbor,
  decodeRoute,
  formatMac,
  NUD_PERMANENT,
  NTF_SELF,
  parseMac,
  routeDestination,
  writeAddress,
  writeNeighbor,
  writeRoute,
} from './codec.ts';
import type { RouteSpec } from './contract.ts';

const ipv4 = fc.bigInt(0n, 2n ** 32n - 1n).map((value) => formatIp({ family: 4, value }));
const ipv6 = fc.bigInt(0n, 2n ** 128n - 1n).map((value) => formatIp({ family: 6, value }));
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(formatMac);

function bytes(write: (w: MessageWriter) => void): Buffer {
  const w = new MessageWriter();
  write(w);
  return Buffer.from(w.bytes());
}

describe('rtnetlink bytes', () => {
  it('of addresses are read as written', () => {
    const address = fc.oneof(
      fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })),
      fc.tuple(ipv6, fc.integer({ min: 0, max: 128 })),
    );
    fc.assert(
      fc.property(address, fc.integer({ min: 1, max: 0xffff }), ([ip, prefix], index) => {
        const read = decodeAddress(bytes((w) => writeAddress(w, { index, address: `${ip}/${prefix}`, scope: 'link' })));
        assert.equal(read?.address, `${ip}/${prefix}`);
        assert.equal(read?.device, index);
        assert.equal(read?.scope, 'link');
      }),
    );
  });

  it('of routes are read as written', () => {
    const spec = fc.record<RouteSpec>(
      {
        destination: fc
          .tuple(ipv4, fc.integer({ min: 0, max: 32 }))
          .map(([ip, prefix]) => formatCidr(`${ip}/${prefix}`)),
        via: ipv4,
        source: ipv4,
        mtu: fc.integer({ min: 68, max: 65535 }),
        metric: fc.integer({ min: 1, max: 0x7fffffff }),
        table: fc.integer({ min: 1, max: 100_000 }),
        protocol: fc.integer({ min: 1, max: 255 }),
        onlink: fc.boolean(),
      },
      { requiredKeys: ['destination'] },
    );
    fc.assert(
      fc.property(spec, (route) => {
        const read = decodeRoute(bytes((w) => writeRoute(w, route, { index: 7, deletion: false })));
        assert.deepEqual(
          { ...read },
          {
            destination: route.destination,
            family: 4,
            type: 'unicast',
            table: route.table ?? 254,
            protocol: route.protocol ?? 4,
            scope: route.via === undefined ? 'link' : 'global',
            via: route.via,
            device: 7,
            onlink: route.onlink ?? false,
            source: route.source,
            metric: route.metric,
            mtu: route.mtu,
          },
        );
      }),
    );
  });

  it('of a deletion leave open what the spec leaves open', () => {
    const deletion = bytes((w) =>
      writeRoute(w, { destination: '10.0.0.0/8', mtu: 1400 }, { index: undefined, deletion: true }),
    );
    // rtmsg: protocol 0 and type 0 match any, scope 255 (nowhere) matches any.
    assert.deepEqual([...deletion.subarray(4, 8)], [254, 0, 255, 0]);
    assert.equal(decodeRoute(deletion)?.mtu, undefined);
  });

  it('carry an IPv4 route over an IPv6 next hop', () => {
    const route = { destination: '10.0.0.0/8', via: 'fe80::1' };
    assert.equal(decodeRoute(bytes((w) => writeRoute(w, route, { index: 1, deletion: false })))?.via, 'fe80::1');
  });

  it('of neighbours and forwarding entries are read as written', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), mac, (address, hardware) => {
        const family = address.includes(':') ? 10 : 2;
        const entry = { index: 3, state: NUD_PERMANENT, flags: 0, address, mac: hardware };
        assert.deepEqual(decodeNeighbor(bytes((w) => writeNeighbor(w, { ...entry, family }))), {
          device: 3,
          address,
          mac: hardware,
          state: 'permanent',
        });
        assert.deepEqual(decodeFdb(bytes((w) => writeNeighbor(w, { ...entry, family: AF_BRIDGE, flags: NTF_SELF }))), {
          device: 3,
          mac: hardware,
          destination: address,
          permanent: true,
        });
      }),
    );
  });
});

describe('routeDestination', () => {
  const cases: readonly [RouteSpec, string][] = [
    [{ destination: 'default' }, '0.0.0.0/0'],
    [{ destination: 'default', family: 6 }, '::/0'],
    [{ destination: 'default', via: 'fe80::1' }, '::/0'],
    [{ destination: 'default', via: '10.0.0.1' }, '0.0.0.0/0'],
    [{ destination: '10.244.1.2' }, '10.244.1.2/32'],
    [{ destination: 'fd00::2' }, 'fd00::2/128'],
    [{ destination: '10.244.1.7/24' }, '10.244.1.0/24'],
  ];
  for (const [route, expected] of cases) {
    it(`reads ${JSON.stringify(route)} as ${expected}`, () => {
      assert.equal(formatCidr(routeDestination(route)), expected);
    });
  }
});

it('parseMac() takes six bytes in hex and nothing else', () => {
  assert.deepEqual([...parseMac('0E:00:0a:f4:01:ff')], [14, 0, 10, 244, 1, 255]);
  for (const bad of ['', '0e:00:0a:f4:01', '0e-00-0a-f4-01-00', '0e:00:0a:f4:01:0g', '0e:00:0a:f4:01:00:00']) {
    assert.throws(() => parseMac(bad), RangeError);
  }
});
