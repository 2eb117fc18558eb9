import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostLinkAlias, hostLinkName, isHostLinkName, podMac, podNetnsName, vtepMac } from './names.ts';

test('names that belong to one pod share its short id and fit the kernel', () => {
  const uid = '0b5c7f0e-3f44-4f0a-9d2e-2f1f6d0d3a11';
  const link = hostLinkName(uid);
  assert.match(link, /^lxc[0-9a-f]{11}$/);
  assert.ok(link.length <= 15);
  assert.ok(isHostLinkName(link) && !isHostLinkName('eth0') && !isHostLinkName('lxcbr0'));
  assert.equal(podNetnsName('portico', uid), `portico-pod-${link.slice(3)}`);
  assert.equal(hostLinkAlias('n'.repeat(63), 'p'.repeat(253)).length, 255);
});

test('hardware addresses are unicast, locally administered and follow from their owner', () => {
  assert.equal(vtepMac('10.244.1.0/24'), '0e:00:0a:f4:01:00');
  assert.match(vtepMac('fd00:10:244:1::/64'), /^0e:00(:[0-9a-f]{2}){4}$/);
  assert.notEqual(vtepMac('fd00:10:244:1::/64'), vtepMac('fd00:10:244:2::/64'));
  assert.match(podMac('a'), /^0a:58(:[0-9a-f]{2}){4}$/);
  assert.notEqual(podMac('a'), podMac('b'));
});
