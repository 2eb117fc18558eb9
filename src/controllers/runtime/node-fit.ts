// May a DaemonSet's pod run on a node, as far as names, selectors and taints go: pure.
import { nodeMatches, type Node, type core } from '../../api/objects.ts';

/** nodeName, nodeSelector and required node affinity. */
export function selectsNode(spec: core.PodSpec, node: Node): boolean {
  const { nodeName = '' } = spec;
  return (nodeName === '' || nodeName === node.metadata.name) && nodeMatches(spec, node);
}
