// How many pods of a disruption budget may be evicted now. Pure.
import { scaledIntOrPercent } from '../../api/objects.ts';
import type { Pod, PodDisruptionBudget, policy } from '../../api/objects.ts';
import { isDeleting, isPodFinished, isPodReady, timestamp } from '../runtime/pod-state.ts';

/** An eviction that was allowed and has not led to a deletion by then did not happen. */
export const EVICTION_TIMEOUT_MS = 120_000;

export interface BudgetPlan {
  readonly status: policy.PodDisruptionBudgetStatus;
  readonly recheckMs: number | undefined;
}

/** `expectedScale`: pods that the owners of these pods want altogether. */
export function planBudget(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  expectedScale: number,
  now: number,
): BudgetPlan {
  const { spec, status, metadata } = budget;
  const { minAvailable, maxUnavailable } = spec ?? {};
  const alive = pods.filter((p) => !isPodFinished(p));
  const evicted: Record<string, string> = {};
  let recheckMs: number | undefined;
  for (const [name, at] of Object.entries(status?.disruptedPods ?? {})) {
    const pod = alive.find((p) => p.metadata.name === name);
    const left = Date.parse(at) + EVICTION_TIMEOUT_MS - now;
    if (pod === undefined || isDeleting(pod) || left <= 0) continue;
    evicted[name] = at;
    recheckMs = Math.min(recheckMs ?? left, left);
  }
  let expected = alive.length;
  let desired = 0;
  if (maxUnavailable !== undefined) {
    expected = expectedScale;
    desired = Math.max(0, expected - (scaledIntOrPercent(maxUnavailable, expected, { roundUp: true }) ?? 0));
  } else if (typeof minAvailable === 'number') desired = minAvailable;
  else if (minAvailable !== undefined) {
    expected = expectedScale;
    desired = scaledIntOrPercent(minAvailable, expected, { roundUp: true }) ?? expected;
  }
  const healthy = alive.filter((p) => isPodReady(p) && !isDeleting(p) && evicted[p.metadata.name] === undefined).length;
  const allowed = expected <= 0 ? 0 : Math.max(0, healthy - desired);
  const before = status?.conditions?.find((c) => c.type === 'DisruptionAllowed');
  const is = allowed > 0 ? 'True' : 'False';
  return {
    recheckMs,
    status: {
      ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
      ...(Object.keys(evicted).length === 0 ? {} : { disruptedPods: evicted }),
      disruptionsAllowed: allowed,
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: expected,
      conditions: [
        {
          type: 'DisruptionAllowed',
          status: is,
          reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
          message: '',
          ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
          lastTransitionTime: before?.status === is ? before.lastTransitionTime : timestamp(now),
        },
      ],
    },
  };
}
