import assert from 'node:assert/strict';
import { test } from 'node:test';

import { overlapProblem, type HostNetwork } from './host-overlap.ts';

const cluster = { podCidrs: ['10.244.0.0/16', 'fd00:10:244::/56'], serviceCidrs: ['10.96.0.0/12'] };
const KERNEL = 2;
const STATIC = 4;
const problem = (
  addresses: readonly (readonly [device: string, address: string])[],
  routes: readonly (readonly [device: string, destination: string, protocol?: number])[] = [],
) => {
  const host: HostNetwork = {
    addresses: addresses.map(([device, address]) => ({ device, address, scope: 'global' })),
    routes: routes.map(([device, destination, protocol = STATIC]) => ({ device, destination, protocol })),
  };
  return overlapProblem(host, cluster);
};

test('a host beside the ranges is fine: Docker’s bridge, a VPN to everything, our own devices and routes', () => {
  assert.equal(
    problem(
      [
        ['eth0', '192.168.1.10/24'],
        ['docker0', '172.17.0.1/16'],
        ['portico.vxlan', '10.244.1.0/32'],
        ['kube-ipvs0', '10.96.0.1/32'],
      ],
      [
        ['eth0', '0.0.0.0/0'],
        ['tun0', '10.0.0.0/8'],
        ['eth0', '10.244.2.0/24', 99],
        ['eth0', '10.96.0.0/12'],
        ['eth0', '192.168.1.0/24', KERNEL],
      ],
    ),
    undefined,
  );
});

test('an address or a route inside a range is one sentence on what, where, and what to do', () => {
  const cases: readonly [Parameters<typeof problem>, RegExp][] = [
    [[[['eth1', '10.244.7.1/24']]], /^eth1 of this host has 10\.244\.7\.1\/24, which lies in the pod range 10\.244\.0\.0\/16 .*'portico server --pod-cidr'.*another address$/],
    [[[['eth1', '10.100.0.5/16']]], /service range 10\.96\.0\.0\/12 .*--service-cidr/],
    [[[['cni0', '10.244.0.1/24']]], /cni0 .*if another pod network left it, take it away \('ip link delete cni0'\); else give/],
    [[[['eth1', 'fd00:10:244:3::1/64']]], /pod range fd00:10:244::\/56/],
    [[[], [['flannel.1', '10.244.3.0/24']]], /^the route to 10\.244\.3\.0\/24 by flannel\.1 .*'ip link delete flannel\.1'.*'ip route delete 10\.244\.3\.0\/24'/],
    [[[], [['eth0', '10.244.0.0/16']]], /^the route to 10\.244\.0\.0\/16 by eth0 /],
  ]; // prettier-ignore
  for (const [args, says] of cases) {
    const text = problem(...args);
    assert.match(text ?? 'no problem', says);
    assert.doesNotMatch(text ?? '', /\n/);
  }
});
