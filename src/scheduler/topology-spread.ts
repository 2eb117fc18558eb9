// topologySpreadConstraints: pods of a kind even over zones, nodes and the like. Pure.
import { nodeMatches, untoleratedTaint, labelSelectorOf } from '../api/objects.ts';
import type { Pod, core } from '../api/objects.ts';
import type { ClusterView, NodeState } from './cluster-state.ts';
import { refusedForGood, refusedForNow, type Refusal } from './refusal.ts';

type Constraint = core.TopologySpreadConstraint;

const MISMATCH = "node(s) didn't match pod topology spread constraints";

const domainOf = (node: NodeState, key: string): string | undefined => node.node.metadata.labels?.[key];

function constraintsOf(pod: Pod, when: 'DoNotSchedule' | 'ScheduleAnyway'): Constraint[] {
  return (pod.spec?.topologySpreadConstraints ?? []).filter((c) => c.whenUnsatisfiable === when);
}

function counted(constraint: Constraint, pod: Pod): (other: Pod) => boolean {
  const selector = labelSelectorOf(constraint.labelSelector);
  const keys = constraint.matchLabelKeys ?? [];
  return (other) =>
    other.metadata.namespace === pod.metadata.namespace &&
    other.metadata.deletionTimestamp === undefined &&
    selector.matches(other.metadata.labels) &&
    keys.every((k) => other.metadata.labels?.[k] === pod.metadata.labels?.[k]);
}

/** Nodes on which the pod could run at all make the domains over which it is spread. */
function isEligible(constraint: Constraint, pod: Pod, node: NodeState): boolean {
  if ((constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor' && !nodeMatches(pod.spec, node.node)) return false;
  const taints = constraint.nodeTaintsPolicy ?? 'Ignore';
  return (
    taints === 'Ignore' || untoleratedTaint(pod.spec?.tolerations, node.node, ['NoSchedule', 'NoExecute']) === undefined
  );
}

function countByDomain(
  constraint: Constraint,
  pod: Pod,
  view: ClusterView,
  keys: readonly string[],
): Map<string, number> {
  const counts = new Map<string, number>();
  const matches = counted(constraint, pod);
  for (const node of view.nodes) {
    if (keys.some((key) => domainOf(node, key) === undefined) || !isEligible(constraint, pod, node)) continue;
    const domain = domainOf(node, constraint.topologyKey) ?? '';
    let n = counts.get(domain) ?? 0;
    for (const other of node.pods.values()) if (matches(other)) n++;
    counts.set(domain, n);
  }
  return counts;
}

export function spreadFilter(pod: Pod, view: ClusterView): (node: NodeState) => Refusal | undefined {
  const constraints = constraintsOf(pod, 'DoNotSchedule');
  const keys = constraints.map((c) => c.topologyKey);
  const rules = constraints.map((constraint) => {
    const counts = countByDomain(constraint, pod, view, keys);
    const tooFew = counts.size < (constraint.minDomains ?? 1);
    const least = tooFew || counts.size === 0 ? 0 : Math.min(...counts.values());
    return { constraint, counts, least, self: counted(constraint, pod)(pod) ? 1 : 0 };
  });
  return (node) => {
    for (const { constraint, counts, least, self } of rules) {
      const domain = domainOf(node, constraint.topologyKey);
      if (domain === undefined) return refusedForGood(`${MISMATCH} (missing required label)`);
      if ((counts.get(domain) ?? 0) + self - least > constraint.maxSkew) return refusedForNow(MISMATCH);
    }
    return undefined;
  };
}

/** Pods of the kind that are in the node's domains already, by node name: fewer is better. */
export function spreadLoad(pod: Pod, view: ClusterView): Map<string, number> {
  const load = new Map<string, number>();
  const constraints = constraintsOf(pod, 'ScheduleAnyway');
  for (const constraint of constraints) {
    const counts = countByDomain(constraint, pod, view, [constraint.topologyKey]);
    for (const node of view.nodes) {
      const domain = domainOf(node, constraint.topologyKey);
      // A node outside of all domains is the last choice.
      const n = domain === undefined ? 1e6 : (counts.get(domain) ?? 0);
      load.set(node.name, (load.get(node.name) ?? 0) + n);
    }
  }
  return load;
}
