import assert from 'node:assert/strict';
import { test } from 'node:test';

import { UserError } from '../errors/index.ts';
import { addressPlan, checkSpec, DEFAULT_SPEC, namespaceNames, nodeNames, type ClusterSpec } from './spec.ts';

test('checkSpec() takes the defaults and what people choose', () => {
  checkSpec(DEFAULT_SPEC);
  checkSpec({ ...DEFAULT_SPEC, name: 'a', nodes: 1, network: 'vxlan', proxyMode: 'nftables' });
  checkSpec({ ...DEFAULT_SPEC, podCidr: '192.168.0.0/20', nodes: 16, serviceCidr: '10.1.0.0/24' });
});

test('checkSpec() refuses with a sentence that names the flag', () => {
  const cases: [change: Partial<ClusterSpec>, says: RegExp][] = [
    [{ name: 'Big' }, /^--name Big: use 1 to 20/],
    [{ name: 'a'.repeat(21) }, /^--name/],
    [{ nodes: 0 }, /^--nodes 0: give a number from 1 to 100/],
    [{ nodes: 2.5 }, /^--nodes 2.5/],
    [{ podCidr: 'fd00::/48' }, /^--pod-cidr fd00::\/48: not an IPv4 range/],
    [{ podCidr: '10.244.0.0/23' }, /^--pod-cidr 10.244.0.0\/23: too small for 3 nodes/],
    [{ podCidr: '172.30.0.0/16' }, /--pod-cidr 172.30.0.0\/16 and --underlay-cidr 172.30.0.0\/24 overlap/],
    [{ serviceCidr: '10.96.0.0/28' }, /^--service-cidr 10.96.0.0\/28: too small/],
    [{ underlayCidr: '172.30.0.0/28', nodes: 6 }, /^--underlay-cidr 172.30.0.0\/28: too small for 6 nodes/],
    [{ underlayCidr: '127.1.0.0/24' }, /loopback/],
    [{ apiPort: 0 }, /^--api-port 0/],
    [{ upstreamDns: ['1.1.1.1', 'resolver'] }, /^--upstream-dns resolver: not an address/],
    [{ clusterDomain: 'Bad_Name' }, /^--cluster-domain Bad_Name: not a DNS name/],
    [{ clusterDomain: 'a..b' }, /^--cluster-domain/],
  ];
  for (const [change, says] of cases) {
    assert.throws(
      () => checkSpec({ ...DEFAULT_SPEC, ...change }),
      (e) => e instanceof UserError && says.test(e.message),
      JSON.stringify(change),
    );
  }
});

test('addressPlan() and names follow the documented layout', () => {
  const plan = addressPlan(DEFAULT_SPEC);
  assert.equal(plan.fabric, '172.30.0.1');
  assert.equal(plan.controlPlane, '172.30.0.2');
  assert.equal(plan.node(1), '172.30.0.11');
  assert.equal(plan.clusterDns, '10.96.0.10');
  assert.equal(plan.kubernetesService, '10.96.0.1');
  assert.deepEqual(nodeNames(DEFAULT_SPEC), ['node-1', 'node-2', 'node-3']);
  assert.equal(namespaceNames('portico').node('node-2'), 'portico-node-2');
});
