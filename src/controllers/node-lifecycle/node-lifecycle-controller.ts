// Watches over Nodes: one that is not heard of becomes Unknown, is tainted, its pods stop being endpoints at once
// and are evicted when their tolerations run out.
import { isConflict, isNotFound, leases, nodes, pods } from '../../api/objects.ts';
import type { Node, Pod } from '../../api/objects.ts';
import { indexBy, keyOf } from '../../client/index.ts';
import { sameValue } from '../runtime/canonical.ts';
import { recorderOf } from '../runtime/context.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { isDeleting, podCondition, timestamp } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { desiredTaints, evictionTimeMs, readyStatus, silentConditions } from './node-health.ts';

const LEASE_NAMESPACE = 'kube-node-lease';

export interface NodeLifecycleOptions {
  /** A Node whose Lease is not renewed for this long is Unknown. @default 40000 */
  graceMs?: number | undefined;
}

export function startNodeLifecycleController(context: ControllerContext, options: NodeLifecycleOptions = {}): Running {
  const { client, informers, clock } = context;
  const graceMs = options.graceMs ?? 40_000;
  const nodeInformer = informers.of(nodes);
  const leaseInformer = informers.of(leases);
  const podInformer = informers.of(pods);
  const podsByNode = indexBy(podInformer, (pod) => [pod.spec?.nodeName ?? '']);
  const api = client.resource(nodes);
  const podApi = client.resource(pods);
  const recorder = recorderOf(context, 'node-controller');
  /** When we last saw a sign of life, on our own clock: the node's may be wrong. */
  const heard = new Map<string, number>();

  const hear = (name: string) => {
    heard.set(name, clock.monotonic());
    nodeQueue.add(name);
  };
  leaseInformer.onChange(({ before, after }) => {
    if (after?.metadata.namespace !== LEASE_NAMESPACE) return;
    if (before?.spec?.renewTime !== after.spec?.renewTime) hear(after.metadata.name);
  });
  nodeInformer.onChange(({ key, before, after }) => {
    if (after === undefined) {
      heard.delete(key);
      return;
    }
    const beat = (node: Node | undefined) =>
      node?.status?.conditions?.find((c) => c.type === 'Ready')?.lastHeartbeatTime;
    if (before === undefined || beat(before) !== beat(after)) hear(key);
    else nodeQueue.add(key);
    if (!sameValue(before?.spec?.taints, after.spec?.taints)) {
      for (const pod of podsByNode.get(key).keys()) podQueue.add(pod);
    }
  });
  podInformer.onChange(({ key, before, after }) => {
    const nodeName = after?.spec?.nodeName;
    if (after === undefined || nodeName === undefined || before?.spec?.nodeName === nodeName) return;
    podQueue.add(key);
    const node = nodeInformer.items.get(nodeName);
    if (node !== undefined && readyStatus(node) === 'Unknown') nodeQueue.add(nodeName);
  });

  /** Endpoints must not lead to a node that is gone, so its pods are not ready, whatever they said last. */
  const markPodsNotReady = async (node: Node): Promise<void> => {
    const victims = [...podsByNode.get(node.metadata.name).values()].filter(
      (pod) => podCondition(pod, 'Ready')?.status === 'True',
    );
    await Promise.all(
      victims.map(async (pod) => {
        const { name, uid, namespace = '' } = pod.metadata;
        const conditions = pod.status?.conditions?.map((c) =>
          c.type === 'Ready' ? { ...c, status: 'False', lastTransitionTime: timestamp(clock.now()) } : c,
        );
        try {
          await podApi.updateStatus({
            ...pod,
            status: { ...pod.status, ...(conditions === undefined ? {} : { conditions }) },
          });
        } catch (e) {
          if (isNotFound(e)) return;
          // The node spoke after all, or somebody else did: look again with a fresh copy.
          throw isConflict(e) ? e : new Error(`cannot mark pod ${namespace}/${name} (${uid}) not ready`, { cause: e });
        }
        recorder.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
      }),
    );
  };

  const reconcileNode = async (name: string): Promise<void> => {
    let node = nodeInformer.items.get(name);
    if (node === undefined || isDeleting(node)) return;
    const lastHeard = heard.get(name) ?? clock.monotonic();
    const silentMs = clock.monotonic() - lastHeard;
    const silent = silentMs >= graceMs;
    if (!silent) nodeQueue.addAfter(name, graceMs - silentMs);
    else {
      const was = readyStatus(node);
      const conditions = silentConditions(node, clock.now());
      if (!sameValue(conditions, node.status?.conditions)) {
        node = await api.updateStatus({ ...node, status: { ...node.status, conditions } });
        context.log.warn('a node is silent', { node: name, silentMs: Math.round(silentMs) });
        if (was === 'True') {
          recorder.event(nodeSubject(node), 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
        }
      }
    }
    const taints = desiredTaints(node, clock.now());
    if (!sameValue(taints, node.spec?.taints)) {
      const { uid, resourceVersion } = node.metadata;
      await api.patch(name, { metadata: { uid, resourceVersion }, spec: { taints } }, { type: 'merge' });
    }
    const ready = readyStatus(node);
    const neverSpoke = !(node.status?.conditions ?? []).some((c) => c.type === 'Ready');
    if (ready === 'True' || neverSpoke) return;
    // The agent that says "not ready" keeps its pods' conditions itself; only a silent one cannot.
    if (ready === 'Unknown') await markPodsNotReady(node);
  };

  const reconcilePod = async (key: string): Promise<void> => {
    const pod = podInformer.items.get(key);
    if (pod === undefined || isDeleting(pod)) return;
    const node = nodeInformer.items.get(pod.spec?.nodeName ?? '');
    const at = node === undefined ? undefined : evictionTimeMs(pod, node.spec?.taints ?? [], clock.now());
    if (at === undefined) return;
    if (at > clock.now()) return podQueue.addAfter(key, at - clock.now());
    await evict(pod);
  };
  const evict = async (pod: Pod): Promise<void> => {
    const { name, namespace = '', uid } = pod.metadata;
    recorder.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${keyOf(pod)}`);
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
      lastTransitionTime: timestamp(clock.now()),
    };
    const others = (pod.status?.conditions ?? []).filter((c) => c.type !== condition.type);
    try {
      const conditions = [...others, condition];
      await podApi.updateStatus({ ...pod, status: { ...pod.status, conditions } });
      await podApi.delete(name, { namespace, preconditions: { uid } });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  };

  const needs = [nodeInformer, leaseInformer, podInformer];
  const nodeQueue = startReconciler(context, { name: 'node-lifecycle-controller', needs, reconcile: reconcileNode });
  const podQueue = startReconciler(context, { name: 'taint-eviction-controller', needs, reconcile: reconcilePod });
  return {
    async stop() {
      await Promise.all([nodeQueue.stop(), podQueue.stop()]);
      recorder.stop();
    },
  };
}

/** Events on nodes name the node instead of its uid, as kubelet's do, so that `kubectl describe node` finds both. */
const nodeSubject = (node: Node) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: node.metadata.name, uid: node.metadata.name },
});
