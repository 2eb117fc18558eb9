// Which addresses take node ports.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyConfigOf } from './config.ts';
import type { Family } from './contract.ts';
import { hasLocalhostNodePorts, nodePortAddresses, ownAddresses } from './node-addresses.ts';

const NODE = ['172.31.0.11', 'fd00::11', '172.31.0.12'];
const DEVICES = ['127.0.0.1', '172.31.0.11', '172.30.0.11', '10.244.1.1', '::1', 'fd00::11', 'fe80::1', 'FD00:1::1'];

const CASES: readonly (readonly [Family, readonly string[], 'all' | 'primary', readonly string[] | undefined])[] = [
  ['IPv4', [], 'all', undefined],
  ['IPv4', [], 'primary', ['172.31.0.11']],
  ['IPv6', [], 'primary', ['fd00::11']],
  ['IPv4', ['primary'], 'all', ['172.31.0.11']],
  ['IPv6', ['primary'], 'all', ['fd00::11']],
  ['IPv4', ['0.0.0.0/0'], 'primary', undefined],
  ['IPv4', ['172.31.0.0/16', '172.30.0.0/16'], 'all', ['172.30.0.11', '172.31.0.11']],
  ['IPv4', ['127.0.0.0/8'], 'all', ['127.0.0.1']],
  ['IPv4', ['192.0.2.0/24'], 'all', []],
  // CIDRs of the other family alone leave this one as it would be without any: all, also in nftables mode.
  ['IPv6', ['172.31.0.0/16'], 'all', undefined],
  ['IPv4', ['fd00::/16'], 'primary', undefined],
  ['IPv6', ['fd00::/16', '172.31.0.0/16'], 'all', ['fd00:1::1', 'fd00::11']],
  ['IPv6', ['::/0'], 'all', undefined],
];

for (const [family, wanted, whenEmpty, expected] of CASES) {
  test(`${family} node ports on [${wanted.join(' ')}], empty means ${whenEmpty}`, () => {
    const found = nodePortAddresses({ family, wanted, whenEmpty, nodeIps: NODE }, () => DEVICES);
    assert.deepEqual(found, expected);
  });
}

test('a Node without an address has no primary one', () => {
  assert.deepEqual(
    nodePortAddresses({ family: 'IPv4', wanted: ['primary'], whenEmpty: 'all', nodeIps: [] }, () => DEVICES),
    [],
  );
});

test('bindAddress comes before the addresses of the Node', () => {
  assert.deepEqual(ownAddresses('0.0.0.0', NODE), NODE);
  assert.deepEqual(ownAddresses('::', NODE), NODE);
  assert.deepEqual(ownAddresses('192.0.2.7', NODE), ['192.0.2.7', ...NODE]);
});

test('localhost node ports need the wish and addresses that hold 127.0.0.1', () => {
  const has = (nodePorts: readonly string[], localhostNodePorts = true) =>
    hasLocalhostNodePorts(proxyConfigOf({ nodePortAddresses: nodePorts, iptables: { localhostNodePorts } }));
  assert.deepEqual(
    [[], ['127.0.0.0/8'], ['127.0.0.5/32'], ['0.0.0.0/0'], ['fd00::/16'], ['172.31.0.0/16'], ['primary']].map((c) =>
      has(c),
    ),
    [true, true, true, true, true, false, false],
  );
  assert.equal(has([], false), false);
});
