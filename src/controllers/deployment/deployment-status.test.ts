import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, ReplicaSet, apps } from '../../api/objects.ts';
import { conditionOf, pauseCondition, rolloutStatus } from './deployment-status.ts';

const stored = (name: string) => ({
  name,
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  generation: 1,
});
const NOW = Date.parse('2026-01-01T01:00:00Z');

const deployment = (status: apps.DeploymentStatus = {}, spec: Partial<apps.DeploymentSpec> = {}): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: stored('web'),
  spec: { replicas: 3, progressDeadlineSeconds: 60, selector: {}, template: {}, ...spec },
  status,
});
const set = (ready: number, more: Partial<apps.ReplicaSetStatus> = {}): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: stored('web-1'),
  spec: { replicas: 3, selector: {} },
  status: { replicas: 3, readyReplicas: ready, availableReplicas: ready, ...more },
});
const progressing = (status: string, reason: string, ageSeconds: number): apps.DeploymentCondition => {
  const time = new Date(NOW - ageSeconds * 1000).toISOString();
  return { type: 'Progressing', status, reason, message: 'm', lastUpdateTime: time, lastTransitionTime: time };
};
const shown = (d: Deployment, s: ReplicaSet | undefined, type: string) => {
  const c = conditionOf(rolloutStatus(d, s, [], NOW).status.conditions, type);
  return c === undefined ? undefined : `${c.status} ${c.reason ?? ''}: ${c.message ?? ''}`;
};

test('Progressing tells of each state of a rollout', () => {
  const cases: [name: string, d: Deployment, s: ReplicaSet, expected: string][] = [
    ['first pods', deployment(), set(0), 'True ReplicaSetUpdated: ReplicaSet "web-1" is progressing.'],
    [
      'complete',
      deployment({ conditions: [progressing('True', 'ReplicaSetUpdated', 10)] }),
      set(3),
      'True NewReplicaSetAvailable: ReplicaSet "web-1" has successfully progressed.',
    ],
    [
      'nothing new, in time',
      deployment({ replicas: 3, updatedReplicas: 3, conditions: [progressing('True', 'ReplicaSetUpdated', 59)] }),
      set(0),
      'True ReplicaSetUpdated: m',
    ],
    [
      'nothing new, too late',
      deployment({ replicas: 3, updatedReplicas: 3, conditions: [progressing('True', 'ReplicaSetUpdated', 61)] }),
      set(0),
      'False ProgressDeadlineExceeded: ReplicaSet "web-1" has timed out progressing.',
    ],
    [
      'late, but then one more',
      deployment({
        replicas: 3,
        updatedReplicas: 3,
        conditions: [progressing('False', 'ProgressDeadlineExceeded', 100)],
      }),
      set(1),
      'True ReplicaSetUpdated: ReplicaSet "web-1" is progressing.',
    ],
    [
      'a pod fails after the end',
      deployment({ replicas: 3, updatedReplicas: 3, conditions: [progressing('True', 'NewReplicaSetAvailable', 900)] }),
      set(2),
      'True NewReplicaSetAvailable: m',
    ],
  ];
  for (const [name, d, s, expected] of cases) assert.equal(shown(d, s, 'Progressing'), expected, name);
});

test('the deadline is looked at again when it is due', () => {
  const d = deployment({ replicas: 3, updatedReplicas: 3, conditions: [progressing('True', 'ReplicaSetUpdated', 20)] });
  assert.equal(rolloutStatus(d, set(0), [], NOW).recheckMs, 41_000);
  assert.equal(rolloutStatus(d, set(3), [], NOW).recheckMs, undefined);
});

test('Available follows what may be unavailable', () => {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } };
  assert.match(shown(deployment({}, { strategy }), set(2), 'Available') ?? '', /^True MinimumReplicasAvailable/);
  assert.match(shown(deployment({}, { strategy }), set(1), 'Available') ?? '', /^False MinimumReplicasUnavailable/);
});

test('a failing ReplicaSet shows on its Deployment, and no longer when it works', () => {
  const failure = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' };
  const failing = deployment({}, {});
  assert.equal(shown(failing, set(0, { conditions: [failure] }), 'ReplicaFailure'), 'True FailedCreate: quota');
  assert.equal(shown(deployment({ conditions: [failure] }), set(3), 'ReplicaFailure'), undefined);
});

test('without a deadline there is no Progressing', () => {
  const d = deployment(
    { conditions: [progressing('True', 'ReplicaSetUpdated', 1)] },
    { progressDeadlineSeconds: 2_147_483_647 },
  );
  assert.equal(shown(d, set(0), 'Progressing'), undefined);
});

test('pausing and going on are conditions', () => {
  const paused = deployment({ conditions: [] }, { paused: true });
  const condition = pauseCondition(paused, NOW)?.[0];
  assert.deepEqual([condition?.status, condition?.reason], ['Unknown', 'DeploymentPaused']);
  const resumed = deployment({ conditions: condition === undefined ? [] : [condition] });
  assert.equal(pauseCondition(resumed, NOW)?.[0]?.reason, 'DeploymentResumed');
  assert.equal(pauseCondition(deployment(), NOW), undefined);
});
