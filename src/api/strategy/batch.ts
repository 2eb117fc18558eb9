// Job, CronJob.
import type { FieldError } from '../field-error.ts';
import { dns1123Subdomain, nameIs } from '../names.ts';
import { cronJobs, jobs } from '../resources.ts';
import type { Writable, batch } from '../types.ts';
import { validateCronJobSpec, validateIndexedName, validateJobSpec } from './batch-validation.ts';
import { defineStrategy } from './define-strategy.ts';
import { immutable } from './metadata.ts';
import { applyPodSpecDefaults } from './pod-defaults.ts';
import { templateWarnings } from './pod-warnings.ts';

function jobSpecDefaults(spec: Writable<batch.JobSpec> | undefined): void {
  if (spec === undefined) return;
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2_147_483_647;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  for (const rule of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) pattern.status ??= 'True';
  }
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  if (spec.template?.spec !== undefined) applyPodSpecDefaults(spec.template.spec);
}

const CONTROLLER_UID = 'batch.kubernetes.io/controller-uid';

/** The pods of a job are told from others by the job's own uid, unless the client answers for its selector. */
function chooseSelector(job: Writable<batch.Job>): void {
  const { spec } = job;
  if (spec === undefined || spec.manualSelector === true) return;
  const { uid = '', name = '' } = job.metadata ?? {};
  const template = (spec.template ??= {});
  const metadata = (template.metadata ??= {});
  metadata.labels = {
    ...metadata.labels,
    'controller-uid': uid,
    'job-name': name,
    [CONTROLLER_UID]: uid,
    'batch.kubernetes.io/job-name': name,
  };
  const selector = (spec.selector ??= {});
  selector.matchLabels = { ...selector.matchLabels, [CONTROLLER_UID]: uid };
}

function validateJobUpdate(next: batch.Job, previous: batch.Job): FieldError[] {
  const [now, old] = [next.spec, previous.spec];
  const elastic = now?.completionMode === 'Indexed' && now.completions === now.parallelism;
  // Before it has started, a suspended job may still be told where to run.
  const unstarted = old?.suspend === true && previous.status?.startTime === undefined;
  const fixed = (spec: batch.JobSpec | undefined): unknown => {
    if (!unstarted) return spec?.template;
    const {
      nodeSelector: _n,
      affinity: _a,
      tolerations: _t,
      schedulingGates: _g,
      ...rest
    } = spec?.template?.spec ?? {};
    return { labels: spec?.template?.metadata?.labels === undefined, rest };
  };
  return [
    ...(elastic ? [] : immutable(now?.completions, old?.completions, 'spec.completions')),
    ...immutable(now?.selector, old?.selector, 'spec.selector'),
    ...immutable(fixed(now), fixed(old), 'spec.template'),
    ...immutable(now?.completionMode, old?.completionMode, 'spec.completionMode'),
    ...immutable(now?.podFailurePolicy, old?.podFailurePolicy, 'spec.podFailurePolicy'),
    ...immutable(now?.backoffLimitPerIndex, old?.backoffLimitPerIndex, 'spec.backoffLimitPerIndex'),
    ...immutable(now?.managedBy, old?.managedBy, 'spec.managedBy'),
    ...immutable(now?.successPolicy, old?.successPolicy, 'spec.successPolicy'),
  ];
}

/** Longest name that leaves room for the time that is added to the names of jobs. */
const cronJobName = nameIs((name) => [
  ...dns1123Subdomain(name),
  ...(name.length > 52 ? ['must be no more than 52 characters'] : []),
]);

export const batchStrategies = [
  defineStrategy<batch.Job>({
    resource: jobs,
    schema: 'batch.Job',
    hasGeneration: true,
    defaultPropagation: 'Orphan',
    applyDefaults(draft) {
      jobSpecDefaults(draft.spec);
      const labels = draft.spec?.template?.metadata?.labels;
      if (labels === undefined || Object.keys(draft.metadata?.labels ?? {}).length > 0) return;
      draft.metadata = { ...draft.metadata, labels: { ...labels } };
    },
    prepareForCreate: chooseSelector,
    validate: (job) => [...validateJobSpec(job.spec, 'spec', true), ...validateIndexedName(job)],
    validateUpdate: validateJobUpdate,
    warnings: (job) => templateWarnings(job.spec?.template),
    selectableFields: (job) => ({ 'status.successful': String(job.status?.succeeded ?? 0) }),
  }),
  defineStrategy<batch.CronJob>({
    resource: cronJobs,
    schema: 'batch.CronJob',
    hasGeneration: true,
    name: cronJobName,
    applyDefaults({ spec }) {
      if (spec === undefined) return;
      spec.concurrencyPolicy ??= 'Allow';
      spec.suspend ??= false;
      spec.successfulJobsHistoryLimit ??= 3;
      spec.failedJobsHistoryLimit ??= 1;
      jobSpecDefaults(spec.jobTemplate?.spec);
    },
    validate: (cronJob) => validateCronJobSpec(cronJob.spec),
    warnings: (cronJob) =>
      templateWarnings(cronJob.spec?.jobTemplate?.spec?.template, 'spec.jobTemplate.spec.template.spec'),
  }),
];
