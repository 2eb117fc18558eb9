// Two clusters by chance alike: the same address behind links of the same numbers. The pod of each node is its own.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, test } from 'node:test';

import { createNetns, deleteNetns, openRtnl } from '../linux/index.ts';
import { findPodNetns } from './pod-netns.ts';

const name = (what: string) => `test-${process.pid}-pn-${what}`;
const all = ['a', 'b', 'a-pod', 'b-pod'].map(name);
for (const netns of all) createNetns(netns);
after(() => all.forEach((netns) => deleteNetns(netns)));

test("finds a node's own pod beside another cluster's of the same address and link numbers", () => {
  const indices = ['a', 'b'].map((node) => {
    const rtnl = openRtnl(name(node));
    rtnl.addLink({ kind: 'veth', name: 'out', up: true, peer: { name: 'eth0', netns: name(`${node}-pod`), up: true } });
    rtnl.addRoute({ destination: '10.244.0.1/32', device: 'out' });
    const inside = openRtnl(name(`${node}-pod`));
    inside.addAddress('eth0', '10.244.0.1/32');
    inside.close();
    const link = rtnl.link('out');
    rtnl.close();
    return [link?.index, link?.lower];
  });
  assert.deepEqual(indices[0], indices[1], 'by chance alike');
  assert.equal(findPodNetns(name('a'), ['10.244.0.1']), name('a-pod'));
  assert.equal(findPodNetns(name('b'), ['10.244.0.1']), name('b-pod'));
  assert.equal(findPodNetns(name('b'), ['10.244.0.2']), undefined);
});
