// What a Node's silence and its conditions mean for its taints, and what taints mean for pods: pure.
import { tolerates, type Node, type Pod, type core } from '../../api/objects.ts';
import { timestamp } from '../runtime/pod-state.ts';

const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Conditions that become a NoSchedule taint while they have this status. */
const CONDITION_TAINTS: readonly [type: string, status: string, taint: string][] = [
  ['Ready', 'False', NOT_READY],
  ['Ready', 'Unknown', UNREACHABLE],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
];

const OWN_NO_SCHEDULE = new Set([...CONDITION_TAINTS.map(([, , taint]) => taint), UNSCHEDULABLE]);
const OWN_NO_EXECUTE = new Set([NOT_READY, UNREACHABLE]);

export function readyStatus(node: Node): 'True' | 'False' | 'Unknown' {
  const status = node.status?.conditions?.find((c) => c.type === 'Ready')?.status;
  return status === 'True' || status === 'False' ? status : 'Unknown';
}

/** The Node's conditions when nobody has heard of it for too long. */
export function silentConditions(node: Node, nowMs: number): core.NodeCondition[] {
  const previous = node.status?.conditions ?? [];
  const now = timestamp(nowMs);
  const result = previous.map((c) => {
    const watched = c.type === 'Ready' || c.type.endsWith('Pressure');
    if (!watched || c.status === 'Unknown') return c;
    return {
      ...c,
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
      lastTransitionTime: now,
    };
  });
  for (const type of ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready']) {
    if (previous.some((c) => c.type === type)) continue;
    result.push({
      type,
      status: 'Unknown',
      reason: 'NodeStatusNeverUpdated',
      message: 'Kubelet never posted node status.',
      lastHeartbeatTime: node.metadata.creationTimestamp,
      lastTransitionTime: now,
    });
  }
  return result;
}

/** The taints the Node should have; those of others stay as they are. */
export function desiredTaints(node: Node, nowMs: number): core.Taint[] {
  const have = node.spec?.taints ?? [];
  const conditions = node.status?.conditions ?? [];
  const foreign = have.filter(
    (t) =>
      !(t.effect === 'NoSchedule' && OWN_NO_SCHEDULE.has(t.key)) &&
      !(t.effect === 'NoExecute' && OWN_NO_EXECUTE.has(t.key)),
  );
  const wanted: core.Taint[] = [];
  for (const [type, status, key] of CONDITION_TAINTS) {
    if (conditions.some((c) => c.type === type && c.status === status)) wanted.push({ key, effect: 'NoSchedule' });
  }
  // A node that never said anything keeps the taint it was registered with.
  const silent = !conditions.some((c) => c.type === 'Ready');
  if (silent) wanted.push(...have.filter((t) => t.key === NOT_READY && t.effect === 'NoSchedule'));
  if (node.spec?.unschedulable === true) wanted.push({ key: UNSCHEDULABLE, effect: 'NoSchedule' });
  const ready = readyStatus(node);
  if (!silent && ready !== 'True') {
    wanted.push({ key: ready === 'False' ? NOT_READY : UNREACHABLE, effect: 'NoExecute' });
  }
  const kept = wanted.map((taint) => {
    const known = have.find((t) => t.key === taint.key && t.effect === taint.effect);
    return known ?? { ...taint, timeAdded: timestamp(nowMs) };
  });
  return [...foreign, ...kept];
}

/** When the pod has to leave because of NoExecute taints, epoch milliseconds; undefined: it may stay. */
export function evictionTimeMs(pod: Pod, taints: readonly core.Taint[], nowMs: number): number | undefined {
  let earliest: number | undefined;
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue;
    const matching = (pod.spec?.tolerations ?? []).filter((t) => tolerates(t, taint));
    if (matching.length === 0) return nowMs;
    const limits = matching.map((t) => t.tolerationSeconds).filter((s) => s !== undefined);
    if (limits.length === 0) continue;
    const since = Date.parse(taint.timeAdded ?? '');
    const at = (Number.isNaN(since) ? nowMs : since) + Math.max(0, Math.min(...limits)) * 1000;
    earliest = Math.min(earliest ?? Infinity, at);
  }
  return earliest;
}
