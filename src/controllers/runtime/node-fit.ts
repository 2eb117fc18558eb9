// May a pod's template run on a node, as far as selectors and taints go: pure.
import type { Node, core } from '../../api/objects.ts';
import { tolerates } from '../node-lifecycle/node-health.ts';

function requirementHolds(r: core.NodeSelectorRequirement, value: string | undefined): boolean {
  const values = r.values ?? [];
  if (r.operator === 'Exists') return value !== undefined;
  if (r.operator === 'DoesNotExist') return value === undefined;
  if (r.operator === 'NotIn') return value === undefined || !values.includes(value);
  if (value === undefined) return false;
  if (r.operator === 'In') return values.includes(value);
  return r.operator === 'Gt' ? Number(value) > Number(values[0]) : Number(value) < Number(values[0]);
}

function termHolds(term: core.NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  return (
    matchExpressions.length + matchFields.length > 0 &&
    matchExpressions.every((r) => requirementHolds(r, node.metadata.labels?.[r.key])) &&
    matchFields.every((r) => r.key === 'metadata.name' && requirementHolds(r, node.metadata.name))
  );
}

/** nodeName, nodeSelector and required node affinity. */
export function selectsNode(spec: core.PodSpec, node: Node): boolean {
  if (spec.nodeName !== undefined && spec.nodeName !== '' && spec.nodeName !== node.metadata.name) return false;
  if (!Object.entries(spec.nodeSelector ?? {}).every(([k, v]) => node.metadata.labels?.[k] === v)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || (required.nodeSelectorTerms ?? []).some((term) => termHolds(term, node));
}

/** Has the node no taint of these effects that is not tolerated? */
export function toleratesNode(
  tolerations: readonly core.Toleration[],
  node: Node,
  effects: readonly string[],
): boolean {
  const taints = (node.spec?.taints ?? []).filter((taint) => effects.includes(taint.effect));
  return taints.every((taint) => tolerations.some((t) => tolerates(t, taint)));
}
