// Where pods go: spread, told by name, by label, by affinity, kept away or driven out by taints.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { eventually, startCluster, type Cluster } from './cluster-fixture.ts';

let cluster: Cluster;
before(() => {
  cluster = startCluster();
});
after(() => cluster.down());

function pod(name: string, spec: object, labels: object = {}): string {
  return `${JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'portico/shell' }], ...spec },
  })}\n`;
}
const nodeOf = (name: string) => cluster.kubectl('get', 'pod', name, '-o', 'jsonpath={.spec.nodeName}');
const placed = (name: string) => eventually(`${name} has a node`, () => nodeOf(name) || undefined);
/** The scheduler's own words on a pod that it cannot place. */
const refusal = (name: string, says: RegExp) =>
  eventually(`${name}: ${says}`, () =>
    says.test(
      cluster.kubectl('get', 'pod', name, '-o', 'jsonpath={.status.conditions[?(@.type=="PodScheduled")].message}'),
    )
      ? true
      : undefined,
  );
const onHost = (operator: string, ...values: string[]) => ({
  nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator, values }] }],
});

test('replicas spread over the nodes', () => {
  cluster.kubectl('create', 'deployment', 'spread', '--image=portico/shell', '--replicas=6');
  cluster.kubectl('rollout', 'status', 'deployment/spread', '--timeout=60s');
  const nodes = cluster
    .kubectl('get', 'pods', '-l', 'app=spread', '-o', 'jsonpath={.items[*].spec.nodeName}')
    .split(' ');
  for (const node of ['node-1', 'node-2', 'node-3'])
    assert.equal(nodes.filter((n) => n === node).length, 2, nodes.join(' '));
  cluster.kubectl('delete', 'deployment', 'spread');
});

test('the two replicas of cluster DNS are on different nodes, though one node was Ready first', async () => {
  const nodes = await eventually('both are placed', () => {
    const at = cluster
      .kubectl('get', 'pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns', '-o', 'jsonpath={.items[*].spec.nodeName}')
      .split(' ');
    return at.length === 2 ? at : undefined;
  });
  assert.equal(new Set(nodes).size, 2, nodes.join(' '));
});

test('nodeName goes past the scheduler; nodeSelector and node affinity choose; a label that comes later frees the pod', async () => {
  cluster.apply(
    [
      pod('named', { nodeName: 'node-2' }),
      pod('selected', { nodeSelector: { disk: 'ssd' } }),
      pod('in', {
        affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: onHost('In', 'node-3') } },
      }),
      pod('not-in', {
        affinity: {
          nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: onHost('NotIn', 'node-2', 'node-3') },
        },
      }),
      pod('preferred', {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 100, preference: onHost('In', 'node-2').nodeSelectorTerms[0] },
            ],
          },
        },
      }),
    ].join('---\n'),
  );
  assert.equal(nodeOf('named'), 'node-2');
  assert.equal(await placed('in'), 'node-3');
  assert.equal(await placed('not-in'), 'node-1');
  assert.equal(await placed('preferred'), 'node-2');
  await refusal('selected', /^0\/3 nodes are available: 3 node\(s\) didn't match Pod's node affinity\/selector/);
  cluster.kubectl('label', 'node', 'node-3', 'disk=ssd');
  assert.equal(await placed('selected'), 'node-3');
});

test('pods that keep apart, pods that stay together, pods that fit nowhere', async () => {
  const term = [{ labelSelector: { matchLabels: { herd: 'x' } }, topologyKey: 'kubernetes.io/hostname' }];
  const apart = { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: term } } };
  const together = { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: term } } };
  const names = ['apart-1', 'apart-2', 'apart-3'];
  cluster.apply(names.map((n) => pod(n, apart, { herd: 'x' })).join('---\n'));
  const nodes = await Promise.all(names.map(placed));
  assert.equal(new Set(nodes).size, 3);
  cluster.apply(
    [
      pod('apart-4', apart, { herd: 'x' }),
      pod('near', together),
      pod('huge', {
        containers: [{ name: 'c', image: 'portico/shell', resources: { requests: { cpu: '5000' } } }],
      }),
    ].join('---\n'),
  );
  await refusal('apart-4', /3 node\(s\) didn't match pod anti-affinity rules/);
  await refusal('huge', /3 Insufficient cpu/);
  await placed('near');
});

test('NoSchedule keeps out who does not tolerate it, NoExecute drives out, a cordon lets nobody new in', async () => {
  cluster.kubectl('taint', 'node', 'node-1', 'gpu=yes:NoSchedule');
  const here = { nodeSelector: { 'kubernetes.io/hostname': 'node-1' } };
  const tolerations = [{ key: 'gpu', operator: 'Equal', value: 'yes' }];
  cluster.apply([pod('refused', here), pod('tolerant', { ...here, tolerations })].join('---\n'));
  assert.equal(await placed('tolerant'), 'node-1');
  await refusal('refused', /1 node\(s\) had untolerated taint \{gpu: yes\}/);
  assert.equal(nodeOf('not-in'), 'node-1', 'NoSchedule leaves alone who is there');

  cluster.kubectl('taint', 'node', 'node-1', 'gpu=yes:NoExecute');
  await eventually('not-in is evicted', () =>
    cluster.tryKubectl('get', 'pod', 'not-in').status === 0 ? undefined : true,
  );
  assert.equal(nodeOf('tolerant'), 'node-1');
  cluster.kubectl('taint', 'node', 'node-1', 'gpu-');
  assert.equal(await placed('refused'), 'node-1');

  cluster.kubectl('cordon', 'node-2');
  cluster.apply(pod('late', { nodeSelector: { 'kubernetes.io/hostname': 'node-2' } }));
  await refusal('late', /1 node\(s\) were unschedulable/);
  cluster.kubectl('uncordon', 'node-2');
  assert.equal(await placed('late'), 'node-2');
});

test('a more important pod drives out a less important one, which ends gracefully and is told why', async () => {
  for (const [name, value] of [
    ['minor', '-10'],
    ['major', '1000'],
  ] as const) {
    cluster.kubectl('create', 'priorityclass', name, `--value=${value}`);
  }
  const port = (name: string, priorityClassName: string) =>
    pod(name, {
      priorityClassName,
      nodeSelector: { 'kubernetes.io/hostname': 'node-1' },
      containers: [{ name: 'c', image: 'portico/shell', ports: [{ containerPort: 80, hostPort: 8099 }] }],
    });
  cluster.apply(port('first', 'minor'));
  cluster.kubectl('wait', 'pod/first', '--for=condition=Ready', '--timeout=60s');
  cluster.apply(port('second', 'minor'));
  await refusal(
    'second',
    /^0\/3 nodes are available: 1 node\(s\) didn't have free ports for the requested pod ports, 2 node\(s\) didn't match Pod's node affinity\/selector\. preemption: 0\/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling\.$/,
  );
  cluster.apply(port('important', 'major'));
  assert.equal(await placed('important'), 'node-1');
  cluster.kubectl('wait', 'pod/important', '--for=condition=Ready', '--timeout=60s');
  assert.equal(cluster.kubectl('get', 'pods', 'first', '--ignore-not-found', '-o', 'name'), '');
  assert.equal(nodeOf('second'), '', 'who waited longer does not come before the more important one');
  const event = await eventually(
    'the event',
    () => cluster.kubectl('get', 'events', '--field-selector=reason=Preempted', '--no-headers') || undefined,
  );
  assert.match(event, /pod\/first +Preempted by pod [0-9a-f-]{36} on node node-1/);
  cluster.kubectl('delete', 'pod', 'second', 'important');
});
