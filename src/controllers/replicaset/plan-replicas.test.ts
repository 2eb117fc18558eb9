import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/objects.ts';
import { planReplicas } from './plan-replicas.ts';
import { replicaStatus } from './replica-status.ts';

interface Facts {
  node?: string;
  phase?: string;
  ready?: boolean;
  readySince?: string;
  cost?: string;
  restarts?: number;
  created?: string;
}
const pod = (name: string, f: Facts = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    uid: name,
    resourceVersion: '1',
    creationTimestamp: f.created ?? '2026-01-01T00:00:00Z',
    labels: { app: 'web' },
    ...(f.cost === undefined ? {} : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': f.cost } }),
  },
  spec: { containers: [], nodeName: f.node ?? 'n1' },
  status: {
    phase: f.phase ?? 'Running',
    conditions: [
      {
        type: 'Ready',
        status: (f.ready ?? true) ? 'True' : 'False',
        lastTransitionTime: f.readySince ?? '2026-01-01T00:01:00Z',
      },
    ],
    containerStatuses: [{ name: 'c', image: '', imageID: '', ready: true, restartCount: f.restarts ?? 0 }],
  },
});

test('each rule decides which of two pods goes first', () => {
  const rules: [name: string, goes: Facts, stays: Facts][] = [
    ['without a node', { node: '', phase: 'Running' }, { phase: 'Pending', ready: false }],
    ['pending before running', { phase: 'Pending' }, { ready: false }],
    ['unknown before running', { phase: 'Unknown' }, {}],
    ['not ready', { ready: false, cost: '5' }, {}],
    ['cheaper', { cost: '-1' }, {}],
    ['a cost that is no number counts as 0', { readySince: '2026-01-01T00:02:00Z', cost: '01' }, { cost: '1' }],
    ['ready for less time', { readySince: '2026-01-01T00:02:00Z' }, { restarts: 9 }],
    ['more restarts', { restarts: 2 }, { created: '2026-01-02T00:00:00Z' }],
    ['younger', { created: '2026-01-02T00:00:00Z' }, {}],
  ];
  for (const [name, goes, stays] of rules) {
    const pods = [pod('stays', stays), pod('goes', goes)];
    assert.equal(planReplicas(1, pods).delete[0]?.metadata.name, 'goes', name);
    assert.equal(planReplicas(1, pods.toReversed()).delete[0]?.metadata.name, 'goes', name);
  }
});

test('of pods on crowded nodes one goes before the only one of a node', () => {
  const pods = [pod('a', { node: 'n1' }), pod('b', { node: 'n2' }), pod('c', { node: 'n2' })];
  assert.match(planReplicas(2, pods).delete[0]?.metadata.name ?? '', /b|c/);
  // Pods of the workload's other sets crowd a node as well.
  const related = [...pods, pod('x', { node: 'n1' }), pod('y', { node: 'n1' })];
  assert.equal(planReplicas(2, pods, related).delete[0]?.metadata.name, 'a');
});

test('the number to make is what lacks', () => {
  assert.deepEqual(planReplicas(3, [pod('a')]), { create: 2, delete: [] });
  assert.deepEqual(planReplicas(1, [pod('a')]), { create: 0, delete: [] });
  assert.equal(planReplicas(0, [pod('a'), pod('b')]).delete.length, 2);
});

test('the status counts ready and available pods and says when to look again', () => {
  const base = {
    generation: 4,
    templateLabels: { app: 'web', extra: 'x' },
    failure: undefined,
    previous: undefined,
    nowMs: Date.parse('2026-01-01T00:01:10Z'),
  };
  const active = [pod('a'), pod('b', { ready: false }), pod('c', { readySince: '2026-01-01T00:01:05Z' })];
  const { status, recheckMs } = replicaStatus({ ...base, minReadySeconds: 10, active });
  assert.deepEqual(status, {
    replicas: 3,
    fullyLabeledReplicas: 0,
    readyReplicas: 2,
    availableReplicas: 1,
    observedGeneration: 4,
  });
  assert.equal(recheckMs, 5000);
  assert.equal(replicaStatus({ ...base, minReadySeconds: 0, active }).status.availableReplicas, 2);
  const failure = { reason: 'FailedCreate', message: 'quota' } as const;
  const failed = replicaStatus({ ...base, minReadySeconds: 0, active, failure });
  assert.equal(failed.status.conditions?.[0]?.reason, 'FailedCreate');
});
