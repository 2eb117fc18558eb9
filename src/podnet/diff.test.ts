import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressKey, diffNetwork, forwardingKey, neighborKey, routeKey } from './diff.ts';
import type { Step } from './diff.ts';
import { EMPTY_STATE } from './network-state.ts';
import type { NetworkState, VxlanLink } from './network-state.ts';
import { planNetwork } from './plan.ts';
import type { NodeFacts } from './plan.ts';

/** What the kernel would hold after the steps; refuses what the kernel would refuse. */
function apply(have: NetworkState, steps: readonly Step[]): NetworkState {
  let vxlan: VxlanLink | undefined = have.vxlan;
  const addresses = new Map(have.addresses.map((a) => [addressKey(a), a]));
  const neighbors = new Map(have.neighbors.map((n) => [neighborKey(n), n]));
  const forwarding = new Map(have.forwarding.map((f) => [forwardingKey(f), f]));
  const routes = new Map(have.routes.map((r) => [routeKey(r), r]));
  const links = new Map(have.podLinks.map((l) => [l.name, l]));
  const needDevice = (device: string | undefined) =>
    assert.ok(device === undefined || device === 'eth0' || device === vxlan?.name || links.has(device), `no ${device}`);
  for (const step of steps) {
    switch (step.do) {
      case 'delete-vxlan':
        for (const table of [addresses, neighbors, forwarding, routes]) {
          for (const [key, item] of table) if (item.device === step.name) table.delete(key);
        }
        vxlan = undefined;
        break;
      case 'create-vxlan':
      case 'set-vxlan':
        assert.equal(vxlan === undefined, step.do === 'create-vxlan');
        vxlan = step.link;
        break;
      case 'set-pod-mtu':
        links.set(step.link.name, step.link);
        break;
      case 'add-address':
        addresses.set(addressKey(step.address), step.address);
        break;
      case 'delete-address':
        assert.ok(addresses.delete(addressKey(step.address)));
        break;
      case 'replace-neighbor':
        needDevice(step.neighbor.device);
        neighbors.set(neighborKey(step.neighbor), step.neighbor);
        break;
      case 'delete-neighbor':
        assert.ok(neighbors.delete(neighborKey(step.neighbor)));
        break;
      case 'replace-forwarding':
        forwarding.set(forwardingKey(step.entry), step.entry);
        break;
      case 'delete-forwarding':
        assert.ok(forwarding.delete(forwardingKey(step.entry)));
        break;
      case 'replace-route':
        needDevice(step.route.device);
        routes.set(routeKey(step.route), step.route);
        break;
      case 'delete-route':
        assert.ok(routes.delete(routeKey(step.route)));
        break;
    }
  }
  return {
    vxlan,
    podLinks: [...links.values()],
    addresses: [...addresses.values()],
    neighbors: [...neighbors.values()],
    forwarding: [...forwarding.values()],
    routes: [...routes.values()],
  };
}

const sorted = (state: NetworkState) => ({
  vxlan: state.vxlan,
  podLinks: state.podLinks.toSorted((a, b) => a.name.localeCompare(b.name)),
  addresses: state.addresses.map((a) => JSON.stringify(a)).toSorted(),
  neighbors: state.neighbors.map(neighborKey).toSorted(),
  forwarding: state.forwarding.map((f) => `${forwardingKey(f)} ${f.destination}`).toSorted(),
  routes: state.routes.map((r) => `${routeKey(r)} ${r.type} ${r.via} ${r.device} ${r.source}`).toSorted(),
});

const pods = [{ uid: 'a', ips: ['10.244.1.1'] }];
const anyNode = (n: number): fc.Arbitrary<NodeFacts> =>
  fc.record({
    name: fc.constant(`node-${n}`),
    podCidrs: fc.constantFrom([], [`10.244.${n}.0/24`], [`10.244.${n + 20}.0/24`, `fd00:${n}::/64`]),
    internalIps: fc.constantFrom([`172.30.0.${n}`], [`172.30.0.${n + 50}`, `fd00:172::${n}`], []),
  });

const anyState = fc
  .record({
    mode: fc.constantFrom('native' as const, 'vxlan' as const),
    mtu: fc.constantFrom(1500, 9000),
    address: fc.constantFrom('172.30.0.1', '172.30.0.51'),
    others: fc.subarray([2, 3, 4, 5]).chain((numbers) => fc.tuple(...numbers.map(anyNode))),
  })
  .map(
    ({ mode, mtu, address, others }) =>
      planNetwork({
        mode,
        uplink: {
          name: 'eth0',
          mtu,
          addresses: [`${address}/24`, 'fd00:172::1/64'],
          hasDefaultRoute: { v4: false, v6: false },
        },
        self: { name: 'node-1', podCidrs: ['10.244.1.0/24'], internalIps: [address] },
        others,
        serviceCidrs: ['10.96.0.0/12'],
        pods,
        vxlanPort: 4789,
        vxlanVni: 1,
      }).state,
  );

test('diffNetwork() turns any state into any other, and then finds nothing to do', () => {
  fc.assert(
    fc.property(anyState, anyState, (have, want) => {
      const after = apply(have, diffNetwork(have, want));
      assert.deepEqual(sorted(after), sorted(want));
      assert.deepEqual(diffNetwork(after, want), []);
    }),
  );
});

test('diffNetwork() to nothing takes everything away', () => {
  fc.assert(
    fc.property(anyState, (have) => {
      const after = apply(have, diffNetwork(have, EMPTY_STATE));
      assert.deepEqual({ ...after, podLinks: [] }, EMPTY_STATE);
    }),
  );
});

test('diffNetwork() rebuilds the overlay when its outer address changes, with all that stood on it', () => {
  const base = {
    mode: 'vxlan' as const,
    self: { name: 'node-1', podCidrs: ['10.244.1.0/24'], internalIps: ['172.30.0.11'] },
    others: [{ name: 'node-2', podCidrs: ['10.244.2.0/24'], internalIps: ['172.30.0.12'] }],
    serviceCidrs: [],
    pods: [],
    vxlanPort: 4789,
    vxlanVni: 1,
  };
  const at = (address: string) =>
    planNetwork({
      ...base,
      uplink: { name: 'eth0', mtu: 1500, addresses: [`${address}/24`], hasDefaultRoute: { v4: true, v6: true } },
    }).state;
  assert.deepEqual(
    diffNetwork(at('172.30.0.11'), at('172.30.0.99')).map((step) => step.do),
    ['delete-vxlan', 'create-vxlan', 'add-address', 'replace-neighbor', 'replace-forwarding', 'replace-route'],
  );
});
