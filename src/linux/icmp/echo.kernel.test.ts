import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, test } from 'node:test';

import { createNetns, deleteNetns } from '../netns/netns.ts';
import { openRtnl } from '../rtnetlink/rtnl.ts';
import { writeSysctl } from '../sysctl/sysctl.ts';
import { echo } from './echo.ts';

const [a, b] = ['a', 'b'].map((end) => `test-${process.pid}-echo-${end}`) as [string, string];
const ADDRESSES = { [a]: ['192.0.2.1/24', 'fd00:2::1/64'], [b]: ['192.0.2.2/24', 'fd00:2::2/64'] };

before(() => {
  for (const netns of [a, b]) createNetns(netns);
  const rtnl = openRtnl(a);
  rtnl.addLink({ kind: 'veth', name: 'eth0', mtu: 1500, peer: { name: 'eth0', netns: b } });
  rtnl.close();
  for (const [netns, addresses] of Object.entries(ADDRESSES)) {
    writeSysctl(netns, 'net.ipv6.conf.eth0.accept_dad', '0');
    const end = openRtnl(netns);
    for (const address of addresses) end.addAddress('eth0', address);
    end.setLink('eth0', { up: true });
    end.close();
  }
});
after(() => {
  for (const netns of [a, b]) deleteNetns(netns);
});

const ask = (to: string, more: { bytes?: number; from?: string; timeoutMs?: number } = {}) =>
  echo({ netns: a, to, timeoutMs: 3000, ...more });

for (const [family, from, to, nobody] of [
  ['IPv4', '192.0.2.1', '192.0.2.2', '192.0.2.99'],
  ['IPv6', 'fd00:2::1', 'fd00:2::2', 'fd00:2::99'],
] as const) {
  test(`${family}: a reply comes, also to a packet as large as the link takes; to no larger one, and from nobody none`, async () => {
    assert.equal(await ask(to), true);
    assert.equal(await ask(to, { from, bytes: 1500 }), true);
    assert.equal(await ask(to, { bytes: 1501 }), false);
    assert.equal(await ask(to, { from: family === 'IPv4' ? '192.0.2.7' : 'fd00:2::7' }), false);
    const many = await Promise.all([ask(to), ask(nobody, { timeoutMs: 300 }), ask(to)]);
    assert.deepEqual(many, [true, false, true]);
  });
}

test('an address without a route is out of reach, not an error', async () => {
  assert.equal(await ask('198.51.100.1'), false);
});
