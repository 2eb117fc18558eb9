import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod, Service, core } from '../../api/objects.ts';
import { addressTypesOf, desiredGroups } from './desired-endpoints.ts';
import { addHints, endpointsPerZone } from './topology-hints.ts';

const stored = (name: string) => ({
  name,
  namespace: 'x',
  uid: `u-${name}`,
  resourceVersion: '1',
  creationTimestamp: '',
});
const service = (spec: core.ServiceSpec): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: stored('web'),
  spec: { selector: { app: 'web' }, ports: [{ port: 80 }], ...spec },
});
interface Facts {
  ips?: string[];
  ready?: boolean;
  deleting?: boolean;
  phase?: string;
  ports?: core.ContainerPort[];
  node?: string;
  spec?: Partial<core.PodSpec>;
}
const pod = (name: string, f: Facts = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...stored(name), ...(f.deleting === true ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
  spec: {
    containers: [{ name: 'c', ...(f.ports === undefined ? {} : { ports: f.ports }) }],
    ...(f.node === undefined ? {} : { nodeName: f.node }),
    ...f.spec,
  },
  status: {
    phase: f.phase ?? 'Running',
    podIPs: (f.ips ?? ['10.0.0.1']).map((ip) => ({ ip })),
    conditions: [{ type: 'Ready', status: (f.ready ?? true) ? 'True' : 'False' }],
  },
});
const node = (name: string, zone: string, cpu = '4'): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { ...stored(name), labels: { 'topology.kubernetes.io/zone': zone } },
  status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: 'True' }] },
});
const groups = (s: Service, pods: Pod[], type: 'IPv4' | 'IPv6' = 'IPv4', nodes: Node[] = []) => [
  ...desiredGroups(s, pods, type, (name) => nodes.find((n) => n.metadata.name === name)).values(),
];

test('conditions follow readiness, deletion and publishNotReadyAddresses', () => {
  const cases: [Facts, boolean, string][] = [
    [{}, false, 'ready serving'],
    [{ ready: false }, false, ''],
    [{ deleting: true }, false, 'serving terminating'],
    [{ ready: false, deleting: true }, false, 'terminating'],
    [{ ready: false }, true, 'ready'],
    [{ deleting: true }, true, 'ready serving terminating'],
  ];
  for (const [facts, publishNotReadyAddresses, expected] of cases) {
    const [group] = groups(service({ publishNotReadyAddresses }), [pod('a', facts)]);
    const conditions = Object.entries(group?.endpoints[0]?.conditions ?? {});
    assert.equal(
      conditions
        .filter(([, on]) => on)
        .map(([name]) => name)
        .join(' '),
      expected,
    );
  }
});

test('pods that ended or have no address of the family are left out', () => {
  const pods = [
    pod('a', { phase: 'Succeeded' }),
    pod('b', { ips: [] }),
    pod('c', { ips: ['10.0.0.3', 'fd00::3'] }),
    pod('d', { ips: ['fd00::4'] }),
  ];
  const addresses = (type: 'IPv4' | 'IPv6') =>
    groups(service({}), pods, type).flatMap((g) => g.endpoints.flatMap((e) => e.addresses));
  assert.deepEqual(addresses('IPv4'), ['10.0.0.3']);
  assert.deepEqual(addresses('IPv6'), ['fd00::3', 'fd00::4']);
});

test('a named target port may differ from pod to pod: such pods are grouped apart', () => {
  const s = service({ ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'TCP', appProtocol: 'h2c' }] });
  const named = (containerPort: number, protocol = 'TCP') => [{ name: 'web', containerPort, protocol }];
  const found = groups(s, [
    pod('a', { ports: named(8080) }),
    pod('b', { ports: named(9090) }),
    pod('c', { ports: named(8080) }),
    pod('d', { ports: named(8080, 'UDP') }),
  ]);
  assert.deepEqual(
    found.map((g) => [
      g.ports.map((p) => `${p.name}:${p.port}/${p.protocol}/${p.appProtocol}`),
      g.endpoints.map((e) => e.targetRef?.name),
    ]),
    [
      [['http:8080/TCP/h2c'], ['a', 'c']],
      [['http:9090/TCP/h2c'], ['b']],
      [[], ['d']],
    ],
  );
});

test('an endpoint carries node, zone, target and, for a pod of a headless service, its hostname', () => {
  const p = pod('a', { node: 'n1', spec: { hostname: 'db-0', subdomain: 'web' } });
  const [group] = groups(service({}), [p], 'IPv4', [node('n1', 'z1')]);
  assert.deepEqual(group?.endpoints[0], {
    addresses: ['10.0.0.1'],
    conditions: { ready: true, serving: true, terminating: false },
    hostname: 'db-0',
    targetRef: { kind: 'Pod', namespace: 'x', name: 'a', uid: 'u-a' },
    nodeName: 'n1',
    zone: 'z1',
  });
  const other = pod('a', { spec: { hostname: 'db-0', subdomain: 'else' } });
  assert.equal(groups(service({}), [other])[0]?.endpoints[0]?.hostname, undefined);
});

test('families come from the Service, else from its address, else from the pods', () => {
  assert.deepEqual(addressTypesOf(service({ ipFamilies: ['IPv6', 'IPv4'] }), []), ['IPv6', 'IPv4']);
  assert.deepEqual(addressTypesOf(service({ clusterIP: 'fd00::1' }), []), ['IPv6']);
  assert.deepEqual(addressTypesOf(service({ clusterIP: 'None' }), [pod('a', { ips: ['fd00::1'] })]), ['IPv6']);
  assert.deepEqual(addressTypesOf(service({ clusterIP: 'None' }), []), ['IPv4']);
});

test('PreferSameNode hints at the node, and at the zone for nodes without an endpoint', () => {
  const pods = [pod('here', { node: 'n1', ips: ['10.0.0.1'] }), pod('without-zone', { node: 'n2', ips: ['10.0.0.2'] })];
  const hinted = (s: Service) => {
    const nodes = [node('n1', 'a'), node('n2', '')];
    const plain = desiredGroups(s, pods, 'IPv4', (name) => nodes.find((n) => n.metadata.name === name));
    return [...addHints(s, plain, nodes).values()].flatMap((g) => g.endpoints.map((e) => e.hints));
  };
  assert.deepEqual(hinted(service({ trafficDistribution: 'PreferSameNode' })), [
    { forZones: [{ name: 'a' }], forNodes: [{ name: 'n1' }] },
    { forNodes: [{ name: 'n2' }] },
  ]);
  assert.deepEqual(hinted(service({ trafficDistribution: 'PreferSameZone' })), [
    { forZones: [{ name: 'a' }] },
    undefined,
  ]);
});

test('hints: near endpoints when asked for, shares by CPU in Auto mode, none when they would overload', () => {
  const nodes = [node('n1', 'a'), node('n2', 'b')];
  const pods = ['n1', 'n1', 'n1', 'n2'].map((n, i) => pod(`p${i}`, { node: n, ips: [`10.0.0.${i}`] }));
  const hinted = (s: Service, list = pods, on = nodes) => {
    const plain = desiredGroups(s, list, 'IPv4', (name) => on.find((n) => n.metadata.name === name));
    return [...addHints(s, plain, on).values()].flatMap((g) =>
      g.endpoints.map((e) => e.hints?.forZones?.[0]?.name ?? '-'),
    );
  };
  const auto = service({});
  auto.metadata.annotations = { 'service.kubernetes.io/topology-mode': 'Auto' };
  assert.deepEqual(hinted(service({})), ['-', '-', '-', '-']);
  assert.deepEqual(hinted(service({ trafficDistribution: 'PreferClose' })), ['a', 'a', 'a', 'b']);
  assert.deepEqual(hinted(service({ trafficDistribution: 'PreferSameZone' })), ['a', 'a', 'a', 'b']);
  assert.deepEqual(hinted(auto), ['a', 'a', 'b', 'b'], 'the third endpoint of zone a serves zone b');
  assert.deepEqual(hinted(auto, pods.slice(0, 1)), ['-'], 'fewer endpoints than zones');
  assert.deepEqual(hinted(auto, pods, nodes.slice(0, 1)), ['-', '-', '-', '-'], 'one zone only');
  assert.equal(
    endpointsPerZone(
      new Map([
        ['a', 0.9],
        ['b', 0.1],
      ]),
      2,
    ),
    undefined,
    '90 % of the load on one of two',
  );
  const even = new Map([
    ['a', 0.5],
    ['b', 0.5],
  ]);
  assert.equal(endpointsPerZone(even, 5), undefined, '2.5 shares on 2 endpoints are 25 % too many');
  assert.deepEqual(
    [...(endpointsPerZone(even, 7) ?? [])],
    [
      ['a', 4],
      ['b', 3],
    ],
  );
});
