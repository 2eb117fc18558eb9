// Does a node match nodeSelector, node affinity, taints? For the scheduler and for DaemonSets.
import type { Node, core } from '../types.ts';

type Labels = Readonly<Record<string, string>>;

function requirementMatches(r: core.NodeSelectorRequirement, value: string | undefined): boolean {
  const values = r.values ?? [];
  switch (r.operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt': {
      if (value === undefined || !/^-?\d+$/.test(value)) return false;
      const bound = Number(values[0]);
      return r.operator === 'Gt' ? Number(value) > bound : Number(value) < bound;
    }
    default:
      return false;
  }
}

/** All requirements of a term must hold; a term without any matches nothing. */
export function termMatches(term: core.NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false;
  const labels: Labels = node.metadata.labels ?? {};
  return (
    expressions.every((r) => requirementMatches(r, labels[r.key])) &&
    fields.every((r) => r.key === 'metadata.name' && requirementMatches(r, node.metadata.name))
  );
}

/** nodeSelector and the required part of node affinity. */
export function nodeMatches(spec: core.PodSpec | undefined, node: Node): boolean {
  const labels: Labels = node.metadata.labels ?? {};
  if (!Object.entries(spec?.nodeSelector ?? {}).every(([k, v]) => labels[k] === v)) return false;
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || (required.nodeSelectorTerms ?? []).some((term) => termMatches(term, node));
}

export function tolerates(toleration: core.Toleration, taint: core.Taint): boolean {
  const { effect = '', key = '', operator = 'Equal', value = '' } = toleration;
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return key !== '' && value === (taint.value ?? '');
}

/** The first taint with one of these effects that is not tolerated. */
export function untoleratedTaint(
  tolerations: readonly core.Toleration[] | undefined,
  node: Node,
  effects: readonly string[],
): core.Taint | undefined {
  return node.spec?.taints?.find(
    (taint) => effects.includes(taint.effect) && tolerations?.some((t) => tolerates(t, taint)) !== true,
  );
}
