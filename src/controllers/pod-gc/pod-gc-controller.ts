// Removes pods that nobody else will ever remove: those of nodes that are gone, those that were deleted before they
// had a node, and the oldest of too many that have ended.
import { isNotFound, nodes, pods } from '../../api/objects.ts';
import type { Pod } from '../../api/objects.ts';
import { indexBy } from '../../client/index.ts';
import { recorderOf } from '../runtime/context.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { isDeleting, isPodFinished, timestamp } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';

export interface PodGcOptions {
  /** Ended pods that may stay. @default 12500 */
  keepEnded?: number | undefined;
  /** How long a node may be missing before its pods are taken for lost. @default 40000 */
  quarantineMs?: number | undefined;
}

const ENDED = '*ended';

export function startPodGcController(context: ControllerContext, options: PodGcOptions = {}): Running {
  const { client, informers, clock } = context;
  const keepEnded = options.keepEnded ?? 12_500;
  const quarantineMs = options.quarantineMs ?? 40_000;
  const podInformer = informers.of(pods);
  const nodeInformer = informers.of(nodes);
  const podsByNode = indexBy(podInformer, (pod) => [pod.spec?.nodeName ?? '']);
  const ended = indexBy(podInformer, (pod) => (isPodFinished(pod) ? [ENDED] : []));
  const recorder = recorderOf(context, 'pod-garbage-collector');
  const api = client.resource(pods);
  const nodeApi = client.resource(nodes);
  const missingSince = new Map<string, number>();

  podInformer.onChange(({ key, after }) => {
    if (after === undefined) return;
    const node = after.spec?.nodeName ?? '';
    if (node === '' ? isDeleting(after) : !nodeInformer.items.has(node)) queue.add(key);
    if (ended.get(ENDED).size > keepEnded) queue.add(ENDED);
  });
  nodeInformer.onChange(({ key, after }) => {
    if (after !== undefined) {
      missingSince.delete(key);
      return;
    }
    for (const pod of podsByNode.get(key).keys()) queue.add(pod);
  });

  const remove = async (pod: Pod, reason: string, message: string): Promise<void> => {
    const { name, namespace = '', uid } = pod.metadata;
    try {
      if (!isPodFinished(pod)) {
        const condition = {
          type: 'DisruptionTarget',
          status: 'True',
          reason: 'DeletionByPodGC',
          message,
          lastTransitionTime: timestamp(clock.now()),
        };
        const conditions = [...(pod.status?.conditions ?? []).filter((c) => c.type !== condition.type), condition];
        await api.updateStatus({ ...pod, status: { ...pod.status, phase: 'Failed', conditions } });
      }
      await api.delete(name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (e) {
      if (isNotFound(e)) return;
      throw e;
    }
    recorder.event(pod, 'Normal', reason, message);
  };

  const removeEnded = async (): Promise<void> => {
    const all = [...ended.get(ENDED).values()];
    const age = (pod: Pod) => pod.metadata.creationTimestamp;
    const surplus = all.toSorted((a, b) => (age(a) < age(b) ? -1 : 1)).slice(0, Math.max(0, all.length - keepEnded));
    for (const pod of surplus) await remove(pod, 'TerminatedPodGC', 'PodGC: too many pods that have ended');
  };

  const reconcile = async (key: string): Promise<void> => {
    if (key === ENDED) return removeEnded();
    const pod = podInformer.items.get(key);
    if (pod === undefined) return;
    const node = pod.spec?.nodeName ?? '';
    if (node === '') {
      if (isDeleting(pod)) await remove(pod, 'UnscheduledPodGC', 'PodGC: deleted before it was scheduled');
      return;
    }
    if (nodeInformer.items.has(node)) return;
    const now = clock.monotonic();
    const since = missingSince.get(node) ?? now;
    missingSince.set(node, since);
    // A node that is being registered again, or that our copy lacks, must not lose its pods.
    if (now - since < quarantineMs) return queue.addAfter(key, quarantineMs - (now - since));
    try {
      await nodeApi.get(node);
    } catch (e) {
      if (!isNotFound(e)) throw e;
      await remove(pod, 'OrphanedPodGC', 'PodGC: node no longer exists');
    }
  };

  const queue = startReconciler(context, {
    name: 'pod-garbage-collector',
    needs: [podInformer, nodeInformer],
    reconcile,
  });
  return {
    async stop() {
      await queue.stop();
      recorder.stop();
    },
  };
}
