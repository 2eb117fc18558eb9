// Rules for pods and pod templates, and what an update of a pod may change.
import { copyJson } from '../copy-json.ts';
import { validateIp } from '../addresses.ts';
import type { FieldError } from '../field-error.ts';
import { forbidden, goStrings, invalidValue, notSupported, required } from '../field-error.ts';
import { deepEqual, isObject } from '../json.ts';
import { dns1123Label, dns1123Subdomain, qualifiedName } from '../names.ts';
import type { core } from '../types.ts';
import { fails, nonNegative, validateContainer, validateHostPorts } from './container-validation.ts';
import { validateLabels } from './metadata.ts';
import { validatePlacement } from './placement-validation.ts';
import { validatePreemptionPolicy } from './priority-class.ts';
import { validateVolumes } from './volume-validation.ts';

const restartPolicies = ['Always', 'Never', 'OnFailure'];
const dnsPolicies = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];
const effects = ['NoExecute', 'NoSchedule', 'PreferNoSchedule'];
const maxNameservers = 3;
const maxSearches = 32;
const maxSearchCharacters = 2048;
const maxSeconds = 2_147_483_647;

export const validatePod = (pod: core.Pod): FieldError[] => validatePodSpec(pod.spec, 'spec');

export function validatePodSpec(spec: core.PodSpec | undefined, path: string): FieldError[] {
  if (spec === undefined) return [required(`${path}.containers`)];
  const volumes = new Set((spec.volumes ?? []).map((v) => v.name));
  const names = new Set<string>();
  const errors: FieldError[] = validateVolumes(spec.volumes ?? [], `${path}.volumes`);
  if ((spec.containers ?? []).length === 0) errors.push(required(`${path}.containers`));
  for (const kind of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    ((spec[kind] ?? []) as core.Container[]).forEach((c, i) => {
      errors.push(...validateContainer(c, `${path}.${kind}[${i}]`, { volumes, names, kind }));
    });
  }
  errors.push(
    ...validateHostPorts(spec.containers ?? [], `${path}.containers`),
    ...validatePlainFields(spec, path),
    ...validateDns(spec, path),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...validatePlacement(spec, path),
    ...(spec.tolerations ?? []).flatMap((t, i) => validateToleration(t, `${path}.tolerations[${i}]`)),
  );
  (spec.hostAliases ?? []).forEach((a, i) => {
    errors.push(...validateIp(a.ip ?? '', `${path}.hostAliases[${i}].ip`));
    (a.hostnames ?? []).forEach((h, j) =>
      errors.push(...fails(`${path}.hostAliases[${i}].hostnames[${j}]`, h, dns1123Subdomain(h))),
    );
  });
  (spec.readinessGates ?? []).forEach((g, i) =>
    errors.push(
      ...fails(`${path}.readinessGates[${i}].conditionType`, g.conditionType, qualifiedName(g.conditionType)),
    ),
  );
  return errors;
}

function validatePlainFields(spec: core.PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const restart = spec.restartPolicy ?? '';
  if (restart === '') errors.push(required(`${path}.restartPolicy`));
  else if (!restartPolicies.includes(restart))
    errors.push(notSupported(`${path}.restartPolicy`, restart, restartPolicies));
  const named: readonly [
    'serviceAccountName' | 'nodeName' | 'priorityClassName' | 'hostname' | 'subdomain',
    (v: string) => string[],
  ][] = [
    ['serviceAccountName', dns1123Subdomain],
    ['nodeName', dns1123Subdomain],
    ['priorityClassName', dns1123Subdomain],
    ['hostname', dns1123Label],
    ['subdomain', dns1123Label],
  ];
  for (const [field, rule] of named) {
    const value = spec[field];
    if (value !== undefined && value !== '') errors.push(...fails(`${path}.${field}`, value, rule(value)));
  }
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > maxSeconds)) {
    errors.push(
      invalidValue(`${path}.activeDeadlineSeconds`, deadline, `must be between 1 and ${maxSeconds}, inclusive`),
    );
  }
  errors.push(...validatePreemptionPolicy(spec.preemptionPolicy, `${path}.preemptionPolicy`));
  errors.push(...nonNegative(spec.terminationGracePeriodSeconds, `${path}.terminationGracePeriodSeconds`));
  if (spec.hostNetwork === true) {
    (spec.containers ?? []).forEach((c, i) =>
      (c.ports ?? []).forEach((p, j) => {
        if (p.hostPort === p.containerPort) return;
        const why = 'must match `hostPort` when `hostNetwork` is true';
        errors.push(invalidValue(`${path}.containers[${i}].ports[${j}].containerPort`, p.containerPort, why));
      }),
    );
  }
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    errors.push(
      invalidValue(`${path}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    );
  }
  return errors;
}

function validateDns(spec: core.PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const policy = spec.dnsPolicy ?? '';
  if (policy === '') errors.push(required(`${path}.dnsPolicy`));
  else if (!dnsPolicies.includes(policy)) errors.push(notSupported(`${path}.dnsPolicy`, policy, dnsPolicies));
  const config = spec.dnsConfig;
  const at = `${path}.dnsConfig`;
  if (policy === 'None') {
    if (config === undefined) return [...errors, required(at, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if ((config.nameservers ?? []).length === 0) {
      errors.push(required(`${at}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'));
    }
  }
  if (config === undefined) return errors;
  const { nameservers = [], searches = [], options = [] } = config;
  if (nameservers.length > maxNameservers) {
    errors.push(
      invalidValue(
        `${at}.nameservers`,
        goStrings(nameservers),
        `must not have more than ${maxNameservers} nameservers`,
      ),
    );
  }
  nameservers.forEach((ns, i) => errors.push(...validateIp(ns, `${at}.nameservers[${i}]`)));
  if (searches.length > maxSearches) {
    errors.push(
      invalidValue(`${at}.searches`, goStrings(searches), `must not have more than ${maxSearches} search paths`),
    );
  }
  if (searches.join(' ').length > maxSearchCharacters) {
    errors.push(
      invalidValue(
        `${at}.searches`,
        goStrings(searches),
        `must not have more than ${maxSearchCharacters} characters (including spaces) in the search list`,
      ),
    );
  }
  searches.forEach((s, i) => {
    // It is fine to write a fully qualified search path, and `.` alone.
    const name = s === '.' ? 'a' : s.replace(/\.$/, '');
    errors.push(...fails(`${at}.searches[${i}]`, name, dns1123Subdomain(name)));
  });
  options.forEach((o, i) => {
    if ((o.name ?? '') === '') errors.push(required(`${at}.options[${i}]`, 'must not be empty'));
  });
  return errors;
}

function validateToleration(t: core.Toleration, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { key = '', operator = 'Equal', value = '', effect = '' } = t;
  if (key !== '') errors.push(...fails(`${path}.key`, key, qualifiedName(key)));
  else if (operator !== 'Exists') {
    errors.push(
      invalidValue(
        `${path}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  }
  if (t.tolerationSeconds !== undefined && effect !== 'NoExecute') {
    errors.push(invalidValue(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
  }
  if (operator === 'Exists') {
    if (value !== '')
      errors.push(
        invalidValue(
          `${path}.operator`,
          {
            go: `core.Toleration{Key:"${key}", Operator:"Exists", Value:"${value}", Effect:"${effect}", TolerationSeconds:(*int64)(nil)}`,
          },
          "value must be empty when `operator` is 'Exists'",
        ),
      );
  } else if (operator !== 'Equal') errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  if (effect !== '' && !effects.includes(effect)) errors.push(notSupported(`${path}.effect`, effect, effects));
  return errors;
}

const mayChange = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

export function validatePodUpdate(next: core.Pod, previous: core.Pod): FieldError[] {
  const spec = next.spec ?? { containers: [] };
  const old = previous.spec ?? { containers: [] };
  for (const kind of ['containers', 'initContainers'] as const) {
    if ((spec[kind] ?? []).length !== (old[kind] ?? []).length) {
      return [forbidden(`spec.${kind}`, 'pod updates may not add or remove containers')];
    }
  }
  const errors = validateDeadlineChange(spec.activeDeadlineSeconds, old.activeDeadlineSeconds);
  errors.push(...validateTolerationChange(spec.tolerations ?? [], old.tolerations ?? []));

  const munged = copyJson(spec);
  for (const kind of ['containers', 'initContainers'] as const) {
    (munged[kind] ?? []).forEach((c, i) => {
      const image = old[kind]?.[i]?.image;
      if (image === undefined) delete c.image;
      else c.image = image;
    });
  }
  restore(munged, old, 'activeDeadlineSeconds');
  restore(munged, old, 'tolerations');
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && munged.terminationGracePeriodSeconds === 1) {
    restore(munged, old, 'terminationGracePeriodSeconds');
  }
  // DIFFERS: Kubernetes takes new ephemeral containers on their subresource only; which door was used is not known here,
  // and whoever may write the pod may change its images anyway. Those that are there never change.
  const debugging = old.ephemeralContainers ?? [];
  if (deepEqual((munged.ephemeralContainers ?? []).slice(0, debugging.length), debugging)) {
    restore(munged, old, 'ephemeralContainers');
  }
  // Gates may be lifted, never added.
  const gates = (old.schedulingGates ?? []).map((g) => g.name);
  if ((munged.schedulingGates ?? []).every((g) => gates.includes(g.name))) restore(munged, old, 'schedulingGates');
  const changed = changedPaths(munged, old, 'spec');
  if (changed.length > 0) {
    errors.push(forbidden('spec', `pod updates may not change fields other than ${mayChange}\n${changed.join('\n')}`));
  }
  return errors;
}

function restore<K extends keyof core.PodSpec>(spec: core.PodSpec, old: core.PodSpec, field: K): void {
  if (old[field] === undefined) delete spec[field];
  else spec[field] = old[field];
}

/** Paths at which two values differ, with both values; for the reader of the error. */
function changedPaths(next: unknown, previous: unknown, path: string): string[] {
  if (deepEqual(next, previous)) return [];
  if (isObject(next) && isObject(previous)) {
    return [...new Set([...Object.keys(previous), ...Object.keys(next)])].flatMap((k) =>
      changedPaths(next[k], previous[k], `${path}.${k}`),
    );
  }
  if (Array.isArray(next) && Array.isArray(previous) && next.length === previous.length) {
    return next.flatMap((v, i) => changedPaths(v, previous[i], `${path}[${i}]`));
  }
  return [`- ${path}: ${JSON.stringify(previous) ?? '(absent)'}`, `+ ${path}: ${JSON.stringify(next) ?? '(absent)'}`];
}

function validateDeadlineChange(next: number | undefined, old: number | undefined): FieldError[] {
  const path = 'spec.activeDeadlineSeconds';
  if (next === undefined) {
    return old === undefined ? [] : [invalidValue(path, next, 'must not update from a positive integer to nil value')];
  }
  return old !== undefined && next > old
    ? [invalidValue(path, next, 'must be less than or equal to previous value')]
    : [];
}

function validateTolerationChange(next: readonly core.Toleration[], old: readonly core.Toleration[]): FieldError[] {
  const rest = ({ tolerationSeconds: _t, ...t }: core.Toleration): unknown => t;
  const kept = old.every((o) => next.some((n) => deepEqual(rest(n), rest(o))));
  return kept
    ? []
    : [forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
}

export function validatePodStatusUpdate(next: core.Pod, previous: core.Pod): FieldError[] {
  const errors: FieldError[] = [];
  (next.status?.podIPs ?? []).forEach((p, i) => errors.push(...validateIp(p.ip ?? '', `status.podIPs[${i}]`)));
  const restart = previous.spec?.restartPolicy ?? 'Always';
  if (restart === 'Always') return errors;
  (next.status?.containerStatuses ?? []).forEach((s, i) => {
    const before = previous.status?.containerStatuses?.find((o) => o.name === s.name)?.state?.terminated;
    if (before === undefined || s.state?.terminated !== undefined) return;
    // A container that is done for good stays done.
    if (restart === 'OnFailure' && before.exitCode !== 0) return;
    errors.push(forbidden(`status.containerStatuses[${i}].state`, 'may not be transitioned to non-terminated state'));
  });
  return errors;
}
