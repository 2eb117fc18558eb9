// How many pods to make, or which to delete first: pure.
import type { Pod } from '../../api/objects.ts';
import { isPodReady, podCondition } from '../runtime/pod-state.ts';

export type ReplicaPlan = { create: number; delete: readonly Pod[] };

/** `active` are the pods that count; `related` those of the same workload, by which crowded nodes are known. */
export function planReplicas(desired: number, active: readonly Pod[], related: readonly Pod[] = active): ReplicaPlan {
  if (active.length < desired) return { create: desired - active.length, delete: [] };
  if (active.length === desired) return { create: 0, delete: [] };
  return { create: 0, delete: rankForDeletion(active, related).slice(0, active.length - desired) };
}

const PHASE_ORDER: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
const COST = 'controller.kubernetes.io/pod-deletion-cost';

/** The pods whose loss hurts least come first. */
function rankForDeletion(active: readonly Pod[], related: readonly Pod[]): Pod[] {
  const onNode = new Map<string, number>();
  for (const pod of related) {
    const node = pod.spec?.nodeName;
    if (node !== undefined) onNode.set(node, (onNode.get(node) ?? 0) + 1);
  }
  const crowd = (pod: Pod) => onNode.get(pod.spec?.nodeName ?? '') ?? 0;
  const rules: ((a: Pod, b: Pod) => number)[] = [
    (a, b) => assigned(a) - assigned(b),
    (a, b) => phase(a) - phase(b),
    (a, b) => Number(isPodReady(a)) - Number(isPodReady(b)),
    (a, b) => deletionCost(a) - deletionCost(b),
    (a, b) => crowd(b) - crowd(a),
    (a, b) => (isPodReady(a) && isPodReady(b) ? newerFirst(readySince(a), readySince(b)) : 0),
    (a, b) => restarts(b) - restarts(a),
    (a, b) => newerFirst(createdAt(a), createdAt(b)),
    // Any order, but always the same one.
    (a, b) => (a.metadata.name < b.metadata.name ? -1 : 1),
  ];
  return active.toSorted((a, b) => {
    for (const rule of rules) {
      const order = rule(a, b);
      if (order !== 0) return order;
    }
    return 0;
  });
}

const assigned = (pod: Pod) => ((pod.spec?.nodeName ?? '') === '' ? 0 : 1);
const phase = (pod: Pod) => PHASE_ORDER[pod.status?.phase ?? 'Pending'] ?? 1;
const createdAt = (pod: Pod) => Date.parse(pod.metadata.creationTimestamp);
const readySince = (pod: Pod) => Date.parse(podCondition(pod, 'Ready')?.lastTransitionTime ?? '');
const restarts = (pod: Pod) => Math.max(0, ...(pod.status?.containerStatuses ?? []).map((c) => c.restartCount));

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[COST];
  return text !== undefined && /^(0|-?[1-9]\d*)$/.test(text) ? Number(text) : 0;
}

/** A time that is not known counts as the newest. */
function newerFirst(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  return b - a;
}
