// Why a pod cannot go to a node, in Kubernetes' words. Pure; one row a rule, in the order in which they are asked.
import {
  hostPortsCollide,
  nodeMatches,
  podHostPorts,
  podRequests,
  tolerates,
  untoleratedTaint,
  claimNames,
  type Pod,
} from '../api/objects.ts';
import type { ClusterView, NodeState } from './cluster-state.ts';
import { viewWithNominated, type Nomination } from './nominations.ts';
import { affinityFilter } from './pod-affinity.ts';
import { refusedForGood, refusedForNow, type Refusal } from './refusal.ts';
import { exclusiveClaims, volumeReasons } from './pod-volumes.ts';
import { spreadFilter } from './topology-spread.ts';

/** What speaks against this node; undefined: it fits. */
export type NodeFilter = (node: NodeState) => Refusal | undefined;

type Rule = (pod: Pod, view: ClusterView) => NodeFilter;

const UNSCHEDULABLE = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

const unschedulable: Rule = (pod) => {
  const tolerated = (pod.spec?.tolerations ?? []).some((t) => tolerates(t, UNSCHEDULABLE));
  return ({ node }) =>
    node.spec?.unschedulable === true && !tolerated ? refusedForGood('node(s) were unschedulable') : undefined;
};

const taints: Rule =
  (pod) =>
  ({ node }) => {
    const taint = untoleratedTaint(pod.spec?.tolerations, node, ['NoSchedule', 'NoExecute']);
    if (taint === undefined) return undefined;
    return refusedForGood(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`);
  };

const affinityToNode: Rule =
  (pod) =>
  ({ node }) =>
    nodeMatches(pod.spec, node) ? undefined : refusedForGood("node(s) didn't match Pod's node affinity/selector");

const ports: Rule = (pod) => {
  const wanted = podHostPorts(pod);
  return ({ ports: used }) =>
    wanted.some((w) => used.some((u) => hostPortsCollide(w, u)))
      ? refusedForNow("node(s) didn't have free ports for the requested pod ports")
      : undefined;
};

const resources: Rule = (pod) => {
  const wanted = podRequests(pod);
  return ({ allocatable, requested, pods }) => {
    const reasons: string[] = [];
    let final = false;
    const most = allocatable.get('pods');
    if (most !== undefined && pods.size + 1 > most) reasons.push('Too many pods');
    for (const [name, n] of wanted) {
      // Sums of fractions of cores carry rounding dust.
      const total = (allocatable.get(name) ?? 0) + 1e-9;
      if (n === 0 || n <= total - (requested.get(name) ?? 0)) continue;
      reasons.push(`Insufficient ${name}`);
      // More than the whole node has.
      if (n > total) final = true;
    }
    return reasons.length === 0 ? undefined : { reasons, final };
  };
};

const volumes: Rule = (pod, view) => {
  const reasons = volumeReasons(pod, view.storage);
  return ({ node }) => {
    const against = reasons(node);
    return against.length === 0 ? undefined : refusedForGood(...against);
  };
};

const exclusiveVolumes: Rule = (pod, view) => {
  const exclusive = exclusiveClaims(pod, view.storage);
  if (exclusive.length === 0) return () => undefined;
  const { namespace, uid } = pod.metadata;
  const uses = (other: Pod) =>
    other.metadata.uid !== uid &&
    other.metadata.namespace === namespace &&
    claimNames(other).some((name) => exclusive.includes(name));
  const user = view.nodes.find(({ pods }) => pods.values().some(uses))?.name;
  const why = 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode';
  // Where the other pod is, its end would help.
  return ({ name }) => (user === undefined ? undefined : name === user ? refusedForNow(why) : refusedForGood(why));
};

const RULES: readonly Rule[] = [
  unschedulable,
  taints,
  affinityToNode,
  ports,
  resources,
  exclusiveVolumes,
  volumes,
  spreadFilter,
  affinityFilter,
];

/** The first rule that objects gives its reasons. */
function allRules(pod: Pod, view: ClusterView): NodeFilter {
  const filters = RULES.map((rule) => rule(pod, view));
  return (node) => {
    for (const filter of filters) {
      const refusal = filter(node);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  };
}

/**
 * All rules for one pod. A node with room promised to others has to fit with them and without them: they may take what
 * the pod needs, or never come while the pod counts on their being near.
 */
export function filterFor(pod: Pod, view: ClusterView, nominations: readonly Nomination[] = []): NodeFilter {
  const now = allRules(pod, view);
  const expected = viewWithNominated(pod, view, nominations);
  if (expected === view) return now;
  const later = allRules(pod, expected);
  const crowded = new Map(expected.nodes.map((node) => [node.name, node]));
  return (node) => {
    const then = crowded.get(node.name) ?? node;
    return (then === node ? undefined : later(then)) ?? now(node);
  };
}
