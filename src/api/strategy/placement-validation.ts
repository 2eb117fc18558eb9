// Rules for where a pod wants to be: node affinity, pod affinity and anti-affinity, topology spread.
import type { FieldError } from '../field-error.ts';
import { duplicate, forbidden, invalidValue, notSupported, required } from '../field-error.ts';
import { dns1123Label, qualifiedName } from '../names.ts';
import type { core } from '../types.ts';
import { fails } from './container-validation.ts';
import { validateLabelSelector } from './selector-validation.ts';

const HARD = 'requiredDuringSchedulingIgnoredDuringExecution';
const SOFT = 'preferredDuringSchedulingIgnoredDuringExecution';
const unsatisfiable = ['DoNotSchedule', 'ScheduleAnyway'];
const policies = ['Honor', 'Ignore'];

export function validatePlacement(spec: core.PodSpec, path: string): FieldError[] {
  const at = `${path}.affinity`;
  const { nodeAffinity, podAffinity, podAntiAffinity } = spec.affinity ?? {};
  return [
    ...(nodeAffinity === undefined ? [] : validateNodeAffinity(nodeAffinity, `${at}.nodeAffinity`)),
    ...(podAffinity === undefined ? [] : validatePodTerms(podAffinity, `${at}.podAffinity`)),
    ...(podAntiAffinity === undefined ? [] : validatePodTerms(podAntiAffinity, `${at}.podAntiAffinity`)),
    ...validateSpread(spec.topologySpreadConstraints ?? [], `${path}.topologySpreadConstraints`),
  ];
}

function validateNodeAffinity(affinity: core.NodeAffinity, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const hard = affinity[HARD];
  if (hard !== undefined) {
    const at = `${path}.${HARD}.nodeSelectorTerms`;
    const terms = hard.nodeSelectorTerms ?? [];
    if (terms.length === 0) errors.push(required(at, 'must have at least one node selector term'));
    errors.push(...terms.flatMap((t, i) => validateNodeTerm(t, `${at}[${i}]`)));
  }
  (affinity[SOFT] ?? []).forEach((preferred, i) => {
    const at = `${path}.${SOFT}[${i}]`;
    errors.push(...validateWeight(preferred.weight, at));
    errors.push(...validateNodeTerm(preferred.preference ?? {}, `${at}.preference`));
  });
  return errors;
}

function validateNodeTerm(term: core.NodeSelectorTerm, path: string): FieldError[] {
  const errors = (term.matchExpressions ?? []).flatMap((e, i) =>
    validateNodeRequirement(e, `${path}.matchExpressions[${i}]`),
  );
  (term.matchFields ?? []).forEach((f, i) => {
    const at = `${path}.matchFields[${i}]`;
    if (f.key !== 'metadata.name') errors.push(invalidValue(`${at}.key`, f.key, 'not a valid field selector key'));
    if (f.operator !== 'In' && f.operator !== 'NotIn') {
      errors.push(invalidValue(`${at}.operator`, f.operator, 'not a valid selector operator'));
    } else if ((f.values ?? []).length !== 1) {
      const why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
      errors.push(required(`${at}.values`, why));
    }
  });
  return errors;
}

function validateNodeRequirement(r: core.NodeSelectorRequirement, path: string): FieldError[] {
  const n = (r.values ?? []).length;
  const errors: FieldError[] = [];
  switch (r.operator) {
    case 'In':
    case 'NotIn':
      if (n === 0) errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (n > 0) {
        errors.push(forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      }
      break;
    case 'Gt':
    case 'Lt':
      if (n !== 1) {
        errors.push(required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
      }
      break;
    default:
      errors.push(invalidValue(`${path}.operator`, r.operator, 'not a valid selector operator'));
  }
  return [...errors, ...fails(`${path}.key`, r.key, qualifiedName(r.key ?? ''))];
}

function validateWeight(weight: number | undefined, path: string): FieldError[] {
  const inRange = weight !== undefined && weight >= 1 && weight <= 100;
  return inRange ? [] : [invalidValue(`${path}.weight`, weight ?? 0, 'must be in the range 1-100')];
}

function validatePodTerms(affinity: core.PodAffinity, path: string): FieldError[] {
  return [
    ...(affinity[HARD] ?? []).flatMap((term, i) => validatePodTerm(term, `${path}.${HARD}[${i}]`)),
    ...(affinity[SOFT] ?? []).flatMap((weighted, i) => {
      const at = `${path}.${SOFT}[${i}]`;
      const term = validatePodTerm(weighted.podAffinityTerm ?? {}, `${at}.podAffinityTerm`);
      return [...validateWeight(weighted.weight, at), ...term];
    }),
  ];
}

function validatePodTerm(term: Partial<core.PodAffinityTerm>, path: string): FieldError[] {
  return [
    ...validateLabelSelector(term.labelSelector, `${path}.labelSelector`),
    ...validateLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`),
    ...(term.namespaces ?? []).flatMap((ns, i) => fails(`${path}.namespaces[${i}]`, ns, dns1123Label(ns))),
    ...validateTopologyKey(term.topologyKey, path),
  ];
}

function validateTopologyKey(key: string | undefined, path: string): FieldError[] {
  if (key === undefined || key === '') return [required(`${path}.topologyKey`, 'can not be empty')];
  return fails(`${path}.topologyKey`, key, qualifiedName(key));
}

function validateSpread(constraints: readonly core.TopologySpreadConstraint[], path: string): FieldError[] {
  const meanings = constraints.map((c) => `{${c.topologyKey}, ${c.whenUnsatisfiable}}`);
  return constraints.flatMap((c, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (!(c.maxSkew > 0)) errors.push(invalidValue(`${at}.maxSkew`, c.maxSkew ?? 0, 'must be greater than 0'));
    errors.push(...validateTopologyKey(c.topologyKey, at));
    const when = c.whenUnsatisfiable ?? '';
    if (!unsatisfiable.includes(when)) errors.push(notSupported(`${at}.whenUnsatisfiable`, when, unsatisfiable));
    if (meanings.indexOf(meanings[i] ?? '') < i) {
      errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, meanings[i]));
    }
    if (c.minDomains !== undefined) errors.push(...validateMinDomains(c.minDomains, when, at));
    for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = c[field];
      if (policy !== undefined && !policies.includes(policy)) {
        errors.push(notSupported(`${at}.${field}`, policy, policies));
      }
    }
    if ((c.matchLabelKeys ?? []).length > 0 && c.labelSelector === undefined) {
      errors.push(forbidden(`${at}.matchLabelKeys`, 'must not be specified when labelSelector is not set'));
    }
    return [...errors, ...validateLabelSelector(c.labelSelector, `${at}.labelSelector`)];
  });
}

function validateMinDomains(minDomains: number, when: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (minDomains <= 0) errors.push(invalidValue(`${path}.minDomains`, minDomains, 'must be greater than 0'));
  if (when !== 'DoNotSchedule') {
    const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${when}`;
    errors.push(invalidValue(`${path}.minDomains`, minDomains, why));
  }
  return errors;
}
