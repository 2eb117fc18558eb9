// What the node's own object means for the proxy.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../api/objects.ts';
import { proxyConfigOf } from './config.ts';
import { localDetector, nodeView } from './node-view.ts';

const METADATA = { name: 'n', uid: '0', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
const node = (more: Partial<Node> = {}): Node => ({ apiVersion: 'v1', kind: 'Node', metadata: METADATA, ...more });

test('addresses: internal ones first, names do not count', () => {
  const addresses = [
    { type: 'Hostname', address: 'n' },
    { type: 'ExternalIP', address: '203.0.113.1' },
    { type: 'InternalIP', address: '172.31.0.11' },
    { type: 'InternalIP', address: 'FD00:0::11' },
    { type: 'InternalDNS', address: 'n.internal' },
  ];
  assert.deepEqual(nodeView(node({ status: { addresses } })).ips, ['172.31.0.11', 'fd00::11', '203.0.113.1']);
});

test('a node that is deleted, or that the autoscaler is about to remove, takes no more traffic from outside', () => {
  const tainted = (key: string) => nodeView(node({ spec: { taints: [{ key, effect: 'NoSchedule' }] } })).eligible;
  assert.equal(nodeView(node()).eligible, true);
  assert.equal(tainted('node.kubernetes.io/unschedulable'), true);
  assert.equal(tainted('ToBeDeletedByClusterAutoscaler'), false);
  const metadata = { ...METADATA, deletionTimestamp: '2026-01-01T00:00:00Z' };
  assert.equal(nodeView(node({ metadata })).eligible, false);
});

test('localDetector(): what each mode reads, and nothing where the family is missing', () => {
  const { podCidrs } = nodeView(node({ spec: { podCIDR: '10.1.0.0/24', podCIDRs: ['10.1.0.0/24', 'fd00:1::/64'] } }));
  assert.deepEqual(nodeView(node({ spec: { podCIDR: '10.1.0.0/24' } })).podCidrs, ['10.1.0.0/24']);
  const of = (document: object, family: 'IPv4' | 'IPv6') => localDetector(proxyConfigOf(document), family, podCidrs);
  const none = { kind: 'none' };
  assert.deepEqual(of({}, 'IPv4'), none);
  assert.deepEqual(of({ clusterCIDR: '10.0.0.0/8' }, 'IPv4'), { kind: 'cidr', cidr: '10.0.0.0/8' });
  assert.deepEqual(of({ clusterCIDR: '10.0.0.0/8' }, 'IPv6'), none);
  assert.deepEqual(of({ detectLocalMode: 'NodeCIDR' }, 'IPv4'), { kind: 'cidr', cidr: '10.1.0.0/24' });
  assert.deepEqual(of({ detectLocalMode: 'NodeCIDR' }, 'IPv6'), { kind: 'cidr', cidr: 'fd00:1::/64' });
  const bridge = { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'br0' } };
  assert.deepEqual(of(bridge, 'IPv6'), { kind: 'bridge', name: 'br0' });
  const prefix = { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'veth' } };
  assert.deepEqual(of(prefix, 'IPv4'), { kind: 'prefix', prefix: 'veth' });
});
