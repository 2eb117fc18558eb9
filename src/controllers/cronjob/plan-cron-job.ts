// What a CronJob needs now: a job, the end of others, and when to look again. Pure.
import { nextCronTime, parseCronSchedule } from '../../api/objects.ts';
import type { CronJob, Job, core } from '../../api/objects.ts';
import { conditionOf, isFinished } from '../job/job-conditions.ts';
import { timestamp } from '../runtime/pod-state.ts';

export interface CronPlan {
  /** A job to make, for this time of the schedule (epoch milliseconds). */
  readonly start: number | undefined;
  /** Jobs to delete: history beyond its limit, or what is replaced. */
  readonly remove: readonly Job[];
  readonly status: CronJob['status'];
  readonly recheckMs: number | undefined;
  readonly warning: { readonly reason: string; readonly message: string } | undefined;
}

/** More missed times than this are not walked through: nobody wants them all made up for. */
const MAX_MISSED = 10_000;
const TELL_FROM = 100;
const DAY_MS = 86_400_000;

const endOf = (job: Job): string => {
  const end = conditionOf(job, 'Complete') ?? conditionOf(job, 'Failed');
  return job.status?.completionTime ?? end?.lastTransitionTime ?? '';
};

const referenceTo = (job: Job): core.ObjectReference => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  name: job.metadata.name,
  namespace: job.metadata.namespace ?? '',
  uid: job.metadata.uid,
  resourceVersion: job.metadata.resourceVersion,
});

/** Name of the job for one time of the schedule: a second attempt meets the first. */
export const jobNameFor = (cronJob: CronJob, scheduledMs: number): string =>
  `${cronJob.metadata.name}-${Math.floor(scheduledMs / 60_000)}`;

/** Finished jobs beyond the limit, the oldest first. */
function beyond(jobs: readonly Job[], limit: number | undefined): Job[] {
  if (limit === undefined) return [];
  const oldest = jobs.toSorted((a, b) => (a.status?.startTime ?? '').localeCompare(b.status?.startTime ?? ''));
  return oldest.slice(0, Math.max(0, oldest.length - limit));
}

export function planCronJob(cronJob: CronJob, jobs: readonly Job[], now: number): CronPlan {
  const { spec, status = {} } = cronJob;
  const running = jobs.filter((j) => !isFinished(j));
  const succeeded = jobs.filter((j) => conditionOf(j, 'Complete') !== undefined);
  const failed = jobs.filter((j) => conditionOf(j, 'Failed') !== undefined);
  const remove: Job[] = [
    ...beyond(succeeded, spec?.successfulJobsHistoryLimit),
    ...beyond(failed, spec?.failedJobsHistoryLimit),
  ];
  const lastSuccess = succeeded.map(endOf).toSorted().at(-1);
  const due = spec?.suspend === true ? undefined : dueTime(cronJob, now);
  let start: number | undefined;
  let warning: CronPlan['warning'];
  let stillRunning = running;
  if (due?.latest !== undefined) {
    const { latest, missed } = due;
    const deadline = spec?.startingDeadlineSeconds;
    if (missed > TELL_FROM) {
      warning = {
        reason: 'TooManyMissedTimes',
        message: `too many missed start times: ${missed >= MAX_MISSED ? 'very many' : missed}. Set or decrease .spec.startingDeadlineSeconds or check clock skew`,
      };
    }
    if (deadline !== undefined && latest + deadline * 1000 < now) {
      warning = { reason: 'MissSchedule', message: `Missed scheduled time to start a job: ${timestamp(latest)}` };
    } else if (spec?.concurrencyPolicy === 'Forbid' && running.length > 0) {
      warning = {
        reason: 'JobAlreadyActive',
        message: 'Not starting job because prior execution is running and concurrency policy is Forbid',
      };
    } else {
      if (spec?.concurrencyPolicy === 'Replace') {
        remove.push(...running);
        stillRunning = [];
      }
      start = latest;
    }
  }
  const active = stillRunning.map(referenceTo);
  const lastScheduleTime = start === undefined ? status.lastScheduleTime : timestamp(start);
  const lastSuccessfulTime = lastSuccess === undefined || lastSuccess === '' ? status.lastSuccessfulTime : lastSuccess;
  return {
    start,
    remove,
    status: {
      ...(active.length === 0 ? {} : { active }),
      ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
      ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }),
    },
    recheckMs: due?.next === undefined ? undefined : Math.max(1, due.next - now),
    warning,
  };
}

interface Due {
  /** The latest time of the schedule that has come and was not served yet. */
  readonly latest: number | undefined;
  readonly missed: number;
  readonly next: number | undefined;
}

function dueTime(cronJob: CronJob, now: number): Due {
  const { spec, status, metadata } = cronJob;
  const schedule = parseCronSchedule(spec?.schedule ?? '');
  if ('problem' in schedule) return { latest: undefined, missed: 0, next: undefined };
  const zone = spec?.timeZone ?? 'UTC';
  let from = Date.parse(status?.lastScheduleTime ?? metadata.creationTimestamp);
  const deadline = spec?.startingDeadlineSeconds;
  if (deadline !== undefined) from = Math.max(from, now - deadline * 1000);
  let latest: number | undefined;
  let missed = 0;
  let at = nextCronTime(schedule, from, zone);
  while (at !== undefined && at <= now) {
    latest = at;
    missed += 1;
    // The rest of a long absence is left out: a day shows the latest time of any schedule that is that dense.
    const resume = missed === MAX_MISSED ? Math.max(at, now - DAY_MS) : at;
    if (missed > 2 * MAX_MISSED) break;
    at = nextCronTime(schedule, resume, zone);
  }
  return { latest, missed, next: at !== undefined && at <= now ? now + 60_000 : at };
}
