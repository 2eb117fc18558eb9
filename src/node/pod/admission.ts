// Does a pod that was bound to this node fit it? The scheduler asked before, but whoever writes `spec.nodeName` himself
// asks nobody: the node has the last word, in kubelet's words. Pure.
import {
  hostPortsCollide,
  nodeAllocatable,
  nodeMatches,
  podHostPorts,
  podRequests,
  untoleratedTaint,
  type Node,
  type Pod,
} from '../../api/objects.ts';

export interface Rejection {
  /** `OutOfcpu`, `NodeAffinity`, … */
  readonly reason: string;
  readonly message: string;
}

const predicate = (name: string, why: string): Rejection => ({
  reason: name,
  message: `Predicate ${name} failed: ${why}`,
});

/** @param others Pods that are on the node already. */
export function rejectionOf(pod: Pod, node: Node, others: readonly Pod[]): Rejection | undefined {
  const missing = missingResource(pod, node, others);
  if (missing !== undefined) return missing;
  if (!nodeMatches(pod.spec, node)) {
    return predicate('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  }
  const taken = others.flatMap(podHostPorts);
  if (podHostPorts(pod).some((port) => taken.some((other) => hostPortsCollide(port, other)))) {
    return predicate('NodePorts', "node(s) didn't have free ports for the requested pod ports");
  }
  if (untoleratedTaint(pod.spec?.tolerations, node, ['NoExecute']) !== undefined) {
    return predicate('TaintToleration', "node(s) had taints that the pod didn't tolerate");
  }
  return undefined;
}

function missingResource(pod: Pod, node: Node, others: readonly Pod[]): Rejection | undefined {
  const allocatable = nodeAllocatable(node);
  const outOf = (name: string, requested: number, used: number, capacity: number): Rejection => {
    // Kubernetes counts cores by the thousandth.
    const shown = (n: number) => Math.round(name === 'cpu' ? n * 1000 : n);
    const amounts = `requested: ${shown(requested)}, used: ${shown(used)}, capacity: ${shown(capacity)}`;
    return { reason: `OutOf${name}`, message: `Node didn't have enough resource: ${name}, ${amounts}` };
  };
  const most = allocatable.get('pods');
  if (most !== undefined && others.length + 1 > most) return outOf('pods', 1, others.length, most);
  for (const [name, requested] of podRequests(pod)) {
    const capacity = allocatable.get(name) ?? 0;
    const used = others.reduce((sum, other) => sum + (podRequests(other).get(name) ?? 0), 0);
    // Sums of fractions of cores carry rounding dust.
    if (requested > 0 && requested > capacity - used + 1e-9) return outOf(name, requested, used, capacity);
  }
  return undefined;
}
