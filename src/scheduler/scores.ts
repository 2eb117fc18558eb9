// Which of the nodes that fit is best: pure. Every rule gives 0 to 100 a node, then they are weighed.
import { termMatches, untoleratedTaint, type Pod } from '../api/objects.ts';
import type { ClusterView, NodeState } from './cluster-state.ts';
import { affinityPreference } from './pod-affinity.ts';
import { usualRequests } from './usual-requests.ts';
import { spreadLoad } from './topology-spread.ts';

type Scores = number[];
type Rule = (pod: Pod, nodes: readonly NodeState[], view: ClusterView) => Scores;

const BEST = 100;
/** To 0…100: the highest value gets 100, or with `reverse` the lowest. */
function normalize(values: readonly number[], reverse = false): Scores {
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (high === low) return values.map(() => BEST);
  return values.map((v) => (BEST * (reverse ? high - v : v - low)) / (high - low));
}

/** The part of cpu and of memory that would be requested. */
function fractions(pod: Pod, node: NodeState): number[] {
  return [...usualRequests(pod)].map(([name, wanted]) => {
    const total = node.allocatable.get(name) ?? 0;
    return total === 0 ? 1 : Math.min(1, ((node.expected.get(name) ?? 0) + wanted) / total);
  });
}

const leastRequested: Rule = (pod, nodes) =>
  nodes.map((node) => {
    const parts = fractions(pod, node);
    return (BEST * parts.reduce((n, f) => n + (1 - f), 0)) / parts.length;
  });

const balanced: Rule = (pod, nodes) =>
  nodes.map((node) => {
    const [cpu = 0, memory = 0] = fractions(pod, node);
    return BEST * (1 - Math.abs(cpu - memory) / 2);
  });

const preferredNodes: Rule = (pod, nodes) => {
  const terms = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return normalize(
    nodes.map((n) => terms.reduce((sum, t) => sum + (termMatches(t.preference, n.node) ? t.weight : 0), 0)),
  );
};

const fewTaints: Rule = (pod, nodes) =>
  normalize(
    nodes.map(({ node }) => {
      const taints = (node.spec?.taints ?? []).filter((t) => t.effect === 'PreferNoSchedule');
      return taints.filter((t) =>
        untoleratedTaint(pod.spec?.tolerations, { ...node, spec: { taints: [t] } }, [t.effect]),
      ).length;
    }),
    true,
  );

const nearPods: Rule = (pod, nodes, view) => {
  const preference = affinityPreference(pod, view);
  return normalize(nodes.map((n) => preference.get(n.name) ?? 0));
};

const constraints: Rule = (pod, nodes, view) => {
  const load = spreadLoad(pod, view);
  return normalize(
    nodes.map((n) => load.get(n.name) ?? 0),
    true,
  );
};

/** Pods of one owner go to different nodes: what most people want without having to say so. */
const siblings: Rule = (pod, nodes) => {
  const owner = pod.metadata.ownerReferences?.find((r) => r.controller === true)?.uid;
  const isSibling = (other: Pod) =>
    other.metadata.deletionTimestamp === undefined &&
    other.metadata.ownerReferences?.some((r) => r.controller === true && r.uid === owner) === true;
  if (owner === undefined) return nodes.map(() => BEST);
  return normalize(
    nodes.map((node) => [...node.pods.values()].filter(isSibling).length),
    true,
  );
};

/** Weights follow Kubernetes' default profile. */
const RULES: readonly [rule: Rule, weight: number][] = [
  [leastRequested, 1],
  [balanced, 1],
  [preferredNodes, 2],
  [fewTaints, 3],
  [nearPods, 2],
  [constraints, 2],
  [siblings, 2],
];

/** The best of `nodes`; of equals the one with the fewest pods, then by name. */
export function bestNode(pod: Pod, nodes: readonly NodeState[], view: ClusterView): NodeState | undefined {
  const totals = nodes.map(() => 0);
  for (const [rule, weight] of RULES) {
    rule(pod, nodes, view).forEach((score, i) => (totals[i] = (totals[i] ?? 0) + weight * score));
  }
  const ranked = nodes
    .map((node, i) => ({ node, score: Math.round(totals[i] ?? 0) }))
    .toSorted(
      (a, b) => b.score - a.score || a.node.pods.size - b.node.pods.size || (a.node.name < b.node.name ? -1 : 1),
    );
  return ranked[0]?.node;
}
