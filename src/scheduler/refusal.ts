// Why nodes do not fit, and how that is told. Pure.

export interface Refusal {
  /** In Kubernetes' words. */
  readonly reasons: readonly string[];
  /** The node would not fit either if less important pods left it. */
  readonly final: boolean;
}

/** A reason that may go away with other pods. */
export const refusedForNow = (...reasons: string[]): Refusal => ({ reasons, final: false });

/** A reason that lies in the node or in the pod itself. */
export const refusedForGood = (...reasons: string[]): Refusal => ({ reasons, final: true });

/** `0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.` */
export function noneAvailable(reasonsOfNodes: readonly (readonly string[])[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasonsOfNodes.flat()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const list = [...counts].map(([reason, n]) => `${n} ${reason}`).toSorted();
  return `0/${reasonsOfNodes.length} nodes are available: ${list.join(', ')}.`;
}
