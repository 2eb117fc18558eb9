// Warnings for pods: fields that are accepted but do not do what one might think.
import type { core } from '../types.ts';
import { unheededWarnings } from './unheeded-fields.ts';

/** Node labels that were renamed. */
const renamedNodeLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
};

export const podWarnings = (pod: core.Pod): string[] => specWarnings(pod.spec, 'spec');

export const templateWarnings = (template: core.PodTemplateSpec | undefined, path = 'spec.template.spec'): string[] =>
  specWarnings(template?.spec, path);

function specWarnings(spec: core.PodSpec | undefined, path: string): string[] {
  if (spec === undefined) return [];
  const warnings: string[] = [];
  for (const [label, now] of Object.entries(renamedNodeLabels)) {
    if (spec.nodeSelector?.[label] !== undefined) {
      warnings.push(`${path}.nodeSelector[${label}]: deprecated since v1.14; use "${now}" instead`);
    }
  }
  (spec.hostAliases ?? []).forEach((a, i, all) => {
    if (all.findIndex((b) => b.ip === a.ip) < i) {
      warnings.push(`${path}.hostAliases[${i}].ip: duplicate ip "${a.ip}"`);
    }
  });
  warnings.push(...duplicateEnvWarnings(spec, path), ...duplicatePortWarnings(spec, path));
  warnings.push(...unheededWarnings(spec, path));
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    warnings.push(
      `${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
    );
  }
  return warnings;
}

function duplicateEnvWarnings(spec: core.PodSpec, path: string): string[] {
  return (spec.containers ?? []).flatMap((c, i) => {
    const seen = new Set<string>();
    return (c.env ?? []).flatMap((e, j) => {
      const again = seen.has(e.name) && !(e.value ?? '').includes(`$(${e.name})`);
      seen.add(e.name);
      return again
        ? [
            `${path}.containers[${i}].env[${j}]: hides previous definition of "${e.name}", which may be dropped when using apply`,
          ]
        : [];
    });
  });
}

function duplicatePortWarnings(spec: core.PodSpec, path: string): string[] {
  return (spec.containers ?? []).flatMap((c, i) => {
    const seen = new Map<string, number>();
    return (c.ports ?? []).flatMap((p, j) => {
      const key = `${p.protocol ?? ''}/${p.containerPort}/${p.hostIP ?? ''}/${p.hostPort ?? 0}`;
      const first = seen.get(key);
      seen.set(key, first ?? j);
      return first === undefined
        ? []
        : [
            `${path}.containers[${i}].ports[${j}]: duplicate port definition with ${path}.containers[${i}].ports[${first}]`,
          ];
    });
  });
}
