// Keeps the number of pods of a ReplicaSet or a ReplicationController. Both kinds are the same work.
import type { Pod, Resource, apps } from '../../api/objects.ts';
import { pods } from '../../api/objects.ts';
import type { KubeObject } from '../../api/objects.ts';
import { indexBy, keyOf, objectKey } from '../../client/index.ts';
import { claim } from '../runtime/claim.ts';
import { recorderOf } from '../runtime/context.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { sameValue } from '../runtime/canonical.ts';
import { Expectations } from '../runtime/expectations.ts';
import { controllerOf } from '../runtime/owners.ts';
import { createPodControl, isNamespaceTerminating, messageOf } from '../runtime/pod-control.ts';
import type { PodTemplate } from '../runtime/pod-control.ts';
import { isDeleting, isPodActive } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { slowStart } from '../runtime/slow-start.ts';
import { planReplicas } from './plan-replicas.ts';
import { replicaStatus } from './replica-status.ts';
import type { ReplicaFailure } from './replica-status.ts';

type Labels = Readonly<Record<string, string>> | undefined;

/** What differs between the two kinds. */
export interface ReplicaKind<T extends KubeObject> {
  component: string;
  resource: Resource<T>;
  selects(owner: T): (labels: Labels) => boolean;
  template(owner: T): PodTemplate | undefined;
  replicas(owner: T): number;
  minReadySeconds(owner: T): number;
  status(owner: T): apps.ReplicaSetStatus | undefined;
  withStatus(owner: T, status: apps.ReplicaSetStatus): T;
}

export function startReplicaController<T extends KubeObject>(
  context: ControllerContext,
  kind: ReplicaKind<T>,
): Running {
  const { client, clock } = context;
  const log = context.log.with({ controller: kind.component });
  const owners = context.informers.of(kind.resource);
  const podInformer = context.informers.of(pods);
  const podsByOwner = indexBy(podInformer, (pod) => [
    controllerOf(pod)?.uid ?? `orphan/${pod.metadata.namespace ?? ''}`,
  ]);
  const siblings = indexBy(owners, (owner) => [controllerOf(owner)?.uid ?? owner.metadata.uid]);
  const ownersByNamespace = indexBy(owners, (owner) => [owner.metadata.namespace ?? '']);
  const recorder = recorderOf(context, kind.component);
  const control = createPodControl(client, recorder);
  const api = client.resource(kind.resource);
  const podApi = client.resource(pods);
  const expectations = new Expectations(clock);

  /** Our owner of this pod by reference, if it is the very one and not a namesake. */
  const ownerOf = (pod: Pod): T | undefined => {
    const reference = controllerOf(pod);
    if (reference?.kind !== kind.resource.kind) return undefined;
    const owner = owners.items.get(objectKey(pod.metadata.namespace, reference.name));
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  };
  const addAdopters = (pod: Pod) => {
    for (const [key, owner] of ownersByNamespace.get(pod.metadata.namespace ?? '')) {
      if (kind.selects(owner)(pod.metadata.labels)) queue.add(key);
    }
  };

  podInformer.onChange(({ before, after }) => {
    const was = before === undefined ? undefined : ownerOf(before);
    const is = after === undefined ? undefined : ownerOf(after);
    if (was !== undefined) {
      const key = keyOf(was);
      if (after === undefined || isDeleting(after)) expectations.deletionSeen(key, before?.metadata.uid ?? '');
      queue.add(key);
    }
    if (is !== undefined && is !== was) {
      if (before === undefined) expectations.creationSeen(keyOf(is));
      queue.add(keyOf(is));
    }
    if (after !== undefined && controllerOf(after) === undefined && !isDeleting(after)) {
      const relabelled =
        before === undefined || was !== undefined || !sameValue(before.metadata.labels, after.metadata.labels);
      if (relabelled) addAdopters(after);
    }
  });
  owners.onChange(({ key, after }) => {
    if (after === undefined) expectations.forget(key);
    queue.add(key);
  });

  /** Active pods of everything that the same Deployment owns. */
  const relatedPods = (owner: T): Pod[] => {
    const related: Pod[] = [];
    for (const sibling of siblings.get(controllerOf(owner)?.uid ?? owner.metadata.uid).values()) {
      for (const pod of podsByOwner.get(sibling.metadata.uid).values()) if (isPodActive(pod)) related.push(pod);
    }
    return related;
  };

  const scale = async (key: string, owner: T, active: readonly Pod[]): Promise<unknown> => {
    const template = kind.template(owner);
    const plan = planReplicas(kind.replicas(owner), active, relatedPods(owner));
    if (plan.create > 0 && template !== undefined) {
      const count = Math.min(plan.create, 500);
      expectations.expectCreations(key, count);
      let tried = 0;
      const { error } = await slowStart(count, async () => {
        tried++;
        try {
          await control.create(owner, template);
        } catch (e) {
          expectations.creationSeen(key);
          throw e;
        }
      });
      for (let skipped = tried; skipped < count; skipped++) expectations.creationSeen(key);
      return isNamespaceTerminating(error) ? undefined : error;
    }
    expectations.expectDeletions(
      key,
      plan.delete.map((pod) => pod.metadata.uid),
    );
    const results = await Promise.allSettled(
      plan.delete.map(async (pod) => {
        try {
          await control.delete(owner, pod);
        } catch (e) {
          expectations.deletionSeen(key, pod.metadata.uid);
          throw e;
        }
        // Already gone: no event will come.
        if (!podInformer.items.has(keyOf(pod))) expectations.deletionSeen(key, pod.metadata.uid);
      }),
    );
    return results.find((r) => r.status === 'rejected')?.reason;
  };

  const reconcile = async (key: string): Promise<void> => {
    const owner = owners.items.get(key);
    if (owner === undefined) return;
    const satisfied = expectations.satisfied(key);
    const selects = kind.selects(owner);
    const candidates = [
      ...podsByOwner.get(owner.metadata.uid).values(),
      ...podsByOwner.get(`orphan/${owner.metadata.namespace ?? ''}`).values(),
    ];
    const mine = await claim(owner, api, podApi, candidates, selects);
    const active = mine.filter(isPodActive);
    const error = satisfied && !isDeleting(owner) ? await scale(key, owner, active) : undefined;
    const failure: ReplicaFailure | undefined =
      error === undefined
        ? undefined
        : { reason: active.length < kind.replicas(owner) ? 'FailedCreate' : 'FailedDelete', message: messageOf(error) };
    const previous = kind.status(owner);
    const { status, recheckMs } = replicaStatus({
      generation: owner.metadata.generation,
      minReadySeconds: kind.minReadySeconds(owner),
      templateLabels: kind.template(owner)?.metadata?.labels ?? {},
      active,
      failure,
      previous,
      nowMs: clock.now(),
    });
    if (!sameCounts(status, previous)) await api.updateStatus(kind.withStatus(owner, status));
    if (recheckMs !== undefined) queue.addAfter(key, recheckMs);
    if (error !== undefined) throw error;
  };

  const queue = startReconciler(context, {
    name: kind.component,
    needs: [owners, podInformer],
    workers: 5,
    reconcile,
  });
  log.debug('started');
  return {
    async stop() {
      await queue.stop();
      recorder.stop();
    },
  };
}

/** A count of zero may be absent in what the server stored. */
function sameCounts(a: apps.ReplicaSetStatus, b: apps.ReplicaSetStatus | undefined): boolean {
  if (b === undefined) return false;
  const filled = { ...b };
  filled.fullyLabeledReplicas ??= 0;
  filled.readyReplicas ??= 0;
  filled.availableReplicas ??= 0;
  return sameValue(a, filled);
}
