// Rules for jobs and for what makes them on a schedule.
import { isTimeZone, parseCronSchedule } from '../cron-schedule.ts';
import type { FieldError } from '../field-error.ts';
import { invalidValue, notSupported, required } from '../field-error.ts';
import { dns1123Label } from '../names.ts';
import { labelSelectorMatches } from '../select/label-selector.ts';
import type { batch } from '../types.ts';
import { nonNegative } from './container-validation.ts';
import { validateAnnotations, validateLabels } from './metadata.ts';
import { validateLabelSelector } from './selector-validation.ts';
import { validateFailurePolicy, validateLimitsPerIndex, validateSuccessPolicy } from './job-policy-validation.ts';
import { validateTemplateShape } from './workload-validation.ts';

const COMPLETION_MODES = ['Indexed', 'NonIndexed'];
const CONCURRENCY = ['Allow', 'Forbid', 'Replace'];
const REPLACEMENT = ['Failed', 'TerminatingOrFailed'];
const MAX_INDEXED = 100_000;

/** `selected`: the server has chosen the selector already. */
export function validateJobSpec(spec: batch.JobSpec | undefined, path: string, selected: boolean): FieldError[] {
  if (spec === undefined) return [required(`${path}.template.spec.containers`)];
  const errors = [
    ...nonNegative(spec.parallelism, `${path}.parallelism`),
    ...nonNegative(spec.completions, `${path}.completions`),
    ...nonNegative(spec.activeDeadlineSeconds, `${path}.activeDeadlineSeconds`),
    ...nonNegative(spec.backoffLimit, `${path}.backoffLimit`),
    ...nonNegative(spec.ttlSecondsAfterFinished, `${path}.ttlSecondsAfterFinished`),
    ...nonNegative(spec.backoffLimitPerIndex, `${path}.backoffLimitPerIndex`),
    ...nonNegative(spec.maxFailedIndexes, `${path}.maxFailedIndexes`),
  ];
  const mode = spec.completionMode;
  if (mode !== undefined && !COMPLETION_MODES.includes(mode)) {
    errors.push(notSupported(`${path}.completionMode`, mode, COMPLETION_MODES));
  }
  if (mode === 'Indexed') {
    if (spec.completions === undefined) {
      errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
    }
    if ((spec.parallelism ?? 0) > MAX_INDEXED) {
      errors.push(
        invalidValue(
          `${path}.parallelism`,
          spec.parallelism,
          `must be less than or equal to ${MAX_INDEXED} when completion mode is Indexed`,
        ),
      );
    }
  }
  errors.push(...validateLimitsPerIndex(spec, path), ...validateFailurePolicy(spec, path));
  errors.push(...validateSuccessPolicy(spec, path));
  const replacement = spec.podReplacementPolicy;
  const replacements = spec.podFailurePolicy === undefined ? REPLACEMENT : ['Failed'];
  if (replacement !== undefined && !replacements.includes(replacement)) {
    errors.push(notSupported(`${path}.podReplacementPolicy`, replacement, replacements));
  }
  if (selected) {
    if (spec.selector === undefined) errors.push(required(`${path}.selector`));
    else {
      errors.push(...validateLabelSelector(spec.selector, `${path}.selector`));
      const labels = spec.template?.metadata?.labels ?? {};
      if (!labelSelectorMatches(spec.selector, labels)) {
        errors.push(
          invalidValue(`${path}.template.metadata.labels`, labels, '`selector` does not match template `labels`'),
        );
      }
    }
  }
  errors.push(...validateTemplateShape(spec.template, `${path}.template`));
  const restart = spec.template?.spec?.restartPolicy;
  if (restart === undefined || restart === 'Always') {
    errors.push(required(`${path}.template.spec.restartPolicy`, 'valid values: "OnFailure", "Never"'));
  }
  return errors;
}

/** The pods of an Indexed job are called after it and their index: that must be a host name too. */
export function validateIndexedName({ metadata, spec }: batch.Job): FieldError[] {
  const name = metadata?.name ?? '';
  if (spec?.completionMode !== 'Indexed' || (spec.completions ?? 0) < 1 || name === '') return [];
  const longest = `${name}-${(spec.completions ?? 1) - 1}`;
  return dns1123Label(longest).map((why) =>
    invalidValue('metadata.name', name, `will not able to create pod with invalid DNS label: ${longest}: ${why}`),
  );
}

export function validateCronJobSpec(spec: batch.CronJobSpec | undefined): FieldError[] {
  if (spec === undefined) return [required('spec.schedule')];
  const errors: FieldError[] = [];
  const { schedule, timeZone, concurrencyPolicy, jobTemplate } = spec;
  if (schedule === '') errors.push(required('spec.schedule'));
  else if (/^\s*(?:CRON_)?TZ=/.test(schedule)) {
    errors.push(
      invalidValue('spec.schedule', schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'),
    );
  } else {
    const parsed = parseCronSchedule(schedule);
    if ('problem' in parsed) errors.push(invalidValue('spec.schedule', schedule, parsed.problem));
  }
  if (timeZone !== undefined) {
    if (timeZone === '') errors.push(invalidValue('spec.timeZone', '', 'timeZone must be nil or non-empty string'));
    else if (timeZone.toLowerCase() === 'local') {
      errors.push(
        invalidValue(
          'spec.timeZone',
          timeZone,
          'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
        ),
      );
    } else if (!isTimeZone(timeZone)) {
      errors.push(invalidValue('spec.timeZone', timeZone, `unknown time zone ${timeZone}`));
    }
  }
  errors.push(...nonNegative(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds'));
  if ((concurrencyPolicy ?? '') === '') errors.push(required('spec.concurrencyPolicy'));
  else if (!CONCURRENCY.includes(concurrencyPolicy ?? '')) {
    errors.push(notSupported('spec.concurrencyPolicy', concurrencyPolicy, CONCURRENCY));
  }
  return [
    ...errors,
    ...validateLabels(jobTemplate?.metadata?.labels, 'spec.jobTemplate.metadata.labels'),
    ...validateAnnotations(jobTemplate?.metadata?.annotations, 'spec.jobTemplate.metadata.annotations'),
    ...validateJobSpec(jobTemplate?.spec, 'spec.jobTemplate.spec', false),
    ...nonNegative(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit'),
    ...nonNegative(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit'),
  ];
}
