// Keeps the status of disruption budgets, by which evictions are allowed or refused.
import type { Pod, PodDisruptionBudget } from '../../api/objects.ts';
import {
  deployments,
  labelSelectorMatches,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  statefulSets,
} from '../../api/objects.ts';
import { indexBy, objectKey } from '../../client/index.ts';
import { sameValue } from '../runtime/canonical.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { controllerOf } from '../runtime/owners.ts';
import { isDeleting } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { planBudget } from './plan-budget.ts';

export function startDisruptionController(context: ControllerContext): Running {
  const { client, clock } = context;
  const budgets = context.informers.of(podDisruptionBudgets);
  const podInformer = context.informers.of(pods);
  const sets = context.informers.of(replicaSets);
  const scaled = {
    ReplicaSet: sets,
    Deployment: context.informers.of(deployments),
    StatefulSet: context.informers.of(statefulSets),
    ReplicationController: context.informers.of(replicationControllers),
  };
  const podsByNamespace = indexBy(podInformer, (pod) => [pod.metadata.namespace ?? '']);
  const budgetsByNamespace = indexBy(budgets, (b) => [b.metadata.namespace ?? '']);
  const api = client.resource(podDisruptionBudgets);

  const addAll = (namespace: string | undefined) => {
    for (const key of budgetsByNamespace.get(namespace ?? '').keys()) queue.add(key);
  };
  podInformer.onChange(({ before, after }) => addAll((after ?? (before as Pod)).metadata.namespace));
  for (const informer of Object.values(scaled)) {
    informer.onChange(({ before, after }) => {
      const was = before?.spec?.replicas;
      if (was !== after?.spec?.replicas) addAll((after ?? before)?.metadata.namespace);
    });
  }
  budgets.onChange(({ key }) => queue.add(key));

  /** The object whose `replicas` say how many pods like this one there should be: for a ReplicaSet, its Deployment. */
  const scaleOf = (pod: Pod): { readonly uid: string; readonly replicas: number } | undefined => {
    const reference = controllerOf(pod);
    if (reference === undefined || !(reference.kind in scaled)) return undefined;
    const at = (kind: keyof typeof scaled, name: string) =>
      scaled[kind].items.get(objectKey(pod.metadata.namespace, name));
    const owner = at(reference.kind as keyof typeof scaled, reference.name);
    if (owner === undefined) return undefined;
    const above = controllerOf(owner);
    const top = above?.kind === 'Deployment' ? (at('Deployment', above.name) ?? owner) : owner;
    return { uid: top.metadata.uid, replicas: top.spec?.replicas ?? 1 };
  };

  const reconcile = async (key: string): Promise<void> => {
    const budget: PodDisruptionBudget | undefined = budgets.items.get(key);
    if (budget === undefined || isDeleting(budget)) return;
    const selector = budget.spec?.selector;
    const mine = [...podsByNamespace.get(budget.metadata.namespace ?? '').values()].filter(
      (pod) => selector !== undefined && labelSelectorMatches(selector, pod.metadata.labels ?? {}),
    );
    const owners = new Map(mine.flatMap((pod) => scaleOf(pod) ?? []).map((o) => [o.uid, o.replicas]));
    const expected = [...owners.values()].reduce((sum, n) => sum + n, 0);
    const { status, recheckMs } = planBudget(budget, mine, expected, clock.now());
    if (!sameValue(status, budget.status)) await api.updateStatus({ ...budget, status });
    if (recheckMs !== undefined) queue.addAfter(key, recheckMs);
  };

  const queue = startReconciler(context, {
    name: 'disruption-controller',
    needs: [budgets, podInformer, ...Object.values(scaled)],
    reconcile,
  });
  return { stop: () => queue.stop() };
}
