import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Namespace, Pod, core } from '../api/objects.ts';
import type { ClusterState } from './cluster-state.ts';
import { placePod } from './place-pod.ts';
import { cluster, node, pod } from './testing/objects.ts';

const chosen = (p: Pod, state: ClusterState): string => {
  const placement = placePod(p, state);
  return 'node' in placement ? placement.node : placement.unschedulable;
};
const three = ['node-1', 'node-2', 'node-3'].map((n) => node(n));

/** Places pods one after the other, as the scheduler does. */
function placeAll(state: ClusterState, pods: readonly Pod[]): string[] {
  return pods.map((p) => {
    const name = chosen(p, state);
    state.place(p, name);
    return name;
  });
}

const zones = [
  node('a1', { labels: { zone: 'a' } }),
  node('a2', { labels: { zone: 'a' } }),
  node('b1', { labels: { zone: 'b' } }),
];
const term = (key: string, labels: Record<string, string>): core.PodAffinityTerm => ({
  topologyKey: key,
  labelSelector: { matchLabels: labels },
});
const near = (t: core.PodAffinityTerm): Partial<core.PodSpec> => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [t] } },
});
const far = (t: core.PodAffinityTerm): Partial<core.PodSpec> => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [t] } },
});
const taint = (key: string, effect: string, value?: string): core.Taint => ({
  key,
  effect,
  ...(value === undefined ? {} : { value }),
});
const required = (...matchExpressions: core.NodeSelectorRequirement[]): Partial<core.PodSpec> => ({
  affinity: {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } },
  },
});

const cases: [name: string, p: Pod, state: ClusterState, expected: string][] = [
  ['no nodes', pod('p'), cluster([]), 'no nodes available to schedule pods'],
  [
    'cordoned',
    pod('p'),
    cluster([node('n', { unschedulable: true })]),
    '0/1 nodes are available: 1 node(s) were unschedulable.',
  ],
  [
    'all reasons are counted and sorted',
    pod('p', { requests: { cpu: '8', memory: '1Gi' } }),
    cluster([
      ...three,
      node('t', { taints: [taint('dedicated', 'NoSchedule', 'db')] }),
      node('small', { allocatable: { cpu: '1', memory: '1Mi', pods: '10' } }),
    ]),
    '0/5 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint {dedicated: db}, 4 Insufficient cpu.',
  ],
  [
    'a node that is not ready',
    pod('p'),
    cluster([node('n', { taints: [taint('node.kubernetes.io/not-ready', 'NoSchedule')] })]),
    '0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.',
  ],
  [
    'toleration by key and value',
    pod('p', { spec: { tolerations: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] } }),
    cluster([node('t', { taints: [taint('dedicated', 'NoSchedule', 'db')] })]),
    't',
  ],
  [
    'toleration of another value does not count',
    pod('p', { spec: { tolerations: [{ key: 'dedicated', value: 'web' }] } }),
    cluster([node('t', { taints: [taint('dedicated', 'NoSchedule', 'db')] })]),
    '0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: db}.',
  ],
  [
    'toleration of everything',
    pod('p', { spec: { tolerations: [{ operator: 'Exists' }] } }),
    cluster([node('t', { taints: [taint('a', 'NoExecute')], unschedulable: true })]),
    't',
  ],
  [
    'PreferNoSchedule is only a preference',
    pod('p'),
    cluster([node('a', { taints: [taint('x', 'PreferNoSchedule')] }), node('b')]),
    'b',
  ],
  ['nodeSelector', pod('p', { spec: { nodeSelector: { zone: 'b' } } }), cluster(zones), 'b1'],
  [
    'nodeSelector without a match',
    pod('p', { spec: { nodeSelector: { zone: 'c' } } }),
    cluster(zones),
    "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
  ],
  [
    'affinity In',
    pod('p', { spec: required({ key: 'zone', operator: 'In', values: ['b', 'c'] }) }),
    cluster(zones),
    'b1',
  ],
  [
    'affinity NotIn',
    pod('p', { spec: required({ key: 'zone', operator: 'NotIn', values: ['a'] }) }),
    cluster(zones),
    'b1',
  ],
  [
    'affinity Gt',
    pod('p', { spec: required({ key: 'cores', operator: 'Gt', values: ['4'] }) }),
    cluster([node('a', { labels: { cores: '4' } }), node('b', { labels: { cores: '16' } })]),
    'b',
  ],
  [
    'affinity to a name, as DaemonSets use it',
    pod('p', {
      spec: {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-3'] }] }],
            },
          },
        },
      },
    }),
    cluster(three),
    'node-3',
  ],
  [
    'preferred affinity',
    pod('p', {
      spec: {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 10, preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['b'] }] } },
            ],
          },
        },
      },
    }),
    cluster(zones),
    'b1',
  ],
  [
    'requests count what is there',
    pod('p', { requests: { cpu: '3' } }),
    cluster(three, {
      'node-1': [pod('x', { requests: { cpu: '2' } })],
      'node-2': [pod('y', { requests: { cpu: '1500m' } })],
    }),
    'node-3',
  ],
  [
    'exactly full is not too full',
    pod('p', { requests: { cpu: '300m' } }),
    cluster([node('n', { allocatable: { cpu: '1', pods: '10' } })], {
      n: ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((n) => pod(n, { requests: { cpu: '100m' } })),
    }),
    'n',
  ],
  [
    'number of pods',
    pod('p'),
    cluster([node('n', { allocatable: { cpu: '4', pods: '1' } })], { n: [pod('x')] }),
    '0/1 nodes are available: 1 Too many pods.',
  ],
  [
    'an init container counts if it needs more than the others together',
    pod('p', {
      requests: { cpu: '1' },
      spec: { initContainers: [{ name: 'i', resources: { requests: { cpu: '5' } } }] },
    }),
    cluster(three),
    '0/3 nodes are available: 3 Insufficient cpu.',
  ],
  [
    'an unknown resource',
    pod('p', { requests: { 'example.com/gpu': '1' } }),
    cluster(three),
    '0/3 nodes are available: 3 Insufficient example.com/gpu.',
  ],
  [
    'host ports collide',
    pod('p', { hostPort: { port: 80 } }),
    cluster([node('n')], { n: [pod('x', { hostPort: { port: 80, ip: '127.0.0.1' } })] }),
    "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
  ],
  [
    'host ports of other protocols or addresses do not',
    pod('p', { hostPort: { port: 80, ip: '10.0.0.1' } }),
    cluster([node('n')], {
      n: [pod('x', { hostPort: { port: 80, ip: '127.0.0.1' } }), pod('y', { hostPort: { port: 80, protocol: 'UDP' } })],
    }),
    'n',
  ],
  [
    'affinity to pods of a zone',
    pod('p', { spec: near(term('zone', { app: 'db' })) }),
    cluster(zones, { b1: [pod('db', { labels: { app: 'db' } })] }),
    'b1',
  ],
  [
    'affinity without such pods',
    pod('p', { spec: near(term('zone', { app: 'db' })) }),
    cluster(zones),
    "0/3 nodes are available: 3 node(s) didn't match pod affinity rules.",
  ],
  [
    'affinity to itself: the first of a group may go anywhere',
    pod('p', { labels: { app: 'db' }, spec: near(term('zone', { app: 'db' })) }),
    cluster([node('a1', { labels: { zone: 'a' } })]),
    'a1',
  ],
  [
    'anti-affinity',
    pod('p', { spec: far(term('zone', { app: 'db' })) }),
    cluster(zones, { a1: [pod('db', { labels: { app: 'db' } })] }),
    'b1',
  ],
  [
    'anti-affinity counts only pods of the namespace',
    pod('p', { spec: far(term('zone', { app: 'db' })) }),
    cluster([node('a1', { labels: { zone: 'a' } })], {
      a1: [pod('db', { labels: { app: 'db' }, namespace: 'other' })],
    }),
    'a1',
  ],
  [
    'pods that are there keep others away',
    pod('p', { labels: { app: 'web' } }),
    cluster([node('a1', { labels: { zone: 'a' } })], { a1: [pod('x', { spec: far(term('zone', { app: 'web' })) })] }),
    "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
  ],
];
for (const [name, p, state, expected] of cases) {
  test(`placePod(): ${name}`, () => assert.equal(chosen(p, state), expected));
}

test('a namespace selector reaches into other namespaces', () => {
  const t = { ...term('zone', { app: 'db' }), namespaceSelector: { matchLabels: { team: 'x' } } };
  const state = cluster(zones, { b1: [pod('db', { labels: { app: 'db' }, namespace: 'other' })] });
  assert.match(chosen(pod('p', { spec: near(t) }), state), /affinity rules/);
  const metadata = { name: 'other', uid: 'u', resourceVersion: '1', creationTimestamp: '', labels: { team: 'x' } };
  const other: Namespace = { apiVersion: 'v1', kind: 'Namespace', metadata };
  state.setNamespace('other', other);
  assert.equal(chosen(pod('p', { spec: near(t) }), state), 'b1');
});

test('pods of one owner are spread over the nodes, whatever else is there', () => {
  const state = cluster(three, { 'node-1': [pod('x', { requests: { cpu: '1' } })] });
  const pods = Array.from({ length: 6 }, (_, i) => pod(`p${i}`, { owner: 'set' }));
  const placed = placeAll(state, pods);
  const counts = three.map((n) => placed.filter((p) => p === n.metadata.name).length);
  assert.deepEqual(counts, [2, 2, 2]);
});

test('pods without an owner go where most is free', () => {
  const state = cluster(three, { 'node-1': [pod('x', { requests: { cpu: '2', memory: '4Gi' } })] });
  const placed = placeAll(
    state,
    Array.from({ length: 4 }, (_, i) => pod(`p${i}`)),
  );
  assert.deepEqual(placed.toSorted(), ['node-2', 'node-2', 'node-3', 'node-3']);
});

test('topologySpreadConstraints keep zones even and count domains without pods', () => {
  const constraint = (more: Partial<core.TopologySpreadConstraint> = {}): Partial<core.PodSpec> => ({
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { app: 'web' } },
        ...more,
      },
    ],
  });
  const web = (name: string, spec: Partial<core.PodSpec>) => pod(name, { labels: { app: 'web' }, spec });
  const placed = placeAll(
    cluster(zones),
    ['1', '2', '3', '4'].map((n) => web(n, constraint())),
  );
  const zoneOf = (name: string) => name.charAt(0);
  assert.deepEqual(placed.map(zoneOf).toSorted(), ['a', 'a', 'b', 'b']);

  const crowded = cluster([...zones.slice(0, 2), node('b1', { labels: { zone: 'b' }, unschedulable: true })], {
    a1: [web('x', {})],
  });
  assert.equal(
    chosen(web('p', constraint()), crowded),
    "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match pod topology spread constraints.",
  );
  const soft = constraint({ whenUnsatisfiable: 'ScheduleAnyway' });
  assert.match(chosen(web('p', soft), crowded), /^a/);
  assert.match(
    chosen(web('p', constraint({ minDomains: 3 })), cluster(zones, { a1: [web('x', {})], b1: [web('y', {})] })),
    /spread/,
  );
  assert.match(chosen(web('p', constraint()), cluster([node('n')])), /missing required label/);
});
