import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, StatefulSet, apps } from '../../api/objects.ts';
import { planStatefulPods } from './plan-pods.ts';
import { statefulTemplate } from './stateful-pod.ts';

const stored = (name: string) => ({ name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' });
const set = (replicas: number, spec: Partial<apps.StatefulSetSpec> = {}): StatefulSet => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: stored('db'),
  spec: { replicas, serviceName: 'db', selector: {}, template: {}, ...spec },
});

/** `0 1! 2x 3old 4-` : ready, not ready, being deleted, of the old revision, failed. */
function pods(text: string): Pod[] {
  return text
    .split(' ')
    .filter((t) => t !== '')
    .map((t) => {
      const ordinal = /^\d+/.exec(t)?.[0] ?? '';
      const metadata = {
        ...stored(`db-${ordinal}`),
        labels: { 'controller-revision-hash': t.includes('old') ? 'old' : 'new' },
      };
      return {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: t.includes('x') ? { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } : metadata,
        status: {
          phase: t.includes('-') ? 'Failed' : 'Running',
          conditions: [{ type: 'Ready', status: t.includes('!') || t.includes('-') ? 'False' : 'True' }],
        },
      };
    });
}
const plan = (s: StatefulSet, text: string) =>
  planStatefulPods({ set: s, pods: pods(text), currentRevision: 'old', updateRevision: 'new', nowMs: 0 })
    .map((step) =>
      step.do === 'create'
        ? `+${step.ordinal}${step.revision === 'current' ? 'old' : ''}`
        : `-${step.pod.metadata.name} ${step.why}`,
    )
    .join(', ');

test('one step at a time, in order', () => {
  const partition = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } };
  const onDelete = { updateStrategy: { type: 'OnDelete' } };
  const parallel = { podManagementPolicy: 'Parallel' };
  const cases: [s: StatefulSet, have: string, expected: string][] = [
    [set(3), '', '+0'],
    [set(3), '0!', ''],
    [set(3), '0', '+1'],
    [set(3), '0 1 2', ''],
    [set(3), '0 2', '+1'],
    [set(3), '0 1- 2', '-db-1 failed'],
    [set(3), '0 1x 2', ''],
    [set(1), '0 1 2', '-db-2 scale'],
    [set(1), '0 1 2x', ''],
    [set(1), '0! 1 2', ''],
    [set(3, parallel), '1', '+0, +2'],
    [set(1, parallel), '0 1 2', '-db-2 scale, -db-1 scale'],
    [set(2, { ordinals: { start: 5 } }), '5', '+6'],
    [set(2, { ordinals: { start: 5 } }), '0 5 6', '-db-0 scale'],
    [set(3), '0old 1old 2old', '-db-2 update'],
    [set(3), '0old 1old 2!', ''],
    [set(3), '0old 1old 2', '-db-1 update'],
    [set(3), '0old 1old', '+2'],
    [set(3, partition), '0old 1old 2', ''],
    [set(3, partition), '0old', '+1old'],
    [set(3, onDelete), '0old 1old 2old', ''],
    [set(3, onDelete), '0old 1old', '+2'],
  ];
  for (const [s, have, expected] of cases) assert.equal(plan(s, have), expected, `${have} of ${s.spec?.replicas}`);
});

test('a pod with a number has the names that DNS answers for', () => {
  const template = { metadata: { labels: { app: 'db' } }, spec: { containers: [] } };
  assert.deepEqual(statefulTemplate(set(1), template, 2, 'h'), {
    metadata: {
      labels: {
        app: 'db',
        'statefulset.kubernetes.io/pod-name': 'db-2',
        'apps.kubernetes.io/pod-index': '2',
        'controller-revision-hash': 'h',
      },
    },
    spec: { containers: [], hostname: 'db-2', subdomain: 'db' },
  });
});
