// Room for a pod that fits nowhere, at the expense of less important ones: on which node, and who has to go. Pure.
// What is chosen, and the words, are those of kube-scheduler's DefaultPreemption.
import type { Pod, PodDisruptionBudget } from '../api/objects.ts';
import { nodeWithPods, viewWith, type ClusterView, type NodeState } from './cluster-state.ts';
import { wouldViolateBudget } from './disruption-budgets.ts';
import { filterFor } from './filters.ts';
import { nominatedNode, type Nomination } from './nominations.ts';
import { byImportance, priorityOf, startOf } from './priority.ts';
import { noneAvailable, type Refusal } from './refusal.ts';

export interface PreemptionFacts {
  /** What spoke against each node, by name. */
  readonly refusals: ReadonlyMap<string, Refusal>;
  readonly nominations: readonly Nomination[];
  readonly budgets: readonly PodDisruptionBudget[];
  /** Was the pod told to go a moment ago, though its object may not say so yet? */
  readonly isLeaving: (pod: Pod) => boolean;
}

export type Preemption =
  | { readonly node: string; readonly victims: readonly Pod[] }
  | {
      /** The last sentence of the pod's message. */
      readonly inVain: string;
      /** An earlier promise still holds. */
      readonly keepsNomination: boolean;
    };

interface Candidate {
  readonly node: string;
  readonly victims: readonly Pod[];
  /** How many of the victims a disruption budget protects. */
  readonly violations: number;
}

/** In a large cluster the search ends when there is choice enough. */
const ENOUGH = { nodes: 100, part: 0.1 };

export function choosePreemption(pod: Pod, view: ClusterView, facts: PreemptionFacts): Preemption {
  const why = whyNotEligible(pod, view, facts);
  if (why !== undefined) return { inVain: `preemption: not eligible due to ${why}.`, keepsNomination: true };
  const enough = Math.max(ENOUGH.nodes, view.nodes.length * ENOUGH.part);
  const candidates: Candidate[] = [];
  const reasons: (readonly string[])[] = [];
  for (const node of view.nodes) {
    const refusal = facts.refusals.get(node.name);
    const found = refusal?.final === false ? findVictims(pod, view, node, facts) : undefined;
    if (found === undefined) reasons.push(['Preemption is not helpful for scheduling']);
    else if ('reasons' in found) reasons.push(found.reasons);
    else candidates.push(found);
    if (candidates.length >= enough) break;
  }
  const [best] = candidates.toSorted(byHarm);
  if (best !== undefined) return { node: best.node, victims: best.victims };
  return { inVain: `preemption: ${noneAvailable(reasons)}`, keepsNomination: false };
}

function whyNotEligible(pod: Pod, view: ClusterView, facts: PreemptionFacts): string | undefined {
  if (pod.spec?.preemptionPolicy === 'Never') return 'preemptionPolicy=Never';
  const promised = nominatedNode(pod, facts.nominations);
  if (promised === undefined || facts.refusals.get(promised)?.final === true) return undefined;
  const node = view.nodes.find((n) => n.name === promised);
  const leaving = [...(node?.pods.values() ?? [])].some(
    (other) => priorityOf(other) < priorityOf(pod) && (facts.isLeaving(other) || isPreempted(other)),
  );
  return leaving ? 'a terminating pod on the nominated node' : undefined;
}

/** Does the pod end because a scheduler told it to? */
const isPreempted = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined &&
  status?.conditions?.find((c) => c.type === 'DisruptionTarget')?.reason === 'PreemptionByScheduler';

/** The fewest and least important pods without which the node fits. */
function findVictims(
  pod: Pod,
  view: ClusterView,
  node: NodeState,
  { nominations, budgets }: PreemptionFacts,
): Candidate | Pick<Refusal, 'reasons'> {
  const there = [...node.pods.values()];
  const lesser = there.filter((other) => priorityOf(other) < priorityOf(pod)).toSorted(byImportance);
  if (lesser.length === 0) return { reasons: ['No preemption victims found for incoming pod'] };
  const refusalWith = (pods: readonly Pod[]): Refusal | undefined => {
    const changed = nodeWithPods(node, pods);
    return filterFor(pod, viewWith(view, [changed]), nominations)(changed);
  };
  let staying = there.filter((other) => !lesser.includes(other));
  const against = refusalWith(staying);
  if (against !== undefined) return against;
  // Everybody may stay who can: those first whose absence would break a promise, then by importance.
  const isProtected = wouldViolateBudget(lesser, budgets);
  const victims: Pod[] = [];
  for (const other of [...lesser.filter(isProtected), ...lesser.filter((p) => !isProtected(p))]) {
    const withOther = [...staying, other];
    if (refusalWith(withOther) === undefined) staying = withOther;
    else victims.push(other);
  }
  return {
    node: node.name,
    victims: victims.toSorted(byImportance),
    violations: victims.filter(isProtected).length,
  };
}

/** Least harm first, as a list of numbers of which the first difference counts. */
function harmOf({ victims, violations }: Candidate): number[] {
  const priorities = victims.map(priorityOf);
  const highest = Math.max(...priorities);
  // Every victim counts, those of negative priority too.
  const sum = priorities.reduce((total, p) => total + p + 2 ** 31, 0);
  // Rather pods that have just begun.
  const start = Math.min(...victims.filter((v) => priorityOf(v) === highest).map(startOf));
  return [violations, highest, sum, victims.length, -start];
}

function byHarm(a: Candidate, b: Candidate): number {
  const [x, y] = [harmOf(a), harmOf(b)];
  const at = x.findIndex((value, i) => value !== y[i]);
  return at < 0 ? 0 : (x[at] ?? 0) < (y[at] ?? 0) ? -1 : 1;
}
