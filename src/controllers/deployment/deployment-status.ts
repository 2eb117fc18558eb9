// A Deployment's status and conditions: pure. Reasons and texts are those that `kubectl rollout status` and
// `kubectl wait` look at.
import type { Deployment, ReplicaSet, apps } from '../../api/objects.ts';
import { timestamp } from '../runtime/pod-state.ts';
import { rolloutBounds } from './plan-rollout.ts';
import { desiredReplicas, sumAvailable, sumReplicas } from './replica-sets.ts';

type Condition = apps.DeploymentCondition;
type Conditions = readonly Condition[];

export const conditionOf = (conditions: Conditions | undefined, type: string): Condition | undefined =>
  conditions?.find((c) => c.type === type);

/** Sets the condition; one that says the same already stays, and the time of the last change of status is kept. */
export function withCondition(
  conditions: Conditions,
  next: { type: string; status: string; reason: string; message: string },
  nowMs: number,
): Condition[] {
  const current = conditionOf(conditions, next.type);
  if (current !== undefined && current.status === next.status && current.reason === next.reason) return [...conditions];
  const now = timestamp(nowMs);
  const lastTransitionTime = current?.status === next.status ? (current.lastTransitionTime ?? now) : now;
  return [...without(conditions, next.type), { ...next, lastUpdateTime: now, lastTransitionTime }];
}

const without = (conditions: Conditions, type: string): Condition[] => conditions.filter((c) => c.type !== type);

/** A Deployment without a deadline has no Progressing condition. */
export function hasDeadline(deployment: Deployment): boolean {
  const seconds = deployment.spec?.progressDeadlineSeconds;
  return seconds !== undefined && seconds !== 2_147_483_647;
}

export function baseStatus(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
  nowMs: number,
): apps.DeploymentStatus {
  const all = newSet === undefined ? oldSets : [...oldSets, newSet];
  const actual = (sets: readonly ReplicaSet[]) => sets.reduce((n, s) => n + (s.status?.replicas ?? 0), 0);
  const available = sumAvailable(all);
  const enough = available >= desiredReplicas(deployment) - rolloutBounds(deployment).unavailable;
  const availability = enough
    ? { status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
    : {
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
  const { generation } = deployment.metadata;
  const { collisionCount } = deployment.status ?? {};
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    replicas: actual(all),
    updatedReplicas: newSet === undefined ? 0 : actual([newSet]),
    readyReplicas: all.reduce((n, s) => n + (s.status?.readyReplicas ?? 0), 0),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sumReplicas(all) - available),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: withCondition(deployment.status?.conditions ?? [], { type: 'Available', ...availability }, nowMs),
  };
}

export function isComplete(deployment: Deployment, status: apps.DeploymentStatus): boolean {
  const replicas = desiredReplicas(deployment);
  return (
    status.updatedReplicas === replicas &&
    status.replicas === replicas &&
    status.availableReplicas === replicas &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function isProgressing(deployment: Deployment, next: apps.DeploymentStatus): boolean {
  const last = deployment.status ?? {};
  const old = (s: apps.DeploymentStatus) => (s.replicas ?? 0) - (s.updatedReplicas ?? 0);
  return (
    (next.updatedReplicas ?? 0) > (last.updatedReplicas ?? 0) ||
    old(next) < old(last) ||
    (next.readyReplicas ?? 0) > (last.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (last.availableReplicas ?? 0)
  );
}

function deadlineMs(deployment: Deployment, condition: Condition): number {
  return Date.parse(condition.lastUpdateTime ?? '') + (deployment.spec?.progressDeadlineSeconds ?? 600) * 1000;
}

function isTimedOut(deployment: Deployment, status: apps.DeploymentStatus, nowMs: number): boolean {
  const condition = conditionOf(status.conditions, 'Progressing');
  if (condition === undefined || condition.reason === 'NewReplicaSetAvailable') return false;
  if (condition.reason === 'ProgressDeadlineExceeded') return true;
  return deadlineMs(deployment, condition) < nowMs;
}

/** The whole status of a rollout. `recheckMs`: when the deadline has to be looked at again. */
export function rolloutStatus(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
  nowMs: number,
): { status: apps.DeploymentStatus; recheckMs: number | undefined } {
  const status = baseStatus(deployment, newSet, oldSets, nowMs);
  let conditions = status.conditions ?? [];
  const progress = conditionOf(deployment.status?.conditions, 'Progressing');
  const finished = status.replicas === status.updatedReplicas && progress?.reason === 'NewReplicaSetAvailable';
  if (!hasDeadline(deployment)) conditions = without(conditions, 'Progressing');
  else if (!finished) conditions = progressConditions(deployment, newSet, status, conditions, nowMs);

  const failure = replicaFailure(newSet, oldSets);
  if (failure === undefined) conditions = without(conditions, 'ReplicaFailure');
  else conditions = withCondition(conditions, failure, nowMs);

  const result = { ...status, conditions };
  return { status: result, recheckMs: recheckAfterMs(deployment, result, nowMs) };
}

function progressConditions(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  status: apps.DeploymentStatus,
  conditions: Condition[],
  nowMs: number,
): Condition[] {
  const subject =
    newSet === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newSet.metadata.name}"`;
  const set = (ok: string, reason: string, message: string) => ({ type: 'Progressing', status: ok, reason, message });
  if (isComplete(deployment, status)) {
    const done = set('True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`);
    return withCondition(conditions, done, nowMs);
  }
  if (isProgressing(deployment, status)) {
    const moving = set('True', 'ReplicaSetUpdated', `${subject} is progressing.`);
    // Each step forward starts the deadline anew, so the time is written even if the reason is the same.
    const current = conditionOf(conditions, 'Progressing');
    const now = timestamp(nowMs);
    const lastTransitionTime = current?.status === 'True' ? (current.lastTransitionTime ?? now) : now;
    return [...without(conditions, 'Progressing'), { ...moving, lastUpdateTime: now, lastTransitionTime }];
  }
  if (isTimedOut(deployment, status, nowMs)) {
    const late = set('False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`);
    return withCondition(conditions, late, nowMs);
  }
  return conditions;
}

function replicaFailure(newSet: ReplicaSet | undefined, oldSets: readonly ReplicaSet[]) {
  for (const set of newSet === undefined ? oldSets : [newSet, ...oldSets]) {
    const found = set.status?.conditions?.find((c) => c.type === 'ReplicaFailure');
    if (found === undefined) continue;
    return { type: 'ReplicaFailure', status: found.status, reason: found.reason ?? '', message: found.message ?? '' };
  }
  return undefined;
}

function recheckAfterMs(deployment: Deployment, status: apps.DeploymentStatus, nowMs: number): number | undefined {
  const condition = conditionOf(status.conditions, 'Progressing');
  if (!hasDeadline(deployment) || condition === undefined || isComplete(deployment, status)) return undefined;
  if (condition.reason === 'NewReplicaSetAvailable' || condition.reason === 'ProgressDeadlineExceeded')
    return undefined;
  // One second more: the condition holds whole seconds.
  return Math.max(0, deadlineMs(deployment, condition) - nowMs) + 1000;
}

/** The Progressing condition of a Deployment that is paused or goes on; undefined if it is right already. */
export function pauseCondition(deployment: Deployment, nowMs: number): Condition[] | undefined {
  if (!hasDeadline(deployment)) return undefined;
  const conditions = deployment.status?.conditions ?? [];
  const current = conditionOf(conditions, 'Progressing');
  if (current?.reason === 'ProgressDeadlineExceeded') return undefined;
  const paused = deployment.spec?.paused === true;
  const shown = current?.reason === 'DeploymentPaused';
  if (paused === shown) return undefined;
  const next = paused
    ? { reason: 'DeploymentPaused', message: 'Deployment is paused' }
    : { reason: 'DeploymentResumed', message: 'Deployment is resumed' };
  return withCondition(conditions, { type: 'Progressing', status: 'Unknown', ...next }, nowMs);
}
