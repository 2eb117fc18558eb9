// Rules for what may happen to the pods of a job: limits per index, failure policy, success policy.
import type { FieldError } from '../field-error.ts';
import { invalidValue, notSupported, required, tooMany } from '../field-error.ts';
import { parseIndexRanges, rangesSize } from '../job-indexes.ts';
import type { batch } from '../types.ts';

const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const OPERATORS = ['In', 'NotIn'];
const STATUSES = ['False', 'True', 'Unknown'];
const MOST = { rules: 20, values: 255, patterns: 20 };
/** From so many completions on the number of failed indexes must be bounded, for the status lists them. */
const MANY_COMPLETIONS = 100_000;
const MOST_FAILED_INDEXES = 10_000;

export function validateLimitsPerIndex(spec: batch.JobSpec, path: string): FieldError[] {
  const { backoffLimitPerIndex: limit, maxFailedIndexes: most, completions = 0 } = spec;
  const errors: FieldError[] = [];
  if (spec.completionMode !== 'Indexed') {
    const why = 'requires indexed completion mode';
    if (limit !== undefined) errors.push(invalidValue(`${path}.backoffLimitPerIndex`, limit, why));
    if (most !== undefined) errors.push(invalidValue(`${path}.maxFailedIndexes`, most, why));
    return errors;
  }
  if (most !== undefined) {
    const at = `${path}.maxFailedIndexes`;
    if (most > completions) errors.push(invalidValue(at, most, 'must be less than or equal to completions'));
    if (limit === undefined) {
      errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
    }
    if (completions > MANY_COMPLETIONS && most > MOST_FAILED_INDEXES) {
      const why = `must be less than or equal to ${MOST_FAILED_INDEXES} when completions is greater than ${MANY_COMPLETIONS}`;
      errors.push(invalidValue(at, most, why));
    }
  } else if (limit !== undefined && completions > MANY_COMPLETIONS) {
    errors.push(
      required(`${path}.maxFailedIndexes`, `must be specified when completions is above ${MANY_COMPLETIONS}`),
    );
  }
  return errors;
}

export function validateFailurePolicy(spec: batch.JobSpec, path: string): FieldError[] {
  const policy = spec.podFailurePolicy;
  if (policy === undefined) return [];
  const errors: FieldError[] = [];
  const restart = spec.template?.spec?.restartPolicy;
  if (restart !== 'Never') {
    const why = 'only "Never" is supported when podFailurePolicy is specified';
    errors.push(invalidValue(`${path}.template.spec.restartPolicy`, restart, why));
  }
  const at = `${path}.podFailurePolicy.rules`;
  const rules = policy.rules ?? [];
  if (rules.length > MOST.rules) errors.push(tooMany(at, rules.length, MOST.rules));
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {};
  const names = new Set([...containers, ...initContainers].map((c) => c.name));
  rules.forEach((rule, i) => errors.push(...validateRule(rule, `${at}[${i}]`, spec, names)));
  return errors;
}

function validateRule(
  rule: batch.PodFailurePolicyRule,
  path: string,
  spec: batch.JobSpec,
  names: ReadonlySet<string>,
): FieldError[] {
  const { action, onExitCodes, onPodConditions } = rule;
  const errors: FieldError[] = [];
  if (action === '') errors.push(required(`${path}.action`, 'valid values: "Count", "FailIndex", "FailJob", "Ignore"'));
  else if (!ACTIONS.includes(action)) errors.push(notSupported(`${path}.action`, action, ACTIONS));
  else if (action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    errors.push(invalidValue(`${path}.action`, action, 'requires the backoffLimitPerIndex to be set'));
  }
  if (onExitCodes !== undefined) errors.push(...validateExitCodes(onExitCodes, `${path}.onExitCodes`, names));
  if (onPodConditions !== undefined && onPodConditions.length > MOST.patterns) {
    errors.push(tooMany(`${path}.onPodConditions`, onPodConditions.length, MOST.patterns));
  }
  (onPodConditions ?? []).forEach((pattern, i) => {
    const status = pattern.status ?? 'True';
    if (!STATUSES.includes(status)) {
      errors.push(notSupported(`${path}.onPodConditions[${i}].status`, status, STATUSES));
    }
  });
  const hasConditions = (onPodConditions ?? []).length > 0;
  if (onExitCodes !== undefined && hasConditions) {
    errors.push(invalidValue(path, '', 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (onExitCodes === undefined && !hasConditions) {
    errors.push(invalidValue(path, '', 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  return errors;
}

function validateExitCodes(
  wanted: batch.PodFailurePolicyOnExitCodesRequirement,
  path: string,
  names: ReadonlySet<string>,
): FieldError[] {
  const { operator, containerName } = wanted;
  const values = wanted.values ?? [];
  const errors: FieldError[] = [];
  if (operator === '') errors.push(required(`${path}.operator`, 'valid values: "In", "NotIn"'));
  else if (!OPERATORS.includes(operator)) errors.push(notSupported(`${path}.operator`, operator, OPERATORS));
  if (containerName !== undefined && !names.has(containerName)) {
    const why = 'must be one of the container or initContainer names in the pod template';
    errors.push(invalidValue(`${path}.containerName`, containerName, why));
  }
  if (values.length === 0) errors.push(invalidValue(`${path}.values`, values, 'at least one value is required'));
  if (values.length > MOST.values) errors.push(tooMany(`${path}.values`, values.length, MOST.values));
  values.forEach((value, i) => {
    const at = `${path}.values[${i}]`;
    if (operator === 'In' && value === 0) errors.push(invalidValue(at, value, 'must not be 0 for the In operator'));
    if (i > 0 && value <= (values[i - 1] ?? 0)) {
      const why = value === values[i - 1] ? 'must not contain duplicates' : 'must be ordered';
      errors.push(invalidValue(`${path}.values`, values, why));
    }
  });
  return errors;
}

export function validateSuccessPolicy(spec: batch.JobSpec, path: string): FieldError[] {
  const policy = spec.successPolicy;
  if (policy === undefined) return [];
  const at = `${path}.successPolicy`;
  if (spec.completionMode !== 'Indexed') return [invalidValue(at, policy, 'requires indexed completion mode')];
  const errors: FieldError[] = [];
  const rules = policy.rules ?? [];
  if (rules.length === 0) {
    errors.push(required(`${at}.rules`, 'at least one rules must be specified when the successPolicy is specified'));
  }
  if (rules.length > MOST.rules) errors.push(tooMany(`${at}.rules`, rules.length, MOST.rules));
  const completions = spec.completions ?? 0;
  rules.forEach(({ succeededCount, succeededIndexes }, i) => {
    const rule = `${at}.rules[${i}]`;
    if (succeededCount === undefined && succeededIndexes === undefined) {
      errors.push(required(rule, 'at least one of succeededCount or succeededIndexes must be specified'));
    }
    const indexes = succeededIndexes === undefined ? undefined : parseIndexRanges(succeededIndexes);
    if (succeededIndexes !== undefined) {
      const named = `${rule}.succeededIndexes`;
      if (indexes === undefined) {
        errors.push(invalidValue(named, succeededIndexes, 'error parsing succeededIndexes'));
      } else if ((indexes.at(-1)?.[1] ?? 0) >= completions) {
        errors.push(invalidValue(named, succeededIndexes, 'must be less than completions'));
      }
    }
    if (succeededCount === undefined) return;
    const most = indexes === undefined ? completions : Math.min(rangesSize(indexes), completions);
    const count = `${rule}.succeededCount`;
    if (succeededCount < 0) {
      errors.push(invalidValue(count, succeededCount, 'must be greater than or equal to 0'));
    } else if (succeededCount > most) {
      const of =
        indexes === undefined
          ? 'the number of specified completions'
          : 'the number of indexes in the specified succeededIndexes field';
      errors.push(invalidValue(count, succeededCount, `must be less than or equal to ${most} (${of})`));
    }
  });
  return errors;
}
