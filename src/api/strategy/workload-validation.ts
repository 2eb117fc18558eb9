// Rules for the kinds that make pods from a template.
import type { FieldError } from '../field-error.ts';
import { forbidden, invalidValue, notSupported, required } from '../field-error.ts';
import { scaledIntOrPercent } from '../int-or-string.ts';
import { labelSelectorMatches, selectorMapMatches } from '../select/label-selector.ts';
import type { apps, core, meta } from '../types.ts';
import { nonNegative } from './container-validation.ts';
import { validateLabelSelector } from './selector-validation.ts';
import { validateAnnotations, validateLabels } from './metadata.ts';
import { validatePodSpec } from './pod-validation.ts';

const mismatch = '`selector` does not match template `labels`';

/** What every template must be, whatever its pods are for. */
export function validateTemplateShape(template: core.PodTemplateSpec | undefined, path: string): FieldError[] {
  return [
    ...validateLabels(template?.metadata?.labels, `${path}.metadata.labels`),
    ...validateAnnotations(template?.metadata?.annotations, `${path}.metadata.annotations`),
    ...validatePodSpec(template?.spec, `${path}.spec`),
  ];
}

/** The template of pods that are to run for ever. */
export function validateTemplate(template: core.PodTemplateSpec | undefined, path: string): FieldError[] {
  const errors = validateTemplateShape(template, path);
  const restart = template?.spec?.restartPolicy;
  if (restart !== undefined && restart !== 'Always' && ['Never', 'OnFailure'].includes(restart)) {
    errors.push(notSupported(`${path}.spec.restartPolicy`, restart, ['Always']));
  }
  if (template?.spec?.activeDeadlineSeconds !== undefined) {
    errors.push(forbidden(`${path}.spec.activeDeadlineSeconds`, 'must not be specified'));
  }
  return errors;
}

function validateSelectorAndTemplate(
  selector: meta.LabelSelector | undefined,
  template: core.PodTemplateSpec | undefined,
  what: string,
): FieldError[] {
  const labels = template?.metadata?.labels ?? {};
  const errors: FieldError[] = [];
  if (selector === undefined) errors.push(required('spec.selector'));
  else {
    errors.push(...validateLabelSelector(selector, 'spec.selector'));
    if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0) {
      errors.push(
        invalidValue(
          'spec.selector',
          {
            go: 'v1.LabelSelector{MatchLabels:map[string]string(nil), MatchExpressions:[]v1.LabelSelectorRequirement(nil)}',
          },
          `empty selector is invalid for ${what}`,
        ),
      );
    } else if (!labelSelectorMatches(selector, labels)) {
      errors.push(invalidValue('spec.template.metadata.labels', labels, mismatch));
    }
  }
  return [...errors, ...validateTemplate(template, 'spec.template')];
}

export function validateIntOrPercent(value: number | string | undefined, path: string): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === 'number') return nonNegative(value, path);
  return /^\d+%$/.test(value)
    ? []
    : [
        invalidValue(
          path,
          value,
          "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        ),
      ];
}

const isZero = (value: number | string | undefined): boolean =>
  value === undefined || scaledIntOrPercent(value, 100, { roundUp: false }) === 0;

function validateRolling(
  rolling: { maxUnavailable?: number | string; maxSurge?: number | string } | undefined,
  path: string,
): FieldError[] {
  const errors = [
    ...validateIntOrPercent(rolling?.maxUnavailable, `${path}.maxUnavailable`),
    ...validateIntOrPercent(rolling?.maxSurge, `${path}.maxSurge`),
  ];
  if (errors.length === 0 && isZero(rolling?.maxUnavailable) && isZero(rolling?.maxSurge)) {
    errors.push(
      invalidValue(`${path}.maxUnavailable`, rolling?.maxUnavailable ?? 0, 'may not be 0 when `maxSurge` is 0'),
    );
  }
  return [...errors, ...validateNotMoreThanAll(rolling?.maxUnavailable, `${path}.maxUnavailable`)];
}

export function validateNotMoreThanAll(value: number | string | undefined, path: string): FieldError[] {
  const tooMuch = typeof value === 'string' && /^\d+%$/.test(value) && Number.parseInt(value, 10) > 100;
  return tooMuch ? [invalidValue(path, value, 'must not be greater than 100%')] : [];
}

export function validateDeployment(d: apps.Deployment): FieldError[] {
  const { spec } = d;
  if (spec === undefined) return [required('spec.selector'), required('spec.template.spec.containers')];
  const errors = [
    ...nonNegative(spec.replicas, 'spec.replicas'),
    ...validateSelectorAndTemplate(spec.selector, spec.template, 'deployment'),
  ];
  const type = spec.strategy?.type;
  if (type === 'Recreate') {
    if (spec.strategy?.rollingUpdate !== undefined) {
      errors.push(forbidden('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"));
    }
  } else if (type === 'RollingUpdate') {
    errors.push(...validateRolling(spec.strategy?.rollingUpdate, 'spec.strategy.rollingUpdate'));
  } else errors.push(notSupported('spec.strategy.type', type, ['Recreate', 'RollingUpdate']));
  errors.push(
    ...nonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...nonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...nonNegative(spec.progressDeadlineSeconds, 'spec.progressDeadlineSeconds'),
  );
  if ((spec.progressDeadlineSeconds ?? 600) <= (spec.minReadySeconds ?? 0)) {
    errors.push(
      invalidValue(
        'spec.progressDeadlineSeconds',
        spec.progressDeadlineSeconds,
        'must be greater than minReadySeconds',
      ),
    );
  }
  return errors;
}

export function validateReplicaSet(r: apps.ReplicaSet): FieldError[] {
  const { spec } = r;
  if (spec === undefined) return [required('spec.selector')];
  return [
    ...nonNegative(spec.replicas, 'spec.replicas'),
    ...nonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateSelectorAndTemplate(spec.selector, spec.template, 'deployment'),
  ];
}

/** The template as pods get it: with a volume for each claim. */
function withClaimVolumes({ template, volumeClaimTemplates = [] }: apps.StatefulSetSpec): core.PodTemplateSpec {
  if (template.spec === undefined || volumeClaimTemplates.length === 0) return template;
  const claims = volumeClaimTemplates.map((t) => ({
    name: t.metadata?.name ?? '',
    persistentVolumeClaim: { claimName: t.metadata?.name ?? '' },
  }));
  const others = (template.spec.volumes ?? []).filter((v) => !claims.some((c) => c.name === v.name));
  return { ...template, spec: { ...template.spec, volumes: [...others, ...claims] } };
}

export function validateStatefulSet(s: apps.StatefulSet): FieldError[] {
  const { spec } = s;
  if (spec === undefined) return [required('spec.selector')];
  const errors = [
    ...nonNegative(spec.replicas, 'spec.replicas'),
    ...validateSelectorAndTemplate(spec.selector, withClaimVolumes(spec), 'statefulset'),
    ...nonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...nonNegative(spec.updateStrategy?.rollingUpdate?.partition, 'spec.updateStrategy.rollingUpdate.partition'),
    ...nonNegative(spec.ordinals?.start, 'spec.ordinals.start'),
  ];
  const retention = ['Delete', 'Retain'];
  for (const when of ['whenDeleted', 'whenScaled'] as const) {
    const policy = spec.persistentVolumeClaimRetentionPolicy?.[when] ?? 'Retain';
    if (!retention.includes(policy)) {
      errors.push(notSupported(`spec.persistentVolumeClaimRetentionPolicy.${when}`, policy, retention));
    }
  }
  const management = ['OrderedReady', 'Parallel'];
  if (!management.includes(spec.podManagementPolicy ?? '')) {
    errors.push(
      invalidValue('spec.podManagementPolicy', spec.podManagementPolicy, "must be 'OrderedReady' or 'Parallel'"),
    );
  }
  const update = ['OnDelete', 'RollingUpdate'];
  if (!update.includes(spec.updateStrategy?.type ?? '')) {
    errors.push(
      invalidValue('spec.updateStrategy.type', spec.updateStrategy?.type, "must be 'RollingUpdate' or 'OnDelete'"),
    );
  }
  return errors;
}

export function validateDaemonSet(d: apps.DaemonSet): FieldError[] {
  const { spec } = d;
  if (spec === undefined) return [required('spec.selector')];
  const errors = [
    ...validateSelectorAndTemplate(spec.selector, spec.template, 'daemonset'),
    ...nonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...nonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
  ];
  const type = spec.updateStrategy?.type;
  if (type === 'RollingUpdate') {
    errors.push(...validateRolling(spec.updateStrategy?.rollingUpdate, 'spec.updateStrategy.rollingUpdate'));
  } else if (type !== 'OnDelete') {
    errors.push(notSupported('spec.updateStrategy.type', type, ['OnDelete', 'RollingUpdate']));
  }
  return errors;
}

export function validateReplicationController(r: core.ReplicationController): FieldError[] {
  const { spec } = r;
  if (spec === undefined) return [required('spec.selector'), required('spec.template')];
  const errors = [
    ...nonNegative(spec.replicas, 'spec.replicas'),
    ...nonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
  ];
  if (Object.keys(spec.selector ?? {}).length === 0) errors.push(required('spec.selector'));
  if (spec.template === undefined) return [...errors, required('spec.template')];
  const labels = spec.template.metadata?.labels ?? {};
  if (Object.keys(spec.selector ?? {}).length > 0 && !selectorMapMatches(spec.selector, labels)) {
    errors.push(invalidValue('spec.template.metadata.labels', labels, mismatch));
  }
  return [...errors, ...validateTemplate(spec.template, 'spec.template')];
}
