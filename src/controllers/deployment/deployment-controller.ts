// Rolls out Deployments: the IO around the pure decisions of this folder.
import { deployments, isAlreadyExists, isNotFound, labelSelectorOf, pods, replicaSets } from '../../api/objects.ts';
import type { Deployment, ReplicaSet, apps } from '../../api/objects.ts';
import { indexBy, keyOf, objectKey } from '../../client/index.ts';
import { sameValue } from '../runtime/canonical.ts';
import { claim } from '../runtime/claim.ts';
import { recorderOf } from '../runtime/context.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { controllerOf } from '../runtime/owners.ts';
import { messageOf } from '../runtime/pod-control.ts';
import { isDeleting, isPodFinished } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { baseStatus, conditionOf, hasDeadline, isComplete } from './deployment-status.ts';
import { pauseCondition, rolloutStatus, withCondition } from './deployment-status.ts';
import { newReplicaSet, sizeAnnotations } from './new-replica-set.ts';
import { isScalingEvent, newSetSize, scaleSets, setsToForget, shrinkOldSets } from './plan-rollout.ts';
import type { ScaleStep } from './plan-rollout.ts';
import {
  REVISION,
  desiredReplicas,
  findNewSet,
  isActiveSet,
  newSetAnnotations,
  revisionOf,
  sameTemplate,
} from './replica-sets.ts';

const COMPONENT = 'deployment-controller';

export function startDeploymentController(context: ControllerContext): Running {
  const { client, clock } = context;
  const informer = context.informers.of(deployments);
  const setInformer = context.informers.of(replicaSets);
  const podInformer = context.informers.of(pods);
  const ownerUid = (o: Parameters<typeof controllerOf>[0] & { metadata: { namespace?: string } }) =>
    controllerOf(o)?.uid ?? `orphan/${o.metadata.namespace ?? ''}`;
  const setsByOwner = indexBy(setInformer, (set) => [ownerUid(set)]);
  const podsByOwner = indexBy(podInformer, (pod) => [ownerUid(pod)]);
  const byNamespace = indexBy(informer, (d) => [d.metadata.namespace ?? '']);
  const recorder = recorderOf(context, COMPONENT);
  const api = client.resource(deployments);
  const setApi = client.resource(replicaSets);

  const ownerKey = (set: ReplicaSet): string | undefined => {
    const reference = controllerOf(set);
    if (reference?.kind !== 'Deployment') return undefined;
    const key = objectKey(set.metadata.namespace, reference.name);
    return informer.items.get(key)?.metadata.uid === reference.uid ? key : undefined;
  };
  informer.onChange(({ key }) => queue.add(key));
  setInformer.onChange(({ before, after }) => {
    for (const set of [before, after]) {
      const key = set === undefined ? undefined : ownerKey(set);
      if (key !== undefined) queue.add(key);
    }
    if (after === undefined || controllerOf(after) !== undefined) return;
    for (const [key, deployment] of byNamespace.get(after.metadata.namespace ?? '')) {
      if (labelSelectorOf(deployment.spec?.selector).matches(after.metadata.labels)) queue.add(key);
    }
  });
  // Recreate waits for the last old pod to be gone.
  podInformer.onChange(({ before, after }) => {
    if (before === undefined || after !== undefined) return;
    const set = setInformer.items.get(objectKey(before.metadata.namespace, controllerOf(before)?.name ?? ''));
    const key = set === undefined ? undefined : ownerKey(set);
    if (key !== undefined && informer.items.get(key)?.spec?.strategy?.type === 'Recreate') queue.add(key);
  });

  /** Sizes sets and keeps on them what proportional scaling needs to know later. Returns the sets as they are now. */
  const applySteps = async (deployment: Deployment, steps: readonly ScaleStep[]): Promise<void> => {
    for (const { set, to } of steps) {
      const from = desiredReplicas(set);
      const annotations = { ...set.metadata.annotations, ...sizeAnnotations(deployment) };
      if (from === to && sameValue(annotations, set.metadata.annotations)) continue;
      await setApi.update({
        ...set,
        metadata: { ...set.metadata, annotations },
        spec: { ...specOf(set), replicas: to },
      });
      if (from === to) continue;
      const direction = to > from ? 'up' : 'down';
      const text = `Scaled ${direction} replica set ${set.metadata.name} from ${from} to ${to}`;
      recorder.event(deployment, 'Normal', 'ScalingReplicaSet', text);
    }
  };

  const writeStatus = async (deployment: Deployment, status: apps.DeploymentStatus): Promise<Deployment> => {
    if (sameValue(withZeros(deployment.status), withZeros(status))) return deployment;
    return await api.updateStatus({ ...deployment, status });
  };

  const createNewSet = async (deployment: Deployment, oldSets: readonly ReplicaSet[]): Promise<ReplicaSet> => {
    const wanted = newReplicaSet(deployment, oldSets);
    let created: ReplicaSet;
    try {
      created = await setApi.create(wanted);
    } catch (error) {
      if (isAlreadyExists(error)) {
        const existing = await setApi.get(wanted.metadata.name ?? '', deployment.metadata.namespace);
        const ours = controllerOf(existing)?.uid === deployment.metadata.uid;
        // Made by an earlier round whose event we have not seen yet.
        if (ours && sameTemplate(existing.spec?.template, deployment.spec?.template)) return existing;
        const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
        await api.updateStatus({ ...deployment, status: { ...deployment.status, collisionCount } });
        throw new Error(`the name ${wanted.metadata.name ?? ''} is taken: trying another hash`, { cause: error });
      }
      const message = `Failed to create new replica set "${wanted.metadata.name ?? ''}": ${messageOf(error)}`;
      recorder.event(deployment, 'Warning', 'ReplicaSetCreateError', message);
      if (hasDeadline(deployment)) {
        const condition = { type: 'Progressing', status: 'False', reason: 'ReplicaSetCreateError', message };
        const conditions = withCondition(deployment.status?.conditions ?? [], condition, clock.now());
        await writeStatus(deployment, { ...deployment.status, conditions });
      }
      throw error;
    }
    const size = desiredReplicas(created);
    if (size > 0) {
      const text = `Scaled up replica set ${created.metadata.name} from 0 to ${size}`;
      recorder.event(deployment, 'Normal', 'ScalingReplicaSet', text);
    }
    return created;
  };

  /** Brings the new set's annotations and the Deployment's revision and condition up to date. */
  const syncRevision = async (
    deployment: Deployment,
    newSet: ReplicaSet,
    oldSets: readonly ReplicaSet[],
    isNew: boolean,
  ): Promise<{ deployment: Deployment; newSet: ReplicaSet }> => {
    let set = newSet;
    const annotations = newSetAnnotations(deployment, set.metadata.annotations ?? {}, oldSets);
    const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
    const same = sameValue(annotations, set.metadata.annotations);
    if (!same || (set.spec?.minReadySeconds ?? 0) !== minReadySeconds) {
      set = await setApi.update({
        ...set,
        metadata: { ...set.metadata, annotations },
        spec: { ...specOf(set), minReadySeconds },
      });
    }
    let current = deployment;
    const revision = annotations[REVISION] ?? '1';
    if (deployment.metadata.annotations?.[REVISION] !== revision) {
      current = await api.patch(
        deployment.metadata.name,
        { metadata: { uid: deployment.metadata.uid, annotations: { [REVISION]: revision } } },
        { type: 'merge', namespace: deployment.metadata.namespace ?? '' },
      );
    }
    const name = set.metadata.name;
    const known = conditionOf(current.status?.conditions, 'Progressing') !== undefined;
    if (hasDeadline(current) && (isNew || !known)) {
      const reason = isNew
        ? { reason: 'NewReplicaSetCreated', message: `Created new replica set "${name}"` }
        : { reason: 'FoundNewReplicaSet', message: `Found new replica set "${name}"` };
      const condition = { type: 'Progressing', status: 'True', ...reason };
      const conditions = withCondition(current.status?.conditions ?? [], condition, clock.now());
      current = await writeStatus(current, { ...current.status, conditions });
    }
    return { deployment: current, newSet: set };
  };

  const finish = async (key: string, deployment: Deployment, newSet: ReplicaSet | undefined, oldSets: ReplicaSet[]) => {
    const { status, recheckMs } = rolloutStatus(deployment, newSet, oldSets, clock.now());
    await writeStatus(deployment, status);
    if (recheckMs !== undefined) queue.addAfter(key, recheckMs);
    return status;
  };

  const forgetOldSets = async (deployment: Deployment, oldSets: readonly ReplicaSet[]) => {
    for (const set of setsToForget(deployment, oldSets, revisionOf)) {
      const { name, namespace, uid } = set.metadata;
      try {
        await setApi.delete(name, { namespace: namespace ?? '', preconditions: { uid } });
      } catch (e) {
        if (!isNotFound(e)) throw e;
      }
    }
  };

  const oldPodsRemain = (oldSets: readonly ReplicaSet[]): boolean =>
    oldSets.some((set) => [...podsByOwner.get(set.metadata.uid).values()].some((pod) => !isPodFinished(pod)));

  const rollOut = async (key: string, start: Deployment, sets: readonly ReplicaSet[]): Promise<void> => {
    let deployment = start;
    let newSet = findNewSet(deployment, sets);
    const oldSets = sets.filter((set) => set !== newSet);
    if (deployment.spec?.strategy?.type === 'Recreate' && newSet === undefined) {
      const active = oldSets.filter(isActiveSet);
      await applySteps(
        deployment,
        active.map((set) => ({ set, to: 0 })),
      );
      if (active.length > 0 || oldPodsRemain(oldSets)) return void (await finish(key, deployment, undefined, oldSets));
    }
    const isNew = newSet === undefined;
    newSet ??= await createNewSet(deployment, oldSets);
    ({ deployment, newSet } = await syncRevision(deployment, newSet, oldSets, isNew));

    const recreate = deployment.spec?.strategy?.type === 'Recreate';
    if (recreate) {
      // Back to an earlier template: the other sets go first here, too.
      const active = oldSets.filter(isActiveSet);
      await applySteps(
        deployment,
        active.map((set) => ({ set, to: 0 })),
      );
      if (active.length > 0 || oldPodsRemain(oldSets)) return void (await finish(key, deployment, newSet, oldSets));
    }
    const size = newSetSize(deployment, [...oldSets, newSet], desiredReplicas(newSet));
    if (size !== desiredReplicas(newSet)) {
      await applySteps(deployment, [{ set: newSet, to: size }]);
      return void (await finish(key, deployment, newSet, oldSets));
    }
    const steps = recreate ? [] : shrinkOldSets(deployment, newSet, oldSets);
    await applySteps(deployment, steps);
    const status = await finish(key, deployment, newSet, oldSets);
    if (steps.length === 0 && isComplete(deployment, status)) await forgetOldSets(deployment, oldSets);
  };

  const reconcile = async (key: string): Promise<void> => {
    let deployment = informer.items.get(key);
    if (deployment === undefined) return;
    const selector = labelSelectorOf(deployment.spec?.selector);
    if (selector.requirements.length === 0) {
      const text = 'This deployment is selecting all pods. A non-empty selector is required.';
      recorder.event(deployment, 'Warning', 'SelectingAll', text);
      return;
    }
    const candidates = [
      ...setsByOwner.get(deployment.metadata.uid).values(),
      ...setsByOwner.get(`orphan/${deployment.metadata.namespace ?? ''}`).values(),
    ];
    const sets = await claim(deployment, api, setApi, candidates, (labels) => selector.matches(labels));
    const newSet = findNewSet(deployment, sets);
    const oldSets = sets.filter((set) => set !== newSet);
    if (isDeleting(deployment)) {
      await writeStatus(deployment, baseStatus(deployment, newSet, oldSets, clock.now()));
      return;
    }
    const conditions = pauseCondition(deployment, clock.now());
    if (conditions !== undefined) deployment = await writeStatus(deployment, { ...deployment.status, conditions });
    if (deployment.spec?.paused === true || isScalingEvent(deployment, sets)) {
      await applySteps(deployment, scaleSets(deployment, newSet, oldSets));
      if (deployment.spec?.paused === true) await forgetOldSets(deployment, oldSets);
      await writeStatus(deployment, baseStatus(deployment, newSet, oldSets, clock.now()));
      return;
    }
    await rollOut(key, deployment, sets);
  };

  const queue = startReconciler(context, {
    name: COMPONENT,
    needs: [informer, setInformer, podInformer],
    workers: 5,
    reconcile,
  });
  return {
    async stop() {
      await queue.stop();
      recorder.stop();
    },
  };
}

function specOf(set: ReplicaSet): apps.ReplicaSetSpec {
  if (set.spec === undefined) throw new Error(`ReplicaSet ${keyOf(set)} has no spec`);
  return set.spec;
}

/** Counts that are zero may be absent in what the server stored. */
function withZeros(status: apps.DeploymentStatus | undefined): apps.DeploymentStatus {
  return {
    ...status,
    replicas: status?.replicas ?? 0,
    updatedReplicas: status?.updatedReplicas ?? 0,
    readyReplicas: status?.readyReplicas ?? 0,
    availableReplicas: status?.availableReplicas ?? 0,
    unavailableReplicas: status?.unavailableReplicas ?? 0,
  };
}
