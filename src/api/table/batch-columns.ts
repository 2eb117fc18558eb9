// Tables of jobs and of what makes them.
import { formatAge, formatAgeOf } from '../age.ts';
import type { batch } from '../types.ts';
import { ageColumn, containerColumns, formatSelector, nameColumn, none } from './cells.ts';
import type { Column } from './contract.ts';

const holds = (job: batch.Job, type: string): boolean =>
  (job.status?.conditions ?? []).some((c) => c.type === type && c.status === 'True');

function jobStatus(job: batch.Job): string {
  if (holds(job, 'Complete')) return 'Complete';
  if (holds(job, 'Failed')) return 'Failed';
  if (job.metadata?.deletionTimestamp !== undefined) return 'Terminating';
  if (holds(job, 'Suspended')) return 'Suspended';
  if (holds(job, 'FailureTarget')) return 'FailureTarget';
  if (holds(job, 'SuccessCriteriaMet')) return 'SuccessCriteriaMet';
  return 'Running';
}

function completions({ spec, status }: batch.Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function duration({ status }: batch.Job, now: number): string {
  const start = Date.parse(status?.startTime ?? '');
  if (Number.isNaN(start)) return '';
  const end = Date.parse(status?.completionTime ?? '');
  return formatAge((Number.isNaN(end) ? now : end) - start);
}

export const jobColumns: readonly Column<batch.Job>[] = [
  nameColumn,
  { name: 'Status', description: 'How it stands, in one word.', cell: jobStatus },
  { name: 'Completions', description: 'Pods that succeeded, of those that must.', cell: completions },
  { name: 'Duration', description: 'Time from its start to its end, or until now.', cell: duration },
  ageColumn,
  ...containerColumns,
  { name: 'Selector', description: 'Labels of its pods.', wide: true, cell: (j) => formatSelector(j.spec?.selector) },
];

const asTemplate = (c: batch.CronJob) => ({ spec: c.spec?.jobTemplate?.spec ?? {} });

export const cronJobColumns: readonly Column<batch.CronJob>[] = [
  nameColumn,
  { name: 'Schedule', description: 'When jobs are made, as in cron.', cell: (c) => c.spec?.schedule ?? '' },
  { name: 'Timezone', description: 'Time zone of the schedule.', cell: (c) => c.spec?.timeZone ?? none },
  {
    name: 'Suspend',
    description: 'True: no jobs are made.',
    // As kubectl shows it: Go's word for the value.
    cell: (c) => (c.spec?.suspend === true ? 'True' : 'False'),
  },
  { name: 'Active', type: 'integer', description: 'Jobs that run.', cell: (c) => (c.status?.active ?? []).length },
  {
    name: 'Last Schedule',
    description: 'Time since the last job was made.',
    cell: (c, now) => (c.status?.lastScheduleTime === undefined ? none : formatAgeOf(c.status.lastScheduleTime, now)),
  },
  ageColumn,
  ...containerColumns.map((column) => ({
    ...column,
    cell: (c: batch.CronJob, now: number) => column.cell(asTemplate(c), now),
  })),
  {
    name: 'Selector',
    description: 'Labels of the pods of its jobs.',
    wide: true,
    cell: (c) => formatSelector(c.spec?.jobTemplate?.spec?.selector),
  },
];
