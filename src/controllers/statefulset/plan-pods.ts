// Which pod of a StatefulSet to make or delete next: pure.
import type { Pod, StatefulSet } from '../../api/objects.ts';
import { isDeleting, isPodAvailable, isPodFinished, isPodReady } from '../runtime/pod-state.ts';
import { REVISION_HASH } from '../runtime/revisions.ts';

export type StatefulStep =
  | { do: 'create'; ordinal: number; revision: 'current' | 'update' }
  | { do: 'delete'; pod: Pod; why: 'failed' | 'scale' | 'update' };

export interface StatefulInput {
  set: StatefulSet;
  pods: readonly Pod[];
  /** Hashes of the revisions that are left behind and gone to. */
  currentRevision: string;
  updateRevision: string;
  nowMs: number;
}

/** The number at the end of the name; undefined if the pod is none of this set's. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const prefix = `${set.metadata.name}-`;
  const rest = pod.metadata.name.slice(prefix.length);
  return pod.metadata.name.startsWith(prefix) && /^(0|[1-9]\d*)$/.test(rest) ? Number(rest) : undefined;
}

const firstOrdinal = (set: StatefulSet): number => set.spec?.ordinals?.start ?? 0;
const replicasOf = (set: StatefulSet): number => set.spec?.replicas ?? 1;

/** Is the number one that the set wants no more? */
export const isCondemned = (set: StatefulSet, ordinal: number): boolean =>
  ordinal < firstOrdinal(set) || ordinal >= firstOrdinal(set) + replicasOf(set);

const isOrdered = (set: StatefulSet): boolean => set.spec?.podManagementPolicy !== 'Parallel';
const isRolling = (set: StatefulSet): boolean =>
  (set.spec?.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate';

/** A pod of this number is made from the template that its place in the roll-out asks for. */
function revisionFor(set: StatefulSet, ordinal: number): 'current' | 'update' {
  const partition = set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
  return isRolling(set) && ordinal < firstOrdinal(set) + partition ? 'current' : 'update';
}

export function planStatefulPods(input: StatefulInput): StatefulStep[] {
  const { set, pods, nowMs } = input;
  const ordered = isOrdered(set);
  const isHealthy = (pod: Pod) =>
    isPodReady(pod) && !isDeleting(pod) && isPodAvailable(pod, set.spec?.minReadySeconds ?? 0, nowMs);
  const first = firstOrdinal(set);
  const end = first + replicasOf(set);
  const byOrdinal = new Map<number, Pod>();
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod);
  }

  const steps: StatefulStep[] = [];
  for (let ordinal = first; ordinal < end; ordinal++) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) {
      steps.push({ do: 'create', ordinal, revision: revisionFor(set, ordinal) });
      if (ordered) return steps;
      continue;
    }
    if (isPodFinished(pod) && !isDeleting(pod)) {
      steps.push({ do: 'delete', pod, why: 'failed' });
      if (ordered) return steps;
      continue;
    }
    if (ordered && !isHealthy(pod)) return steps;
  }

  const condemned = [...byOrdinal].filter(([n]) => isCondemned(set, n)).toSorted(([a], [b]) => b - a);
  for (const [, pod] of condemned) {
    if (!isDeleting(pod)) steps.push({ do: 'delete', pod, why: 'scale' });
    // One after the other, each only when the one before is gone.
    if (ordered) return steps;
  }
  if (steps.length > 0 || !isRolling(set) || isDeleting(set)) return steps;
  return updateSteps(input, byOrdinal, isHealthy);
}

/** From the highest number down, one pod at a time, and only while those before it work. */
function updateSteps(
  input: StatefulInput,
  byOrdinal: ReadonlyMap<number, Pod>,
  isHealthy: (pod: Pod) => boolean,
): StatefulStep[] {
  const { set, updateRevision } = input;
  const first = firstOrdinal(set);
  const lowest = first + (set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0);
  for (let ordinal = first + replicasOf(set) - 1; ordinal >= lowest; ordinal--) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) return [];
    if (pod.metadata.labels?.[REVISION_HASH] !== updateRevision && !isDeleting(pod)) {
      return [{ do: 'delete', pod, why: 'update' }];
    }
    if (!isHealthy(pod)) return [];
  }
  return [];
}
