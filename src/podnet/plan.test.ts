import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peersState, peerTrouble } from './peer-trouble.ts';
import { planNetwork } from './plan.ts';
import type { NodeFacts, PlanInput } from './plan.ts';

const node = (n: number, more: Partial<NodeFacts> = {}): NodeFacts => ({
  name: `node-${n}`,
  podCidrs: [`10.244.${n}.0/24`],
  internalIps: [`172.30.0.1${n}`],
  ...more,
});

const none = { v4: false, v6: false };

const input = (more: Partial<PlanInput> = {}): PlanInput => ({
  mode: 'native',
  uplink: { name: 'eth0', mtu: 1500, addresses: ['172.30.0.11/24'], hasDefaultRoute: none },
  self: node(1),
  others: [node(2), node(3)],
  serviceCidrs: ['10.96.0.0/12'],
  pods: [],
  vxlanPort: 4789,
  vxlanVni: 1,
  ...more,
});

test('planNetwork() native routes each pod CIDR through its node', () => {
  const { state, podMtu, problems } = planNetwork(input());
  assert.deepEqual(problems, []);
  assert.equal(podMtu, 1500);
  assert.equal(state.vxlan, undefined);
  assert.deepEqual(state.routes, [
    { destination: '10.244.1.0/24', type: 'unreachable' },
    { destination: '10.96.0.0/12', type: 'unicast', device: 'eth0', source: '172.30.0.11' },
    { destination: '10.244.2.0/24', type: 'unicast', via: '172.30.0.12', device: 'eth0' },
    { destination: '10.244.3.0/24', type: 'unicast', via: '172.30.0.13', device: 'eth0' },
  ]);
  assert.deepEqual([state.addresses, state.neighbors, state.forwarding], [[], [], []]);
});

test('planNetwork() vxlan gives a device, and three entries for each other node', () => {
  const { state, podMtu } = planNetwork(input({ mode: 'vxlan', others: [node(2)] }));
  assert.equal(podMtu, 1450);
  assert.deepEqual(state.vxlan, {
    name: 'portico.vxlan',
    vni: 1,
    port: 4789,
    local: '172.30.0.11',
    device: 'eth0',
    mac: '0e:00:0a:f4:01:00',
    mtu: 1450,
  });
  assert.deepEqual(state.addresses, [{ device: 'portico.vxlan', address: '10.244.1.0/32' }]);
  assert.deepEqual(state.neighbors, [{ device: 'portico.vxlan', address: '10.244.2.0', mac: '0e:00:0a:f4:02:00' }]);
  assert.deepEqual(state.forwarding, [
    { device: 'portico.vxlan', mac: '0e:00:0a:f4:02:00', destination: '172.30.0.12' },
  ]);
  assert.deepEqual(state.routes.at(-1), {
    destination: '10.244.2.0/24',
    type: 'unicast',
    via: '10.244.2.0',
    device: 'portico.vxlan',
    onlink: true,
  });
});

test('planNetwork() dual stack: both families natively, and inside one envelope', () => {
  const dual = (n: number) =>
    node(n, {
      podCidrs: [`10.244.${n}.0/24`, `fd00:10:244:${n}::/64`],
      internalIps: [`172.30.0.1${n}`, `fd00:172:30::1${n}`],
    });
  const both = {
    uplink: { name: 'eth0', mtu: 1500, addresses: ['172.30.0.11/24', 'fd00:172:30::11/64'], hasDefaultRoute: none },
    self: dual(1),
    others: [dual(2)],
    serviceCidrs: ['10.96.0.0/12', 'fd00:10:96::/112'],
  };
  const native = planNetwork(input(both)).state.routes;
  assert.deepEqual(native.at(-1), {
    destination: 'fd00:10:244:2::/64',
    type: 'unicast',
    via: 'fd00:172:30::12',
    device: 'eth0',
  });
  assert.ok(native.some((r) => r.destination === 'fd00:10:96::/112' && r.source === 'fd00:172:30::11'));
  const overlay = planNetwork(input({ ...both, mode: 'vxlan' })).state;
  assert.deepEqual(
    overlay.addresses.map((a) => a.address),
    ['10.244.1.0/32', 'fd00:10:244:1::/128'],
  );
  assert.deepEqual(
    overlay.neighbors.map((n) => `${n.address} ${n.mac}`),
    ['10.244.2.0 0e:00:0a:f4:02:00', 'fd00:10:244:2:: 0e:00:0a:f4:02:00'],
  );
  assert.equal(overlay.forwarding.length, 1);
});

test('planNetwork() gives each pod its route and neighbour', () => {
  const { state } = planNetwork(input({ pods: [{ uid: 'a', ips: ['10.244.1.5', 'fd00:10:244:1::5'] }] }));
  const [link] = state.podLinks;
  assert.match(link?.name ?? '', /^lxc[0-9a-f]{11}$/);
  assert.equal(link?.mtu, 1500);
  assert.deepEqual(
    state.routes.filter((r) => r.device === link?.name).map((r) => r.destination),
    ['10.244.1.5/32', 'fd00:10:244:1::5/128'],
  );
  assert.deepEqual(
    state.neighbors.map((n) => n.address),
    ['10.244.1.5', 'fd00:10:244:1::5'],
  );
});

test('planNetwork() says which node it cannot reach and why', () => {
  const { state, problems } = planNetwork(
    input({
      others: [
        node(2, { podCidrs: ['10.244.1.128/25'] }),
        node(3, { internalIps: [] }),
        node(4, { internalIps: ['192.0.2.9'] }),
        node(5, { podCidrs: [] }),
        node(6, { podCidrs: ['fd00::/64'] }),
      ],
    }),
  );
  assert.deepEqual(problems, [
    'pod CIDR 10.244.1.128/25 of node node-2 overlaps 10.244.1.0/24 of node node-1: no route to it',
    'node node-3 has no InternalIP in its status: its pods cannot be reached',
    'node node-4 (192.0.2.9) is not on the link eth0 (172.30.0.11/24): native routing leaves it to your router; ' +
      'use the network auto or vxlan to reach it from here',
    'node node-6 has no InternalIP of the family of its pod CIDR fd00::/64: no route to it',
  ]);
  assert.equal(state.routes.length, 2);
});

test('planNetwork() before the node has a pod CIDR plans no overlay', () => {
  const { state } = planNetwork(input({ mode: 'vxlan', self: node(1, { podCidrs: [] }), others: [] }));
  assert.equal(state.vxlan, undefined);
  assert.deepEqual(
    state.routes.map((r) => r.destination),
    ['10.96.0.0/12'],
  );
});

test('planNetwork() leaves virtual addresses to the default route where there is one', () => {
  const uplink = { ...input().uplink, hasDefaultRoute: { v4: true, v6: false } };
  assert.ok(!planNetwork(input({ uplink })).state.routes.some((r) => r.destination === '10.96.0.0/12'));
});

test('planNetwork() auto: neighbours by routes, the others inside VXLAN, chosen anew when an address changes', () => {
  const far = (address: string) => node(3, { internalIps: [address] });
  const plan = (address: string) => planNetwork(input({ mode: 'auto', others: [node(2), far(address)] }));
  const routeTo = (address: string) => plan(address).state.routes.find((r) => r.destination === '10.244.3.0/24');
  const { state, problems, podMtu } = plan('192.0.2.13');
  assert.deepEqual(problems, []);
  // One size of packet for all pods, wherever the other end is.
  assert.equal(podMtu, 1450);
  assert.deepEqual(
    state.routes.filter((r) => r.via !== undefined).map((r) => `${r.destination} ${r.device}`),
    ['10.244.2.0/24 eth0', '10.244.3.0/24 portico.vxlan'],
  );
  assert.deepEqual(
    state.forwarding.map((f) => f.destination),
    ['192.0.2.13'],
  );
  assert.equal(routeTo('172.30.0.13')?.device, 'eth0');
  assert.equal(plan('172.30.0.13').state.forwarding.length, 0);
});

test('peerTrouble() tells a way that is blocked from a host that is away, and says what to do', () => {
  const { peers } = planNetwork(input({ mode: 'auto', others: [node(2), node(3, { internalIps: ['192.168.9.13'] })] }));
  const [near, far] = peers;
  assert.ok(near !== undefined && far !== undefined);
  assert.deepEqual([near.way, far.way, far.gateway], ['route', 'vxlan', '10.244.3.0']);
  const own = { ip: '172.30.0.11', uplink: 'eth0', uplinkMtu: 1500, podMtu: 1450, vxlanPort: 4789 };
  const told = (peer: typeof near, answers: string) => {
    const [small, large, host] = answers.split('').map((c) => c === '1') as [boolean, boolean, boolean];
    const trouble = peerTrouble(peer, { small, large, host }, own);
    return trouble && `${trouble.reason}: ${trouble.message}`;
  };
  for (const peer of peers) {
    assert.equal(told(peer, '111'), undefined);
    assert.equal(told(peer, '000'), undefined, 'its host is away');
  }
  assert.match(
    told(far, '001') ?? '',
    /^VXLANBlocked: .*node-3.*let UDP port 4789 pass.*172\.30\.0\.11 and 192\.168\.9\.13/,
  );
  assert.match(
    told(near, '001') ?? '',
    /^RouteBlocked: .*10\.244\.2\.0\/24 of node node-2.*source and destination check/,
  );
  assert.match(told(far, '101') ?? '', /^PacketsTooLarge: packets of 1450 bytes .*'ip link set eth0 mtu N'/);
  const many = Array.from({ length: 5 }, (_, n) => ({
    node: `n${n}`,
    reason: 'VXLANBlocked' as const,
    message: `m${n}`,
  }));
  assert.equal(peersState(many).message, 'm0; m1; m2; and 2 more nodes');
  assert.deepEqual(planNetwork(input()).peers, [], 'native ends have no address to ask');
});
