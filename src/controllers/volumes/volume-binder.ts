// Binds claims to volumes, makes volumes of class `standard`, and gives back those whose claim is gone.
import {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  LOCAL_PROVISIONER,
  PROVISIONED_BY,
  SELECTED_NODE,
  STORAGE_PROVISIONER,
  claimNames,
  isAlreadyExists,
  isClaimBound,
  isNotFound,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from '../../api/objects.ts';
import type { PersistentVolume, PersistentVolumeClaim, core } from '../../api/objects.ts';
import { indexBy, objectKey } from '../../client/index.ts';
import { sameValue } from '../runtime/canonical.ts';
import { recorderOf } from '../runtime/context.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { messageOf } from '../runtime/pod-control.ts';
import { timestamp } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { claimReference, localVolume, localVolumeName } from './local-volume.ts';
import { planClaim } from './plan-claim.ts';
import type { ClaimStep } from './plan-claim.ts';
import { planVolume } from './plan-volume.ts';

const BINDER = 'persistentvolume-controller';

export function startVolumeBinder(context: ControllerContext): Running {
  const { client, informers, clock } = context;
  const claims = informers.of(persistentVolumeClaims);
  const volumes = informers.of(persistentVolumes);
  const classes = informers.of(storageClasses);
  const nodeInformer = informers.of(nodes);
  const podInformer = informers.of(pods);
  const claimKeysOf = (pod: Parameters<typeof claimNames>[0]) =>
    claimNames(pod).map((name) => objectKey(pod.metadata.namespace, name));
  const podsByClaim = indexBy(podInformer, claimKeysOf);
  const recorder = recorderOf(context, BINDER);
  const claimApi = client.resource(persistentVolumeClaims);
  const volumeApi = client.resource(persistentVolumes);
  /** What was last said about a claim that waits: said once, not with every look. */
  const said = new Map<string, string>();

  /** Everything that waits for a volume, a class or a node gets another look. */
  const retryUnbound = () => {
    for (const [key, claim] of claims.items) if (!isClaimBound(claim)) claimQueue.add(key);
  };
  claims.onChange(({ key, before, after }) => {
    claimQueue.add(key);
    if (after === undefined) said.delete(key);
    for (const name of [before?.spec?.volumeName ?? '', after?.spec?.volumeName ?? '']) {
      if (name !== '') volumeQueue.add(name);
    }
  });
  volumes.onChange(({ key, before, after }) => {
    volumeQueue.add(key);
    for (const ref of [before?.spec?.claimRef, after?.spec?.claimRef]) {
      if (ref !== undefined) claimQueue.add(objectKey(ref.namespace, ref.name ?? ''));
    }
    if (after !== undefined && after.spec?.claimRef === undefined) retryUnbound();
  });
  classes.onChange(retryUnbound);
  nodeInformer.onChange(({ before, after }) => {
    if (before === undefined || after === undefined) retryUnbound();
  });
  podInformer.onChange(({ before, after }) => {
    const isNews = before === undefined || after === undefined || before.spec?.nodeName !== after.spec?.nodeName;
    const pod = after ?? before;
    if (isNews && pod !== undefined) for (const key of claimKeysOf(pod)) claimQueue.add(key);
  });

  const reconcileClaim = async (key: string): Promise<void> => {
    const claim = claims.items.get(key);
    if (claim === undefined) return;
    const step = planClaim({
      claim,
      volumes: volumes.items,
      classes: classes.items,
      nodes: nodeInformer.items,
      pods: [...podsByClaim.get(key).values()],
    });
    if (step.do !== 'wait') said.delete(key);
    await carryOut(key, claim, step);
  };

  const carryOut = async (key: string, claim: PersistentVolumeClaim, step: ClaimStep): Promise<void> => {
    switch (step.do) {
      case 'nothing':
        return;
      case 'wait':
        if (said.get(key) === step.message) return;
        said.set(key, step.message);
        recorder.event(claim, step.type, step.reason, step.message);
        return;
      case 'lose':
        if (claim.status?.phase === 'Lost') return;
        await claimApi.updateStatus({ ...claim, status: { phase: 'Lost' } });
        recorder.event(claim, 'Warning', step.reason, step.message);
        return;
      case 'classify':
        await claimApi.update({ ...claim, spec: { ...claim.spec, storageClassName: step.className } });
        return;
      case 'unselect': {
        const { [SELECTED_NODE]: _, ...annotations } = claim.metadata.annotations ?? {};
        await claimApi.update({ ...claim, metadata: { ...claim.metadata, annotations } });
        recorder.event(claim, 'Warning', step.reason, step.message);
        return;
      }
      case 'provision':
        return provision(claim, step);
      default:
        return bind(claim, step.volume);
    }
  };

  const provision = async (
    claim: PersistentVolumeClaim,
    { storageClass, node, folder }: ClaimStep & { do: 'provision' },
  ): Promise<void> => {
    const wanted = localVolume(claim, storageClass, node, folder);
    const name = localVolumeName(claim);
    let volume: PersistentVolume;
    try {
      volume = await volumeApi.create(wanted);
      recorder.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${name}`);
    } catch (e) {
      if (!isAlreadyExists(e)) {
        const text = `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${messageOf(e)}`;
        recorder.event(claim, 'Warning', 'ProvisioningFailed', text);
        throw e;
      }
      volume = await volumeApi.get(name);
    }
    await bind(claim, volume);
  };

  /** The volume first: it can have one claim only, and who writes it first has it. */
  const bind = async (claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> => {
    const byController = { [BOUND_BY_CONTROLLER]: 'yes' };
    if (volume.spec?.claimRef?.uid !== claim.metadata.uid) {
      const chosen = volume.spec?.claimRef === undefined ? byController : {};
      await volumeApi.update({
        ...volume,
        metadata: { ...volume.metadata, annotations: { ...volume.metadata.annotations, ...chosen } },
        spec: { ...volume.spec, claimRef: claimReference(claim) },
      });
    }
    let bound = claim;
    if (!isClaimBound(claim)) {
      const ours = volume.metadata.annotations?.[PROVISIONED_BY] === LOCAL_PROVISIONER;
      bound = await claimApi.update({
        ...claim,
        metadata: {
          ...claim.metadata,
          annotations: {
            ...claim.metadata.annotations,
            [BIND_COMPLETED]: 'yes',
            ...((claim.spec?.volumeName ?? '') === '' ? byController : {}),
            ...(ours ? { [STORAGE_PROVISIONER]: LOCAL_PROVISIONER } : {}),
          },
        },
        spec: { ...claim.spec, volumeName: volume.metadata.name },
      });
    }
    const { accessModes = [], capacity = {} } = volume.spec ?? {};
    const status: core.PersistentVolumeClaimStatus = { ...bound.status, phase: 'Bound', accessModes, capacity };
    if (!sameValue(status, bound.status)) await claimApi.updateStatus({ ...bound, status });
  };

  const reconcileVolume = async (name: string): Promise<void> => {
    const volume = volumes.items.get(name);
    if (volume === undefined) return;
    const ref = volume.spec?.claimRef;
    const claim = ref === undefined ? undefined : await claimOf(ref);
    const plan = planVolume(volume, claim);
    const { phase, message } = plan;
    if (volume.status?.phase !== phase || volume.status.message !== message) {
      const since = volume.status?.phase === phase ? volume.status.lastPhaseTransitionTime : timestamp(clock.now());
      await volumeApi.updateStatus({
        ...volume,
        status: {
          phase,
          ...(message === undefined ? {} : { message }),
          ...(since === undefined ? {} : { lastPhaseTransitionTime: since }),
        },
      });
    }
    if (!plan.remove || volume.metadata.deletionTimestamp !== undefined) return;
    try {
      await volumeApi.delete(name, { preconditions: { uid: volume.metadata.uid } });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  };

  /** Data hangs on the answer: what the informer does not know is asked for. */
  const claimOf = async ({ namespace, name = '' }: core.ObjectReference) => {
    const known = claims.items.get(objectKey(namespace, name));
    if (known !== undefined) return known;
    try {
      return await claimApi.get(name, namespace);
    } catch (e) {
      if (isNotFound(e)) return undefined;
      throw e;
    }
  };

  const needs = [claims, volumes, classes, nodeInformer, podInformer];
  // One worker: two claims must not look at the same free volume.
  const claimQueue = startReconciler(context, { name: BINDER, needs, reconcile: reconcileClaim, workers: 1 });
  const volumeQueue = startReconciler(context, { name: `${BINDER}/volumes`, needs, reconcile: reconcileVolume });
  return {
    async stop() {
      await Promise.all([claimQueue.stop(), volumeQueue.stop()]);
      recorder.stop();
    },
  };
}
