// Keeps the pods of StatefulSets: each with a number, made and removed in order.
import {
  controllerRevisions,
  isAlreadyExists,
  isNotFound,
  labelSelectorOf,
  persistentVolumeClaims,
  pods,
  statefulSets,
} from '../../api/objects.ts';
import type { ControllerRevision, Pod, StatefulSet } from '../../api/objects.ts';
import { indexBy, objectKey } from '../../client/index.ts';
import { sameValue } from '../runtime/canonical.ts';
import { claim } from '../runtime/claim.ts';
import { recorderOf } from '../runtime/context.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { controllerOf, controllerReference } from '../runtime/owners.ts';
import { isNamespaceTerminating, messageOf } from '../runtime/pod-control.ts';
import type { PodTemplate } from '../runtime/pod-control.ts';
import { availableAtMs, isDeleting, isPodReady } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { REVISION_HASH, ensureRevision, forgetRevisions, hashOf, templateOf } from '../runtime/revisions.ts';
import { createClaimControl } from './claim-control.ts';
import { isCondemned, ordinalOf, planStatefulPods } from './plan-pods.ts';
import type { StatefulStep } from './plan-pods.ts';
import { withClaims } from './stateful-claims.ts';
import { podNameOf, statefulTemplate } from './stateful-pod.ts';
import { statefulStatus } from './stateful-status.ts';

const COMPONENT = 'statefulset-controller';

export function startStatefulSetController(context: ControllerContext): Running {
  const { client, informers, clock } = context;
  const informer = informers.of(statefulSets);
  const podInformer = informers.of(pods);
  const revisionInformer = informers.of(controllerRevisions);
  const uidOrOrphan = (o: Pod) => [controllerOf(o)?.uid ?? `orphan/${o.metadata.namespace ?? ''}`];
  const podsByOwner = indexBy(podInformer, uidOrOrphan);
  const revisionsByOwner = indexBy(revisionInformer, (r) => [controllerOf(r)?.uid ?? '']);
  const byNamespace = indexBy(informer, (set) => [set.metadata.namespace ?? '']);
  const claimInformer = informers.of(persistentVolumeClaims);
  const recorder = recorderOf(context, COMPONENT);
  const claims = createClaimControl(client, claimInformer, recorder);
  const api = client.resource(statefulSets);
  const podApi = client.resource(pods);

  informer.onChange(({ key }) => queue.add(key));
  podInformer.onChange(({ before, after }) => {
    for (const pod of [before, after]) {
      const reference = pod === undefined ? undefined : controllerOf(pod);
      if (reference?.kind === 'StatefulSet') queue.add(objectKey(pod?.metadata.namespace, reference.name));
    }
    if (after === undefined || controllerOf(after) !== undefined) return;
    for (const [key, set] of byNamespace.get(after.metadata.namespace ?? '')) {
      if (labelSelectorOf(set.spec?.selector).matches(after.metadata.labels)) queue.add(key);
    }
  });

  claimInformer.onChange(({ before, after }) => {
    // Sets wait for the end of a claim whose name they need again.
    if (before === undefined || after !== undefined) return;
    for (const [key, set] of byNamespace.get(before.metadata.namespace ?? '')) {
      if ((set.spec?.volumeClaimTemplates ?? []).length > 0) queue.add(key);
    }
  });

  const create = async (set: StatefulSet, template: PodTemplate, ordinal: number, hash: string): Promise<void> => {
    if (!(await claims.ensure(set, ordinal, undefined))) return;
    const name = podNameOf(set, ordinal);
    const { metadata, spec } = statefulTemplate(set, withClaims(set, template, ordinal), ordinal, hash);
    try {
      await podApi.create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name,
          namespace: set.metadata.namespace ?? '',
          ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
          ...(metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }),
          ownerReferences: [controllerReference(set)],
        },
        ...(spec === undefined ? {} : { spec }),
      });
    } catch (e) {
      if (!isNamespaceTerminating(e) && !isAlreadyExists(e)) {
        const text = `create Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${messageOf(e)}`;
        recorder.event(set, 'Warning', 'FailedCreate', text);
      }
      throw e;
    }
    recorder.event(
      set,
      'Normal',
      'SuccessfulCreate',
      `create Pod ${name} in StatefulSet ${set.metadata.name} successful`,
    );
  };

  const remove = async (set: StatefulSet, pod: Pod, why: string): Promise<void> => {
    const { name, namespace = '', uid } = pod.metadata;
    if (why === 'failed') {
      const text = `StatefulSet ${namespace}/${set.metadata.name} is recreating failed Pod ${name}`;
      recorder.event(set, 'Warning', 'RecreatingFailedPod', text);
    }
    try {
      await podApi.delete(name, { namespace, preconditions: { uid } });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
    recorder.event(
      set,
      'Normal',
      'SuccessfulDelete',
      `delete Pod ${name} in StatefulSet ${set.metadata.name} successful`,
    );
  };

  const carryOut = async (
    set: StatefulSet,
    steps: readonly StatefulStep[],
    current: ControllerRevision,
    update: ControllerRevision,
  ) => {
    for (const step of steps) {
      if (step.do === 'delete') await remove(set, step.pod, step.why);
      else {
        const revision = step.revision === 'current' ? current : update;
        await create(set, templateOf(revision), step.ordinal, hashOf(revision));
      }
    }
  };

  /** Before a pod goes, its claims must know whether they go with it. */
  const keepClaims = async (set: StatefulSet, mine: readonly Pod[]): Promise<void> => {
    if ((set.spec?.volumeClaimTemplates ?? []).length === 0) return;
    for (const pod of mine) {
      const ordinal = ordinalOf(set, pod);
      if (ordinal === undefined) continue;
      const isScaledAway = isCondemned(set, ordinal);
      if (pod.status?.phase === 'Pending' && !isDeleting(pod) && !isScaledAway) await claims.ensure(set, ordinal, pod);
      await claims.handOver(set, ordinal, pod, isScaledAway);
    }
  };

  const reconcile = async (key: string): Promise<void> => {
    const set = informer.items.get(key);
    const template = set?.spec?.template;
    if (set === undefined || template === undefined) return;
    const selector = labelSelectorOf(set.spec?.selector);
    const candidates = [
      ...podsByOwner.get(set.metadata.uid).values(),
      ...podsByOwner.get(`orphan/${set.metadata.namespace ?? ''}`).values(),
    ].filter((pod) => pod.metadata.name.startsWith(`${set.metadata.name}-`));
    const mine = await claim(set, api, podApi, candidates, (labels) => selector.matches(labels));
    const known = [...revisionsByOwner.get(set.metadata.uid).values()];
    const update = await ensureRevision(client, set, template, known);
    const current = known.find((r) => r.metadata.name === set.status?.currentRevision) ?? update;
    const nowMs = clock.now();
    const input = { set, pods: mine, currentRevision: hashOf(current), updateRevision: hashOf(update), nowMs };
    if (!isDeleting(set)) {
      await keepClaims(set, mine);
      await carryOut(set, planStatefulPods(input), current, update);
    }

    const status = statefulStatus(set, mine, current, update, nowMs);
    if (!sameValue({ ...set.status, ...status }, set.status))
      await api.updateStatus({ ...set, status: { ...set.status, ...status } });
    const inUse = new Set([
      hashOf(current),
      hashOf(update),
      ...mine.map((p) => p.metadata.labels?.[REVISION_HASH] ?? ''),
    ]);
    await forgetRevisions(client, known, inUse, set.spec?.revisionHistoryLimit ?? 10);
    const waits = mine
      .filter(isPodReady)
      .map((p) => (availableAtMs(p, set.spec?.minReadySeconds ?? 0) ?? 0) - nowMs)
      .filter((ms) => ms > 0);
    if (waits.length > 0) queue.addAfter(key, Math.min(...waits));
  };

  const queue = startReconciler(context, {
    name: COMPONENT,
    needs: [informer, podInformer, revisionInformer, claimInformer],
    reconcile,
  });
  return {
    async stop() {
      await queue.stop();
      recorder.stop();
    },
  };
}
