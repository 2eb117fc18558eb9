// The whole decision for one pod: pure.
import type { Pod } from '../api/objects.ts';
import type { ClusterView, NodeState } from './cluster-state.ts';
import { filterFor } from './filters.ts';
import { bestNode } from './scores.ts';

export type Placement = { node: string } | { unschedulable: string };

/** The node for the pod, or why there is none: `0/3 nodes are available: 3 Insufficient cpu.` */
export function placePod(pod: Pod, view: ClusterView): Placement {
  if (view.nodes.length === 0) return { unschedulable: 'no nodes available to schedule pods' };
  const filter = filterFor(pod, view);
  const fitting: NodeState[] = [];
  const reasons = new Map<string, number>();
  for (const node of view.nodes) {
    const against = filter(node);
    if (against.length === 0) fitting.push(node);
    for (const reason of against) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const best = fitting.length === 1 ? fitting[0] : bestNode(pod, fitting, view);
  if (best !== undefined) return { node: best.name };
  const list = [...reasons].map(([reason, n]) => `${n} ${reason}`).toSorted();
  return { unschedulable: `0/${view.nodes.length} nodes are available: ${list.join(', ')}.` };
}
