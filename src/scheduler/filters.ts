// Why a pod cannot go to a node, in Kubernetes' words. Pure; one row a rule, in the order in which they are asked.
import {
  hostPortsCollide,
  nodeMatches,
  podHostPorts,
  podRequests,
  tolerates,
  untoleratedTaint,
  type Pod,
} from '../api/objects.ts';
import type { ClusterView, NodeState } from './cluster-state.ts';
import { affinityFilter } from './pod-affinity.ts';
import { spreadFilter } from './topology-spread.ts';

/** The reasons against this node; none: it fits. */
export type NodeFilter = (node: NodeState) => string[];

type Rule = (pod: Pod, view: ClusterView) => NodeFilter;

const UNSCHEDULABLE = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

const one = (reason: string | undefined): string[] => (reason === undefined ? [] : [reason]);

const unschedulable: Rule = (pod) => {
  const tolerated = (pod.spec?.tolerations ?? []).some((t) => tolerates(t, UNSCHEDULABLE));
  return ({ node }) => (node.spec?.unschedulable === true && !tolerated ? ['node(s) were unschedulable'] : []);
};

const taints: Rule =
  (pod) =>
  ({ node }) => {
    const taint = untoleratedTaint(pod.spec?.tolerations, node, ['NoSchedule', 'NoExecute']);
    return taint === undefined ? [] : [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`];
  };

const affinityToNode: Rule =
  (pod) =>
  ({ node }) =>
    nodeMatches(pod.spec, node) ? [] : ["node(s) didn't match Pod's node affinity/selector"];

const ports: Rule = (pod) => {
  const wanted = podHostPorts(pod);
  return ({ ports: used }) =>
    wanted.some((w) => used.some((u) => hostPortsCollide(w, u)))
      ? ["node(s) didn't have free ports for the requested pod ports"]
      : [];
};

const resources: Rule = (pod) => {
  const wanted = podRequests(pod);
  return ({ allocatable, requested, pods }) => {
    const reasons: string[] = [];
    const most = allocatable.get('pods');
    if (most !== undefined && pods.size + 1 > most) reasons.push('Too many pods');
    for (const [name, n] of wanted) {
      // Sums of fractions of cores carry rounding dust.
      const free = (allocatable.get(name) ?? 0) - (requested.get(name) ?? 0) + 1e-9;
      if (n > 0 && n > free) reasons.push(`Insufficient ${name}`);
    }
    return reasons;
  };
};

const nearPods: Rule = (pod, view) => {
  const filter = affinityFilter(pod, view);
  return (node) => one(filter(node));
};

const spread: Rule = (pod, view) => {
  const filter = spreadFilter(pod, view);
  return (node) => one(filter(node));
};

const RULES: readonly Rule[] = [unschedulable, taints, affinityToNode, ports, resources, spread, nearPods];

/** All rules for one pod; the first that objects gives its reasons. */
export function filterFor(pod: Pod, view: ClusterView): NodeFilter {
  const filters = RULES.map((rule) => rule(pod, view));
  return (node) => {
    for (const filter of filters) {
      const reasons = filter(node);
      if (reasons.length > 0) return reasons;
    }
    return [];
  };
}
