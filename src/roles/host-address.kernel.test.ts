// The address by which a host is known follows the kernel: a namespace with a link to a server, readdressed.
import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { createNetns, deleteNetns, openRtnl } from '../linux/index.ts';
import { followHostAddress } from './host-address.ts';

const [HOST, SERVER] = ['host', 'server'].map((n) => `test-${process.pid}-address-${n}`) as [string, string];

test('the address that leads to the server is found, and followed when it changes', async () => {
  for (const netns of [HOST, SERVER]) createNetns(netns);
  const [host, server] = [openRtnl(HOST), openRtnl(SERVER)];
  try {
    server.addLink({ kind: 'veth', name: 'eth0', peer: { name: 'ens3', netns: HOST } });
    server.addAddress('eth0', '198.51.100.1/24');
    server.setLink('eth0', { up: true });
    host.addAddress('ens3', '198.51.100.2/24');
    host.setLink('ens3', { up: true });

    const changes: (readonly string[])[] = [];
    const follow = (given: readonly string[]) =>
      followHostAddress({
        given,
        last: ['203.0.113.9'],
        server: 'https://198.51.100.1:6443',
        onChange: (ips) => changes.push(ips),
        netns: HOST,
      });
    const followed = await follow([]);
    const fixed = await follow(['198.51.100.2']);
    assert.deepEqual(followed.ips(), ['198.51.100.2']);
    assert.equal(followed.uplink, 'ens3');

    host.deleteAddress('ens3', '198.51.100.2/24');
    host.addAddress('ens3', '198.51.100.3/24');
    for (let i = 0; i < 100 && changes.length === 0; i++) await sleep(50);
    assert.deepEqual(changes, [['198.51.100.3']]);
    assert.deepEqual(followed.ips(), ['198.51.100.3']);
    assert.deepEqual(fixed.ips(), ['198.51.100.2'], 'what a user gave is not changed');
    followed.stop();
    fixed.stop();

    // No way to the server: what was known last.
    host.deleteAddress('ens3', '198.51.100.3/24');
    const lost = await follow([]);
    assert.deepEqual(lost.ips(), ['203.0.113.9']);
    assert.equal(lost.uplink, undefined);
    lost.stop();
  } finally {
    for (const rtnl of [host, server]) rtnl.close();
    for (const netns of [HOST, SERVER]) deleteNetns(netns);
  }
});
