// The whole decision for one pod: pure.
import type { Pod } from '../api/objects.ts';
import type { ClusterView, NodeState } from './cluster-state.ts';
import { filterFor } from './filters.ts';
import { nominatedNode, type Nomination } from './nominations.ts';
import { volumeProblem } from './pod-volumes.ts';
import { noneAvailable, refusedForGood, type Refusal } from './refusal.ts';
import { bestNode } from './scores.ts';

export interface Unplaced {
  /** Why there is no node: `0/3 nodes are available: 3 Insufficient cpu.` */
  readonly unschedulable: string;
  /** What spoke against each node, by name. */
  readonly refusals: ReadonlyMap<string, Refusal>;
}

export type Placement = { readonly node: string } | Unplaced;

/** The node for the pod, or why there is none. A node that was promised to it comes first. */
export function placePod(pod: Pod, view: ClusterView, nominations: readonly Nomination[] = []): Placement {
  const refusals = new Map<string, Refusal>();
  if (view.nodes.length === 0) return { unschedulable: 'no nodes available to schedule pods', refusals };
  const problem = volumeProblem(pod, view.storage);
  if (problem !== undefined) {
    const unschedulable = `0/${view.nodes.length} nodes are available: ${problem}.`;
    return { unschedulable, refusals: new Map(view.nodes.map(({ name }) => [name, refusedForGood(problem)])) };
  }
  const filter = filterFor(pod, view, nominations);
  const fitting: NodeState[] = [];
  for (const node of view.nodes) {
    const refusal = filter(node);
    if (refusal === undefined) fitting.push(node);
    else refusals.set(node.name, refusal);
  }
  const promised = nominatedNode(pod, nominations);
  const best = fitting.find((node) => node.name === promised) ?? bestNode(pod, fitting, view);
  if (best !== undefined) return { node: best.name };
  return { unschedulable: noneAvailable([...refusals.values()].map((r) => r.reasons)), refusals };
}
