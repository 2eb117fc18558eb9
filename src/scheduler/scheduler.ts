// Binds pods to nodes: the IO around the pure decision. Decides one pod after the other, writes many at a time.
import { isConflict, isNotFound, namespaces, nodes, pods } from '../api/objects.ts';
import type { Node, Pod, core } from '../api/objects.ts';
import { createEventRecorder, createInformer, createWorkQueue } from '../client/index.ts';
import type { Client } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import type { Clock } from '../clock/index.ts';
import { silentLogger } from '../log/index.ts';
import type { Logger } from '../log/index.ts';
import { ClusterState } from './cluster-state.ts';
import { placePod } from './place-pod.ts';

export interface SchedulerOptions {
  client: Client;
  log?: Logger;
  clock?: Clock;
  /** Pods with this `spec.schedulerName` are ours. @default 'default-scheduler' */
  name?: string;
  /** Writes at a time. @default 16 */
  writers?: number;
}

export interface Scheduler {
  stop(): Promise<void>;
}

const isFinished = (pod: Pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** First and longest wait after a binding that the server refused. */
const REFUSED_MS = { first: 50, longest: 10_000 };

export function startScheduler(options: SchedulerOptions): Scheduler {
  const { client } = options;
  const clock = options.clock ?? systemClock;
  const log = (options.log ?? silentLogger).with({ component: 'scheduler' });
  const name = options.name ?? 'default-scheduler';
  const api = client.resource(pods);
  const recorder = createEventRecorder(client, { component: name, clock, log });
  const podInformer = createInformer(client, pods, { log, clock });
  const nodeInformer = createInformer(client, nodes, { log, clock });
  const namespaceInformer = createInformer(client, namespaces, { log, clock });
  const cluster = new ClusterState();
  /** Waiting for a decision, by key. */
  const pending = new Map<string, Pod>();
  /** No node fits; asked again whenever the cluster changes in their favour. */
  const unschedulable = new Map<string, Pod>();
  /** Decided, not yet confirmed by an event, by key. */
  const binding = new Map<string, { pod: Pod; node: string }>();
  /** How often a binding was refused in a row, by key. */
  const refused = new Map<string, number>();
  /** What was last said about a pod that waits. */
  const said = new Map<string, string>();
  let stopped = false;
  let scheduled = false;

  const isOurs = (pod: Pod) =>
    (pod.spec?.nodeName ?? '') === '' &&
    (pod.spec?.schedulerName ?? 'default-scheduler') === name &&
    pod.metadata.deletionTimestamp === undefined &&
    !isFinished(pod);
  const schedule = () => {
    if (scheduled || stopped) return;
    scheduled = true;
    setImmediate(decide);
  };
  /** Something became free, or there is something new: everybody gets another chance. */
  const retryAll = () => {
    for (const [key, pod] of unschedulable) pending.set(key, pod);
    unschedulable.clear();
    schedule();
  };

  podInformer.onChange(({ key, before, after }) => {
    if (before !== undefined && before.metadata.uid !== after?.metadata.uid) forget(key, before);
    if (after === undefined) return;
    const { uid } = after.metadata;
    const nodeName = after.spec?.nodeName ?? '';
    if (nodeName !== '') {
      binding.delete(key);
      pending.delete(key);
      unschedulable.delete(key);
      said.delete(key);
      refused.delete(key);
      if (isFinished(after)) {
        if (cluster.remove(uid)) retryAll();
      } else if (!cluster.isPlaced(uid) || before?.spec?.nodeName !== nodeName || podMatters(before, after)) {
        cluster.place(after, nodeName);
        // Affinity may have waited for this pod.
        if (unschedulable.size > 0) retryAll();
      }
      return;
    }
    if (!isOurs(after)) {
      pending.delete(key);
      unschedulable.delete(key);
      return;
    }
    // Between the decision and its event the pod may change; the decision stands.
    if (binding.has(key)) return;
    if ((after.spec?.schedulingGates ?? []).length > 0) return;
    const waits = unschedulable.get(key);
    if (waits !== undefined && !podMatters(waits, after)) {
      unschedulable.set(key, after);
      return;
    }
    unschedulable.delete(key);
    pending.set(key, after);
    schedule();
  });
  const forget = (key: string, pod: Pod) => {
    pending.delete(key);
    unschedulable.delete(key);
    binding.delete(key);
    said.delete(key);
    refused.delete(key);
    if (cluster.remove(pod.metadata.uid)) retryAll();
  };
  nodeInformer.onChange(({ key, before, after }) => {
    cluster.setNode(key, after);
    if (after !== undefined && (before === undefined || nodeMatters(before, after))) retryAll();
  });
  namespaceInformer.onChange(({ key, after }) => cluster.setNamespace(key, after));

  const decide = () => {
    scheduled = false;
    if (stopped || !podInformer.hasSynced || !nodeInformer.hasSynced || !namespaceInformer.hasSynced) return;
    const waiting = [...pending].toSorted(([, a], [, b]) => byUrgency(a, b));
    pending.clear();
    for (const [key, pod] of waiting) {
      const placement = placePod(pod, cluster);
      if ('node' in placement) {
        cluster.place(pod, placement.node);
        binding.set(key, { pod, node: placement.node });
        writes.add(key);
      } else {
        unschedulable.set(key, pod);
        if (said.get(key) === placement.unschedulable) continue;
        said.set(key, placement.unschedulable);
        writes.add(key);
      }
    }
  };
  for (const informer of [podInformer, nodeInformer, namespaceInformer]) void informer.synced().then(schedule);

  const bind = async (key: string, pod: Pod, node: string): Promise<void> => {
    const { name: podName, namespace = '', uid } = pod.metadata;
    const body: core.Binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: podName, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    };
    try {
      await api.createSubresource(podName, 'binding', body, { namespace });
    } catch (error) {
      if (binding.get(key)?.pod !== pod) return;
      binding.delete(key);
      cluster.remove(uid);
      if (isNotFound(error)) return;
      // A conflict usually means that it is bound already: the event will tell. Else it is tried again.
      const current = podInformer.items.get(key);
      if (current === undefined || !isOurs(current)) return;
      unschedulable.set(key, current);
      if (!isConflict(error)) {
        recorder.event(pod, 'Warning', 'FailedScheduling', `binding rejected: ${String(error)}`);
      }
      const tries = refused.get(key) ?? 0;
      refused.set(key, tries + 1);
      clock.after(Math.min(REFUSED_MS.first * 2 ** tries, REFUSED_MS.longest), retryAll);
      return;
    }
    const assigned = `Successfully assigned ${namespace}/${podName} to ${node}`;
    recorder.event(pod, 'Normal', 'Scheduled', assigned);
  };

  const explain = async (pod: Pod, message: string): Promise<void> => {
    recorder.event(pod, 'Warning', 'FailedScheduling', message);
    const { name: podName, namespace = '', uid } = pod.metadata;
    const known = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
    if (known?.status === 'False' && known.message === message) return;
    const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const condition: core.PodCondition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime: known?.status === 'False' ? (known.lastTransitionTime ?? now) : now,
    };
    const others = (pod.status?.conditions ?? []).filter((c) => c.type !== 'PodScheduled');
    const patch = { metadata: { uid }, status: { conditions: [...others, condition] } };
    try {
      await api.patch(podName, patch, { type: 'merge', namespace, subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  };

  const writes = createWorkQueue({
    name: 'scheduler',
    workers: options.writers ?? 16,
    clock,
    log,
    process: async (key) => {
      const decided = binding.get(key);
      if (decided !== undefined) return bind(key, decided.pod, decided.node);
      const pod = unschedulable.get(key);
      const message = said.get(key);
      if (pod !== undefined && message !== undefined) await explain(podInformer.items.get(key) ?? pod, message);
    },
  });

  return {
    async stop() {
      stopped = true;
      for (const informer of [podInformer, nodeInformer, namespaceInformer]) informer.stop();
      await writes.stop();
      recorder.stop();
    },
  };
}

/** Higher priority first, then who waits longer. */
function byUrgency(a: Pod, b: Pod): number {
  const priority = (b.spec?.priority ?? 0) - (a.spec?.priority ?? 0);
  if (priority !== 0) return priority;
  const [x, y] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (x !== y) return x < y ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

const text = (value: unknown): string => JSON.stringify(value) ?? '';

/** Computed once for each version of a pod. */
const known = new WeakMap<Pod, string>();

/** A pod's status says nothing about where it fits; its spec, labels and deletion do. */
function podMatters(before: Pod | undefined, after: Pod): boolean {
  if (before === undefined) return true;
  const facts = (p: Pod) => {
    let found = known.get(p);
    if (found === undefined) known.set(p, (found = text([p.spec, p.metadata.labels, p.metadata.deletionTimestamp])));
    return found;
  };
  return facts(before) !== facts(after);
}

/** Heartbeats come often and change nothing here. */
function nodeMatters(before: Node, after: Node): boolean {
  const facts = (n: Node) => text([n.spec, n.metadata.labels, n.status?.allocatable, n.status?.capacity]);
  return facts(before) !== facts(after);
}
