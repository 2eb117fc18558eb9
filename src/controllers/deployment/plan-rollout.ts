// How far each ReplicaSet may be scaled now: rolling update, recreation, proportional scaling. Pure.
import { resolveFenceposts } from '../../api/objects.ts';
import type { Deployment, ReplicaSet } from '../../api/objects.ts';
import {
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  annotationNumber,
  byAge,
  desiredReplicas,
  isActiveSet,
  sumAvailable,
  sumReplicas,
} from './replica-sets.ts';

/** Set this ReplicaSet to this size. */
export interface ScaleStep {
  set: ReplicaSet;
  to: number;
}

export interface Bounds {
  surge: number;
  unavailable: number;
}

const isRolling = (d: Deployment) => (d.spec?.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';

/** By how many pods the rollout may be above and below the number wanted. */
export function rolloutBounds(deployment: Deployment): Bounds {
  const replicas = desiredReplicas(deployment);
  if (!isRolling(deployment) || replicas === 0) return { surge: 0, unavailable: 0 };
  const rolling = deployment.spec?.strategy?.rollingUpdate;
  const bounds = resolveFenceposts(rolling?.maxSurge ?? '25%', rolling?.maxUnavailable ?? '25%', replicas);
  return { surge: bounds.surge, unavailable: Math.min(bounds.unavailable, replicas) };
}

/** The size the new set should have now. */
export function newSetSize(deployment: Deployment, sets: readonly ReplicaSet[], newSize: number): number {
  const replicas = desiredReplicas(deployment);
  if (!isRolling(deployment) || newSize >= replicas) return replicas;
  const room = replicas + rolloutBounds(deployment).surge - sumReplicas(sets);
  return room <= 0 ? newSize : newSize + Math.min(room, replicas - newSize);
}

/** How far the old sets may shrink without too few pods being available. Pods that do not work go first. */
export function shrinkOldSets(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): ScaleStep[] {
  if (sumReplicas(oldSets) === 0) return [];
  const all = newSet === undefined ? oldSets : [...oldSets, newSet];
  const minAvailable = desiredReplicas(deployment) - rolloutBounds(deployment).unavailable;
  const newUnavailable = newSet === undefined ? 0 : desiredReplicas(newSet) - (newSet.status?.availableReplicas ?? 0);
  const most = sumReplicas(all) - minAvailable - newUnavailable;
  if (most <= 0) return [];

  const sizes = new Map<ReplicaSet, number>(oldSets.map((set) => [set, desiredReplicas(set)]));
  const ordered = oldSets.toSorted(byAge);
  let left = most;
  for (const set of ordered) {
    const size = sizes.get(set) ?? 0;
    const broken = Math.max(0, size - (set.status?.availableReplicas ?? 0));
    const cut = Math.min(left, broken);
    sizes.set(set, size - cut);
    left -= cut;
  }
  let spare = sumAvailable(all) - minAvailable;
  for (const set of ordered) {
    if (spare <= 0) break;
    const size = sizes.get(set) ?? 0;
    const cut = Math.min(size, spare);
    sizes.set(set, size - cut);
    spare -= cut;
  }
  return ordered.flatMap((set) => {
    const to = sizes.get(set) ?? 0;
    return to === desiredReplicas(set) ? [] : [{ set, to }];
  });
}

/** The number of replicas was changed since the sets were last sized: no part of a rollout, so it comes first. */
export function isScalingEvent(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => {
    const last = annotationNumber(set, DESIRED_REPLICAS);
    return isActiveSet(set) && last !== undefined && last !== desiredReplicas(deployment);
  });
}

/** All pods wanted are the new set's, and they work. */
function isSaturated(deployment: Deployment, newSet: ReplicaSet | undefined): boolean {
  if (newSet === undefined) return false;
  const replicas = desiredReplicas(deployment);
  return (
    desiredReplicas(newSet) === replicas &&
    annotationNumber(newSet, DESIRED_REPLICAS) === replicas &&
    (newSet.status?.availableReplicas ?? 0) === replicas
  );
}

/** Sizes after a change of the Deployment's replicas, or while it is paused: every set keeps its share. */
export function scaleSets(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  oldSets: readonly ReplicaSet[],
): ScaleStep[] {
  const replicas = desiredReplicas(deployment);
  const all = newSet === undefined ? [...oldSets] : [...oldSets, newSet];
  const active = all.filter(isActiveSet);
  if (active.length <= 1) {
    const only = active[0] ?? newSet ?? oldSets.toSorted(byAge).at(-1);
    // Also when the size is right: the step brings the set's annotations up to date.
    return only === undefined ? [] : [{ set: only, to: replicas }];
  }
  if (isSaturated(deployment, newSet)) {
    return oldSets.filter(isActiveSet).map((set) => ({ set, to: 0 }));
  }
  return isRolling(deployment) ? proportionalSteps(deployment, active) : [];
}

function proportionalSteps(deployment: Deployment, active: readonly ReplicaSet[]): ScaleStep[] {
  const replicas = desiredReplicas(deployment);
  const allowed = replicas > 0 ? replicas + rolloutBounds(deployment).surge : 0;
  const change = allowed - sumReplicas(active);
  // The bigger sets first; among equals the newer when growing, the older when shrinking.
  const ordered = active.toSorted((a, b) => {
    const bySize = desiredReplicas(b) - desiredReplicas(a);
    return bySize !== 0 ? bySize : change > 0 ? byAge(b, a) : byAge(a, b);
  });
  let done = 0;
  const sizes = ordered.map((set) => {
    if (change === 0) return desiredReplicas(set);
    const share = shareOf(deployment, set, change, done);
    done += share;
    return desiredReplicas(set) + share;
  });
  if (change !== 0 && sizes[0] !== undefined) sizes[0] = Math.max(0, sizes[0] + change - done);
  return ordered.map((set, i) => ({ set, to: sizes[i] ?? 0 }));
}

/** This set's part of the change, in proportion to its part of the pods, within what is left to give. */
function shareOf(deployment: Deployment, set: ReplicaSet, change: number, done: number): number {
  const size = desiredReplicas(set);
  if (size === 0) return 0;
  const replicas = desiredReplicas(deployment);
  const left = change - done;
  let fraction = -size;
  if (replicas > 0) {
    const known = annotationNumber(set, MAX_REPLICAS) ?? deployment.status?.replicas ?? 0;
    const before = known > 0 ? known : replicas;
    fraction = roundHalfAway((size * (replicas + rolloutBounds(deployment).surge)) / before) - size;
  }
  return change > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
}

const roundHalfAway = (n: number): number => Math.sign(n) * Math.round(Math.abs(n));

/** Old sets without pods beyond the history limit, the oldest revisions first. */
export function setsToForget(
  deployment: Deployment,
  oldSets: readonly ReplicaSet[],
  revision: (set: ReplicaSet) => number,
): ReplicaSet[] {
  const limit = deployment.spec?.revisionHistoryLimit ?? 10;
  const alive = oldSets.filter((set) => set.metadata.deletionTimestamp === undefined);
  return alive
    .toSorted((a, b) => revision(a) - revision(b) || byAge(a, b))
    .slice(0, Math.max(0, alive.length - limit))
    .filter(
      (set) =>
        (set.status?.replicas ?? 0) === 0 &&
        desiredReplicas(set) === 0 &&
        (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0),
    );
}
