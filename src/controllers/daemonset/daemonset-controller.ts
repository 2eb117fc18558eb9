// Keeps one pod of a DaemonSet on every node that should have one.
import { controllerRevisions, daemonSets, labelSelectorOf, nodes, pods } from '../../api/objects.ts';
import type { DaemonSet, Node, Pod, apps } from '../../api/objects.ts';
import { indexBy, keyOf, objectKey } from '../../client/index.ts';
import { allDone } from '../runtime/all-done.ts';
import { sameValue } from '../runtime/canonical.ts';
import { claim } from '../runtime/claim.ts';
import { recorderOf } from '../runtime/context.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { Expectations } from '../runtime/expectations.ts';
import { controllerOf } from '../runtime/owners.ts';
import { createPodControl, isNamespaceTerminating } from '../runtime/pod-control.ts';
import { availableAtMs, isDeleting, isPodAvailable, isPodReady } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { REVISION_HASH, ensureRevision, forgetRevisions, hashOf } from '../runtime/revisions.ts';
import { slowStart } from '../runtime/slow-start.ts';
import { daemonTemplate, nodeOfDaemon, nodeWants, planDaemons } from './plan-daemons.ts';
import type { DaemonInput } from './plan-daemons.ts';

const COMPONENT = 'daemonset-controller';
/** A pod that fails at once is made again after a growing wait. */
const FAILED_WAIT_MS = { first: 1000, longest: 900_000 };

export function startDaemonSetController(context: ControllerContext): Running {
  const { client, informers, clock } = context;
  const informer = informers.of(daemonSets);
  const podInformer = informers.of(pods);
  const nodeInformer = informers.of(nodes);
  const revisionInformer = informers.of(controllerRevisions);
  const podsByOwner = indexBy(podInformer, (p) => [controllerOf(p)?.uid ?? `orphan/${p.metadata.namespace ?? ''}`]);
  const revisionsByOwner = indexBy(revisionInformer, (r) => [controllerOf(r)?.uid ?? '']);
  const byNamespace = indexBy(informer, (set) => [set.metadata.namespace ?? '']);
  const recorder = recorderOf(context, COMPONENT);
  const control = createPodControl(client, recorder);
  const api = client.resource(daemonSets);
  const podApi = client.resource(pods);
  const expectations = new Expectations(clock);
  const failures = new Map<string, { count: number; until: number }>();

  const ownerKey = (pod: Pod | undefined): string | undefined => {
    const reference = pod === undefined ? undefined : controllerOf(pod);
    if (reference?.kind !== 'DaemonSet') return undefined;
    const key = objectKey(pod?.metadata.namespace, reference.name);
    return informer.items.get(key)?.metadata.uid === reference.uid ? key : undefined;
  };
  informer.onChange(({ key, after }) => {
    if (after === undefined) expectations.forget(key);
    queue.add(key);
  });
  podInformer.onChange(({ before, after }) => {
    const was = ownerKey(before);
    const is = ownerKey(after);
    if (was !== undefined) {
      if (after === undefined || isDeleting(after)) expectations.deletionSeen(was, before?.metadata.uid ?? '');
      queue.add(was);
    }
    if (is !== undefined) {
      if (before === undefined) expectations.creationSeen(is);
      queue.add(is);
    }
    if (after === undefined || controllerOf(after) !== undefined) return;
    for (const [key, set] of byNamespace.get(after.metadata.namespace ?? '')) {
      if (labelSelectorOf(set.spec?.selector).matches(after.metadata.labels)) queue.add(key);
    }
  });
  nodeInformer.onChange(({ before, after }) => {
    const facts = (n: Node | undefined) => [n?.metadata.labels, n?.spec?.taints, n?.spec?.unschedulable];
    if (before !== undefined && after !== undefined && sameValue(facts(before), facts(after))) return;
    for (const key of informer.items.keys()) queue.add(key);
  });

  const removeFailed = async (key: string, set: DaemonSet, pod: Pod): Promise<void> => {
    const node = nodeOfDaemon(pod) ?? '';
    const id = `${set.metadata.uid}/${set.metadata.generation ?? 0}/${node}`;
    const now = clock.monotonic();
    const last = failures.get(id) ?? { count: 0, until: 0 };
    if (now < last.until) return queue.addAfter(key, last.until - now);
    const waitMs = Math.min(FAILED_WAIT_MS.first * 2 ** last.count, FAILED_WAIT_MS.longest);
    failures.set(id, { count: last.count + 1, until: now + waitMs });
    const text = `Found failed daemon pod ${keyOf(pod)} on node ${node}, will try to kill it`;
    recorder.event(set, 'Warning', 'FailedDaemonPod', text);
    await remove(key, set, [pod]);
  };
  const remove = async (key: string, set: DaemonSet, victims: readonly Pod[]): Promise<void> => {
    expectations.expectDeletions(
      key,
      victims.map((p) => p.metadata.uid),
    );
    await allDone(
      victims.map(async (pod) => {
        try {
          await control.delete(set, pod);
        } catch (e) {
          expectations.deletionSeen(key, pod.metadata.uid);
          throw e;
        }
        if (!podInformer.items.has(keyOf(pod))) expectations.deletionSeen(key, pod.metadata.uid);
      }),
    );
  };
  const create = async (key: string, set: DaemonSet, names: readonly string[], hash: string): Promise<void> => {
    const template = set.spec?.template;
    if (template === undefined || names.length === 0) return;
    expectations.expectCreations(key, names.length);
    let tried = 0;
    const { error } = await slowStart(names.length, async (i) => {
      tried++;
      try {
        await control.create(set, daemonTemplate(template, names[i] ?? '', hash));
      } catch (e) {
        expectations.creationSeen(key);
        throw e;
      }
    });
    for (let skipped = tried; skipped < names.length; skipped++) expectations.creationSeen(key);
    if (error !== undefined && !isNamespaceTerminating(error)) throw error;
  };

  const reconcile = async (key: string): Promise<void> => {
    const set = informer.items.get(key);
    if (set?.spec === undefined) return;
    const selector = labelSelectorOf(set.spec.selector);
    if (selector.requirements.length === 0) {
      const text = 'This daemon set is selecting all pods. A non-empty selector is required.';
      recorder.event(set, 'Warning', 'SelectingAll', text);
      return;
    }
    const satisfied = expectations.satisfied(key);
    const candidates = [
      ...podsByOwner.get(set.metadata.uid).values(),
      ...podsByOwner.get(`orphan/${set.metadata.namespace ?? ''}`).values(),
    ];
    const mine = await claim(set, api, podApi, candidates, (labels) => selector.matches(labels));
    const known = [...revisionsByOwner.get(set.metadata.uid).values()];
    const revision = await ensureRevision(client, set, set.spec.template, known);
    const input: DaemonInput = {
      set,
      nodes: [...nodeInformer.items.values()],
      podsByNode: Map.groupBy(mine, (pod) => nodeOfDaemon(pod) ?? ''),
      revision: hashOf(revision),
      nowMs: clock.now(),
    };
    if (satisfied && !isDeleting(set)) {
      const plan = planDaemons(input);
      for (const pod of plan.failed) await removeFailed(key, set, pod);
      await remove(key, set, plan.delete);
      await create(key, set, plan.create, hashOf(revision));
    }
    const status = daemonStatus(input);
    if (!sameValue({ ...set.status, ...status }, set.status))
      await api.updateStatus({ ...set, status: { ...set.status, ...status } });
    const inUse = new Set([hashOf(revision), ...mine.map((p) => p.metadata.labels?.[REVISION_HASH] ?? '')]);
    await forgetRevisions(client, known, inUse, set.spec.revisionHistoryLimit ?? 10);
    const waits = mine
      .filter(isPodReady)
      .map((p) => (availableAtMs(p, set.spec?.minReadySeconds ?? 0) ?? 0) - clock.now())
      .filter((ms) => ms > 0);
    if (waits.length > 0) queue.addAfter(key, Math.min(...waits));
  };

  const queue = startReconciler(context, {
    name: COMPONENT,
    needs: [informer, podInformer, nodeInformer, revisionInformer],
    reconcile,
  });
  return {
    async stop() {
      await queue.stop();
      recorder.stop();
    },
  };
}

function daemonStatus(input: DaemonInput): apps.DaemonSetStatus {
  const { set, nodes: all, podsByNode, revision, nowMs } = input;
  const count = { desired: 0, current: 0, misscheduled: 0, ready: 0, available: 0, updated: 0 };
  for (const node of all) {
    const scheduled = podsByNode.get(node.metadata.name) ?? [];
    if (!nodeWants(set, node).run) {
      if (scheduled.length > 0) count.misscheduled++;
      continue;
    }
    count.desired++;
    if (scheduled.length === 0) continue;
    count.current++;
    const alive = scheduled.filter((p) => !isDeleting(p));
    if (alive.some(isPodReady)) count.ready++;
    if (alive.some((p) => isPodAvailable(p, set.spec?.minReadySeconds ?? 0, nowMs))) count.available++;
    if (alive.some((p) => p.metadata.labels?.[REVISION_HASH] === revision)) count.updated++;
  }
  const { generation } = set.metadata;
  return {
    desiredNumberScheduled: count.desired,
    currentNumberScheduled: count.current,
    numberMisscheduled: count.misscheduled,
    numberReady: count.ready,
    updatedNumberScheduled: count.updated,
    numberAvailable: count.available,
    numberUnavailable: count.desired - count.available,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
}
