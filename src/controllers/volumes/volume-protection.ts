// A claim stays while a pod uses it, a volume while a claim is bound to it: whoever deletes one of them too early only
// marks it. The API server gives both their finalizer; here it is taken away when nothing speaks against it any more.
import {
  PVC_PROTECTION,
  PV_PROTECTION,
  claimNames,
  isNotFound,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
} from '../../api/objects.ts';
import type { KubeObject, Pod } from '../../api/objects.ts';
import { indexBy, objectKey } from '../../client/index.ts';
import type { ResourceClient } from '../../client/index.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { isDeleting } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';

export function startVolumeProtection(context: ControllerContext): Running {
  const { client, informers } = context;
  const claims = informers.of(persistentVolumeClaims);
  const volumes = informers.of(persistentVolumes);
  const podInformer = informers.of(pods);
  const keysOf = (pod: Pod) => claimNames(pod).map((name) => objectKey(pod.metadata.namespace, name));
  // A pod without a node uses nothing yet, and none takes it while its claim is being deleted.
  const users = indexBy(podInformer, (pod) => ((pod.spec?.nodeName ?? '') === '' ? [] : keysOf(pod)));
  const claimApi = client.resource(persistentVolumeClaims);
  const podApi = client.resource(pods);

  claims.onChange(({ key, after }) => {
    if (after !== undefined && isDeleting(after)) claimQueue.add(key);
  });
  podInformer.onChange(({ before, after }) => {
    if (before !== undefined && after === undefined) for (const key of keysOf(before)) claimQueue.add(key);
  });
  volumes.onChange(({ key, after }) => {
    if (after !== undefined && isDeleting(after)) volumeQueue.add(key);
  });

  const releaseClaim = async (key: string): Promise<void> => {
    const claim = claims.items.get(key);
    if (claim === undefined || !isDeleting(claim) || users.get(key).size > 0) return;
    if (claim.metadata.finalizers?.includes(PVC_PROTECTION) !== true) return;
    // The informer may be behind, and data is at stake.
    const { items } = await podApi.list({ namespace: claim.metadata.namespace ?? '' });
    if (items.some((pod) => (pod.spec?.nodeName ?? '') !== '' && keysOf(pod).includes(key))) {
      claimQueue.addAfter(key, 1000);
      return;
    }
    await withoutFinalizer(claimApi, claim, PVC_PROTECTION);
  };

  const releaseVolume = async (key: string): Promise<void> => {
    const volume = volumes.items.get(key);
    if (volume === undefined || !isDeleting(volume) || volume.status?.phase === 'Bound') return;
    await withoutFinalizer(client.resource(persistentVolumes), volume, PV_PROTECTION);
  };

  const claimQueue = startReconciler(context, {
    name: 'pvc-protection-controller',
    needs: [claims, podInformer],
    reconcile: releaseClaim,
  });
  const volumeQueue = startReconciler(context, {
    name: 'pv-protection-controller',
    needs: [volumes],
    reconcile: releaseVolume,
  });
  return {
    async stop() {
      await Promise.all([claimQueue.stop(), volumeQueue.stop()]);
    },
  };
}

async function withoutFinalizer<T extends KubeObject>(api: ResourceClient<T>, object: T, name: string): Promise<void> {
  const { finalizers = [] } = object.metadata;
  if (!finalizers.includes(name)) return;
  try {
    await api.update({ ...object, metadata: { ...object.metadata, finalizers: finalizers.filter((f) => f !== name) } });
  } catch (e) {
    if (!isNotFound(e)) throw e;
  }
}
