// The status of a ReplicaSet or ReplicationController, from its pods: pure.
import type { Pod, apps } from '../../api/objects.ts';
import { availableAtMs, isPodReady, timestamp } from '../runtime/pod-state.ts';

export interface ReplicaFailure {
  reason: 'FailedCreate' | 'FailedDelete';
  message: string;
}

export interface StatusInput {
  generation: number | undefined;
  minReadySeconds: number;
  templateLabels: Readonly<Record<string, string>>;
  active: readonly Pod[];
  /** What went wrong in this round. */
  failure: ReplicaFailure | undefined;
  previous: apps.ReplicaSetStatus | undefined;
  nowMs: number;
}

/** `recheckMs`: when the next ready pod becomes available, if one waits for that. */
export function replicaStatus(input: StatusInput): { status: apps.ReplicaSetStatus; recheckMs: number | undefined } {
  const { active, minReadySeconds, nowMs, failure, previous } = input;
  const labels = Object.entries(input.templateLabels);
  let ready = 0;
  let available = 0;
  let fullyLabeled = 0;
  let nextMs: number | undefined;
  for (const pod of active) {
    if (labels.every(([k, v]) => pod.metadata.labels?.[k] === v)) fullyLabeled++;
    if (!isPodReady(pod)) continue;
    ready++;
    const at = availableAtMs(pod, minReadySeconds);
    if (at === undefined) continue;
    if (at <= nowMs) available++;
    else nextMs = Math.min(nextMs ?? Infinity, at);
  }
  const conditions = failureConditions(previous?.conditions ?? [], failure, nowMs);
  const status: apps.ReplicaSetStatus = {
    replicas: active.length,
    fullyLabeledReplicas: fullyLabeled,
    readyReplicas: ready,
    availableReplicas: available,
    ...(input.generation === undefined ? {} : { observedGeneration: input.generation }),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
  return { status, recheckMs: nextMs === undefined ? undefined : nextMs - nowMs };
}

function failureConditions(
  previous: readonly apps.ReplicaSetCondition[],
  failure: ReplicaFailure | undefined,
  nowMs: number,
): apps.ReplicaSetCondition[] {
  const others = previous.filter((c) => c.type !== 'ReplicaFailure');
  if (failure === undefined) return others;
  const known = previous.find((c) => c.type === 'ReplicaFailure');
  // The first reason stays: messages that change with every try would make every try a write.
  if (known !== undefined && known.reason === failure.reason) return [...others, known];
  return [...others, { type: 'ReplicaFailure', status: 'True', lastTransitionTime: timestamp(nowMs), ...failure }];
}
