// Which pods disruption budgets protect from being driven out. Pure.
import { labelSelectorMatches, type Pod, type PodDisruptionBudget } from '../api/objects.ts';

/** If all of `pods` were to go, in this order: the departure of which would ask too much of a budget? */
export function wouldViolateBudget(
  pods: readonly Pod[],
  budgets: readonly PodDisruptionBudget[],
): (pod: Pod) => boolean {
  const left = new Map(budgets.map((budget) => [budget, budget.status?.disruptionsAllowed ?? 0]));
  const violating = new Set<Pod>();
  for (const pod of pods) {
    for (const budget of budgets) {
      if (!speaksOf(budget, pod)) continue;
      // The departure has been allowed and counted before.
      if (budget.status?.disruptedPods?.[pod.metadata.name] !== undefined) continue;
      const after = (left.get(budget) ?? 0) - 1;
      left.set(budget, after);
      if (after < 0) violating.add(pod);
    }
  }
  return (pod) => violating.has(pod);
}

/** Here, as in kube-scheduler, an empty selector means no pods. */
function speaksOf({ metadata, spec }: PodDisruptionBudget, pod: Pod): boolean {
  const { selector } = spec ?? {};
  const labels = pod.metadata.labels ?? {};
  if (metadata.namespace !== pod.metadata.namespace || selector === undefined) return false;
  if (Object.keys(labels).length === 0) return false;
  const terms = Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length;
  return terms > 0 && labelSelectorMatches(selector, labels);
}
