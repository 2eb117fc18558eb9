// Pod affinity and anti-affinity: which nodes are near to, or far from, which pods. Pure.
import { labelSelectorOf } from '../api/objects.ts';
import type { Pod, core } from '../api/objects.ts';
import type { ClusterView, NodeState } from './cluster-state.ts';
import { refusedForGood, refusedForNow, type Refusal } from './refusal.ts';

type Term = core.PodAffinityTerm;

/** Does `other` belong to those that the term of `pod` speaks of? */
function termSelects(term: Term, pod: Pod, other: Pod, view: ClusterView): boolean {
  const theirs = other.metadata.namespace ?? '';
  const listed = term.namespaces ?? [];
  const labels = view.namespaceLabels(theirs);
  const bySelector = term.namespaceSelector !== undefined && labelSelectorOf(term.namespaceSelector).matches(labels);
  const own = listed.length === 0 && term.namespaceSelector === undefined && theirs === pod.metadata.namespace;
  if (!own && !listed.includes(theirs) && !bySelector) return false;
  if (!labelSelectorOf(term.labelSelector).matches(other.metadata.labels)) return false;
  const same = (key: string) => pod.metadata.labels?.[key] === other.metadata.labels?.[key];
  const extra = term as Term & { matchLabelKeys?: string[]; mismatchLabelKeys?: string[] };
  return (extra.matchLabelKeys ?? []).every(same) && !(extra.mismatchLabelKeys ?? []).some(same);
}

const domainOf = (node: NodeState, key: string): string | undefined => node.node.metadata.labels?.[key];

/** How many selected pods each topology domain has. */
function countByDomain(term: Term, pod: Pod, view: ClusterView): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of view.nodes) {
    const domain = domainOf(node, term.topologyKey);
    if (domain === undefined) continue;
    for (const other of node.pods.values()) {
      if (termSelects(term, pod, other, view)) counts.set(domain, (counts.get(domain) ?? 0) + 1);
    }
  }
  return counts;
}

/** The reason why a node does not fit, computed once per pod for all nodes. */
export function affinityFilter(pod: Pod, view: ClusterView): (node: NodeState) => Refusal | undefined {
  const affinity = pod.spec?.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const anti = pod.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const near = affinity.map((term) => ({ term, counts: countByDomain(term, pod, view) }));
  const far = anti.map((term) => ({ term, counts: countByDomain(term, pod, view) }));
  // The first pod of a group that wants to be together with itself has to be allowed somewhere.
  const first = near.every(({ term, counts }) => counts.size === 0 && termSelects(term, pod, pod, view));
  const refused = domainsRefused(pod, view);
  return (node) => {
    for (const { term, counts } of near) {
      const domain = domainOf(node, term.topologyKey);
      if (domain === undefined || (!counts.has(domain) && !first)) {
        return refusedForGood("node(s) didn't match pod affinity rules");
      }
    }
    for (const { term, counts } of far) {
      const domain = domainOf(node, term.topologyKey);
      if (domain !== undefined && counts.has(domain)) {
        return refusedForNow("node(s) didn't match pod anti-affinity rules");
      }
    }
    for (const [key, domains] of refused) {
      const domain = domainOf(node, key);
      if (domain !== undefined && domains.has(domain)) {
        return refusedForNow("node(s) didn't satisfy existing pods anti-affinity rules");
      }
    }
    return undefined;
  };
}

/** Domains, by topology key, from which pods that are there already keep this pod away. */
function domainsRefused(pod: Pod, view: ClusterView): Map<string, Set<string>> {
  const refused = new Map<string, Set<string>>();
  for (const node of view.nodes) {
    for (const other of node.antiAffine.values()) {
      const terms = other.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
      for (const term of terms) {
        const domain = domainOf(node, term.topologyKey);
        if (domain === undefined || !termSelects(term, other, pod, view)) continue;
        const domains = refused.get(term.topologyKey) ?? new Set();
        refused.set(term.topologyKey, domains.add(domain));
      }
    }
  }
  return refused;
}

/** Preferred affinity minus preferred anti-affinity, by node name; not yet brought to a scale. */
export function affinityPreference(pod: Pod, view: ClusterView): Map<string, number> {
  const sum = new Map<string, number>();
  const add = (weighted: core.WeightedPodAffinityTerm, sign: 1 | -1) => {
    const counts = countByDomain(weighted.podAffinityTerm, pod, view);
    for (const node of view.nodes) {
      const n = counts.get(domainOf(node, weighted.podAffinityTerm.topologyKey) ?? '') ?? 0;
      if (n > 0) sum.set(node.name, (sum.get(node.name) ?? 0) + sign * n * weighted.weight);
    }
  };
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  for (const t of podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) add(t, 1);
  for (const t of podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) add(t, -1);
  return sum;
}
