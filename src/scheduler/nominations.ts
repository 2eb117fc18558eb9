// Pods that wait for the room they were promised on a node: it counts as taken for whoever is not more important. Pure.
import type { Pod } from '../api/objects.ts';
import { nodeWithPods, viewWith, type ClusterView } from './cluster-state.ts';
import { priorityOf } from './priority.ts';

export interface Nomination {
  readonly pod: Pod;
  /** Name of the node. */
  readonly node: string;
}

/** The node that was promised to the pod. */
export const nominatedNode = (pod: Pod, nominations: readonly Nomination[]): string | undefined =>
  nominations.find((n) => n.pod.metadata.uid === pod.metadata.uid)?.node;

/** The cluster as it will be when those who go before `pod` have taken the places they were promised. */
export function viewWithNominated(pod: Pod, view: ClusterView, nominations: readonly Nomination[]): ClusterView {
  const ahead = nominations.filter(
    (n) => n.pod.metadata.uid !== pod.metadata.uid && priorityOf(n.pod) >= priorityOf(pod),
  );
  const names = new Set(ahead.map((n) => n.node));
  const crowded = view.nodes
    .filter((node) => names.has(node.name))
    .map((node) => {
      const coming = ahead.filter((n) => n.node === node.name).map((n) => n.pod);
      return nodeWithPods(node, [...node.pods.values(), ...coming]);
    });
  return crowded.length === 0 ? view : viewWith(view, crowded);
}
