// Binds pods to nodes: the IO around the pure decision. Decides one pod after the other, writes many at a time.
import {
  isClaimBound,
  isConflict,
  isNotFound,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  storageClasses,
} from '../api/objects.ts';
import type { Node, Pod, core } from '../api/objects.ts';
import { createEventRecorder, createInformer, createWorkQueue } from '../client/index.ts';
import type { Client } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import type { Clock } from '../clock/index.ts';
import { silentLogger } from '../log/index.ts';
import type { Logger } from '../log/index.ts';
import { ClusterState } from './cluster-state.ts';
import { unschedulableStatus } from './conditions.ts';
import { evictVictims, type Eviction } from './evict-victims.ts';
import type { Nomination } from './nominations.ts';
import { placePod, type Unplaced } from './place-pod.ts';
import { delayedClaims } from './pod-volumes.ts';
import { choosePreemption } from './preemption.ts';
import { byUrgency, priorityOf } from './priority.ts';
import { VolumePreparation } from './volume-preparation.ts';

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
  const budgetInformer = createInformer(client, podDisruptionBudgets, { log, clock });
  const claims = createInformer(client, persistentVolumeClaims, { log, clock });
  const volumes = createInformer(client, persistentVolumes, { log, clock });
  const classes = createInformer(client, storageClasses, { log, clock });
  const informers = [podInformer, nodeInformer, namespaceInformer, budgetInformer, claims, volumes, classes];
  const storage = { claims: claims.items, volumes: volumes.items, classes: classes.items };
  const cluster = new ClusterState(storage);
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
  /** Who was promised which node, by key of the pod. */
  const nominations = new Map<string, Nomination>();
  /** Pods that are about to be told to leave, by the key of the pod they make room for. */
  const evictions = new Map<string, Eviction>();
  /** Uids of pods that were told to leave, until they are gone. */
  const leaving = new Set<string>();
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
      settle(key);
      if (isFinished(after)) {
        leaving.delete(uid);
        if (cluster.remove(uid)) retryAll();
      } else if (!cluster.isPlaced(uid) || before?.spec?.nodeName !== nodeName || podMatters(before, after)) {
        cluster.place(after, nodeName);
        // Affinity may have waited for this pod.
        if (unschedulable.size > 0) retryAll();
      }
      return;
    }
    if (!isOurs(after)) {
      if (preparation.end(key) !== undefined) cluster.remove(uid);
      pending.delete(key);
      unschedulable.delete(key);
      nominations.delete(key);
      callOff(key);
      return;
    }
    // A promise made before this scheduler began.
    const promised = after.status?.nominatedNodeName ?? '';
    if (before === undefined && promised !== '') nominations.set(key, { pod: after, node: promised });
    // Between the decision and its event the pod may change; the decision stands.
    if (binding.has(key) || preparation.has(key)) return;
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
  /** The pod has its node, or is gone: nothing is left to do for it. */
  const settle = (key: string) => {
    preparation.end(key);
    for (const each of [pending, unschedulable, binding, said, refused, nominations]) each.delete(key);
    callOff(key);
  };
  /** Nobody has to leave for this pod any more. */
  const callOff = (key: string) => {
    for (const victim of evictions.get(key)?.victims ?? []) leaving.delete(victim.metadata.uid);
    evictions.delete(key);
  };
  const forget = (key: string, pod: Pod) => {
    settle(key);
    leaving.delete(pod.metadata.uid);
    if (cluster.remove(pod.metadata.uid)) retryAll();
  };
  nodeInformer.onChange(({ key, before, after }) => {
    cluster.setNode(key, after);
    if (after !== undefined && (before === undefined || nodeMatters(before, after))) retryAll();
  });
  namespaceInformer.onChange(({ key, after }) => cluster.setNamespace(key, after));

  /** The pod has its place no more: it is decided anew. */
  const reconsider = (key: string): void => {
    const pod = preparation.end(key);
    if (pod === undefined) return;
    cluster.remove(pod.metadata.uid);
    const current = podInformer.items.get(key);
    if (current !== undefined && isOurs(current)) pending.set(key, current);
    schedule();
  };
  const preparation = new VolumePreparation({
    client,
    claims,
    storage,
    onReady: reconsider,
    onRefused: (key, pod, failure) => {
      if (failure !== undefined) {
        recorder.event(pod, 'Warning', 'FailedScheduling', `binding volumes: ${failure}`);
      }
      clock.after(nextWaitMs(key), () => reconsider(key));
    },
  });
  const nextWaitMs = (key: string): number => {
    const tries = refused.get(key) ?? 0;
    refused.set(key, tries + 1);
    return Math.min(REFUSED_MS.first * 2 ** tries, REFUSED_MS.longest);
  };
  claims.onChange(({ before, after }) => {
    if (before === undefined || after === undefined || isClaimBound(after) !== isClaimBound(before)) retryAll();
  });
  volumes.onChange(retryAll);
  classes.onChange(retryAll);

  const decide = () => {
    scheduled = false;
    if (stopped || informers.some((informer) => !informer.hasSynced)) return;
    const waiting = [...pending].toSorted(([, a], [, b]) => byUrgency(a, b));
    pending.clear();
    for (const [key, pod] of waiting) {
      const placement = placePod(pod, cluster, [...nominations.values()]);
      if ('node' in placement) {
        cluster.place(pod, placement.node);
        if (delayedClaims(pod, storage).length > 0) preparation.begin(key, pod, placement.node);
        else binding.set(key, { pod, node: placement.node });
        nominations.delete(key);
        callOff(key);
        writes.add(key);
        continue;
      }
      unschedulable.set(key, pod);
      const message = makeRoom(key, pod, placement);
      if (said.get(key) === message) continue;
      said.set(key, message);
      recorder.event(pod, 'Warning', 'FailedScheduling', message);
      writes.add(key);
    }
  };

  /** Chooses who has to leave for the pod, if that helps. The result is all there is to say to the pod. */
  const makeRoom = (key: string, pod: Pod, { unschedulable: why, refusals }: Unplaced): string => {
    if (refusals.size === 0) return why;
    // Its victims are being told: there is nothing new to say.
    if (evictions.has(key)) return said.get(key) ?? why;
    const chosen = choosePreemption(pod, cluster, {
      refusals,
      nominations: [...nominations.values()],
      budgets: [...budgetInformer.items.values()],
      isLeaving: (other) => leaving.has(other.metadata.uid),
    });
    if ('inVain' in chosen) {
      if (!chosen.keepsNomination && nominations.delete(key)) writes.add(key);
      return `${why} ${chosen.inVain}`;
    }
    const { node, victims } = chosen;
    // Less important pods that were promised this node may not fit any more; they are looked at again.
    for (const [other, nomination] of nominations) {
      if (nomination.node !== node || priorityOf(nomination.pod) >= priorityOf(pod)) continue;
      nominations.delete(other);
      writes.add(other);
    }
    nominations.set(key, { pod, node });
    for (const victim of victims) leaving.add(victim.metadata.uid);
    evictions.set(key, { pod, node, victims });
    writes.add(key);
    return why;
  };
  for (const informer of informers) void informer.synced().then(schedule);

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
      clock.after(nextWaitMs(key), retryAll);
      return;
    }
    const assigned = `Successfully assigned ${namespace}/${podName} to ${node}`;
    recorder.event(pod, 'Normal', 'Scheduled', assigned);
  };

  const now = () => new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  const explain = async (key: string, pod: Pod, message: string): Promise<void> => {
    const { name: podName, namespace = '', uid } = pod.metadata;
    const status = unschedulableStatus(pod, message, nominations.get(key)?.node ?? '', now());
    if (status === undefined) return;
    try {
      await api.patch(podName, { metadata: { uid }, status }, { type: 'merge', namespace, subresource: 'status' });
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
      if (preparation.has(key)) return preparation.tell(key);
      // It may be waiting for the next decision already; what was said still has to be written.
      const pod = podInformer.items.get(key);
      const message = said.get(key);
      if (pod !== undefined && isOurs(pod) && message !== undefined) await explain(key, pod, message);
      const eviction = evictions.get(key);
      if (eviction === undefined) return;
      await evictVictims(client, recorder, eviction, now());
      if (evictions.get(key) === eviction) evictions.delete(key);
    },
  });

  return {
    async stop() {
      stopped = true;
      for (const informer of informers) informer.stop();
      await writes.stop();
      recorder.stop();
    },
  };
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
