// Makes the claims of generic ephemeral volumes: they belong to their pod and go with it.
import { ephemeralClaimName, isAlreadyExists, persistentVolumeClaims, pods } from '../../api/objects.ts';
import type { Pod, core } from '../../api/objects.ts';
import { objectKey } from '../../client/index.ts';
import { recorderOf } from '../runtime/context.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { controllerOf, controllerReference } from '../runtime/owners.ts';
import { messageOf } from '../runtime/pod-control.ts';
import { isPodActive } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';

const COMPONENT = 'ephemeral_volume';

export function startEphemeralClaims(context: ControllerContext): Running {
  const { client, informers } = context;
  const podInformer = informers.of(pods);
  const claims = informers.of(persistentVolumeClaims);
  const recorder = recorderOf(context, COMPONENT);
  const hasOne = (pod: Pod) => (pod.spec?.volumes ?? []).some((v) => v.ephemeral !== undefined);

  podInformer.onChange(({ key, before, after }) => {
    if (before === undefined && after !== undefined && hasOne(after)) queue.add(key);
  });
  claims.onChange(({ after, before }) => {
    const owner = before === undefined ? undefined : controllerOf(before);
    if (after === undefined && owner?.kind === 'Pod') queue.add(objectKey(before?.metadata.namespace, owner.name));
  });

  const reconcile = async (key: string): Promise<void> => {
    const pod = podInformer.items.get(key);
    if (pod === undefined || !isPodActive(pod)) return;
    for (const volume of pod.spec?.volumes ?? []) await ensure(pod, volume);
  };

  const ensure = async (pod: Pod, volume: core.Volume): Promise<void> => {
    const template = volume.ephemeral?.volumeClaimTemplate;
    if (template === undefined) return;
    const { namespace = '' } = pod.metadata;
    const name = ephemeralClaimName(pod.metadata.name, volume.name);
    const known = claims.items.get(objectKey(namespace, name));
    if (known !== undefined && controllerOf(known)?.uid === pod.metadata.uid) return;
    if (known !== undefined) {
      const text = `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`;
      recorder.event(pod, 'Warning', 'EphemeralVolumeFailed', text);
      return;
    }
    const { labels, annotations } = template.metadata ?? {};
    try {
      await client.resource(persistentVolumeClaims).create({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          name,
          namespace,
          ...(labels === undefined ? {} : { labels }),
          ...(annotations === undefined ? {} : { annotations }),
          ownerReferences: [controllerReference(pod)],
        },
        spec: template.spec,
      });
    } catch (e) {
      // Not seen yet, or somebody was quicker: whose it is shows with the next try.
      if (!isAlreadyExists(e))
        recorder.event(pod, 'Warning', 'EphemeralVolumeFailed', `ephemeral volume claim: ${messageOf(e)}`);
      throw e;
    }
  };

  const queue = startReconciler(context, { name: COMPONENT, needs: [podInformer, claims], reconcile });
  return {
    async stop() {
      await queue.stop();
      recorder.stop();
    },
  };
}
