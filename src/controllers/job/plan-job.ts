// What a job needs now: pods made or deleted, a verdict, and when to look again. Pure.
import { formatIndexes } from '../../api/objects.ts';
import type { Job, Pod, batch } from '../../api/objects.ts';
import { isDeleting, isPodActive, isPodReady, timestamp } from '../runtime/pod-state.ts';
import { isIndexed, type WantedPod } from './indexed-pods.ts';
import { verdictOf } from './job-verdict.ts';
import { trackPods } from './job-tracking.ts';
import { conditionOf, isFinished } from './job-conditions.ts';
import { wantedPods } from './wanted-pods.ts';

type Condition = batch.JobCondition;

export interface JobPlan {
  readonly status: batch.JobStatus;
  /** Pods to make. */
  readonly create: readonly WantedPod[];
  /** Pods to delete; they count neither as succeeded nor as failed when the job is merely suspended or made smaller. */
  readonly remove: readonly Pod[];
  readonly removedCount: boolean;
  /** Pods whose finalizer may go, the status as stored being their record. */
  readonly release: readonly Pod[];
  /** What has just become true of the job, for an event. */
  readonly news: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string } | undefined;
  /** Milliseconds until something changes by time alone. */
  readonly recheckMs: number | undefined;
}

/** New status with the condition set; `lastTransitionTime` moves only with the status. */
function withCondition(
  conditions: readonly Condition[],
  next: Omit<Condition, 'lastProbeTime' | 'lastTransitionTime'>,
  now: number,
): Condition[] {
  const old = conditions.find((c) => c.type === next.type);
  if (old?.status === next.status && old.reason === next.reason) return [...conditions];
  const at = timestamp(now);
  return [...conditions.filter((c) => c.type !== next.type), { ...next, lastProbeTime: at, lastTransitionTime: at }];
}

/** `settled`: what was asked for before has been seen, so that counting is safe. */
export function planJob(job: Job, pods: readonly Pod[], options: { now: number; settled: boolean }): JobPlan {
  const { now, settled } = options;
  const { spec } = job;
  const tracked = trackPods(job, pods);
  const active = pods.filter(isPodActive);
  const suspended = spec?.suspend === true;
  const started = job.status?.startTime;
  let conditions: Condition[] = [...(job.status?.conditions ?? [])];
  let news: JobPlan['news'];
  let startTime = started ?? (suspended ? undefined : timestamp(now));
  let remove: readonly Pod[] = [];
  let create: readonly WantedPod[] = [];
  let recheckMs: number | undefined;
  const soonest = (ms: number) => void (recheckMs = Math.min(recheckMs ?? ms, Math.max(ms, 1)));

  const finished = isFinished(job);
  const verdict = finished ? undefined : verdictOf(job, pods, tracked, active, now);
  let completionTime = job.status?.completionTime;
  if (verdict !== undefined) {
    const { succeeded, reason, message } = verdict;
    const type = succeeded ? 'SuccessCriteriaMet' : 'FailureTarget';
    conditions = withCondition(conditions, { type, status: 'True', reason, message }, now);
    remove = active;
    const leaving = pods.some((p) => isDeleting(p) && !['Succeeded', 'Failed'].includes(p.status?.phase ?? ''));
    const { uncounted, retries } = tracked;
    const pending = uncounted.succeeded.length + uncounted.failed.length + retries.size > 0;
    if (active.length === 0 && !leaving && !pending) {
      conditions = withCondition(
        conditions,
        { type: succeeded ? 'Complete' : 'Failed', status: 'True', reason, message },
        now,
      );
      if (succeeded) completionTime = timestamp(now);
      news = succeeded
        ? { type: 'Normal', reason: 'Completed', message: 'Job completed' }
        : { type: 'Warning', reason, message };
    }
  } else if (!finished) {
    const wasSuspended = conditions.some((c) => c.type === 'Suspended' && c.status === 'True');
    if (suspended) {
      remove = active;
      if (!wasSuspended) {
        conditions = withCondition(
          conditions,
          { type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' },
          now,
        );
        news = { type: 'Normal', reason: 'Suspended', message: 'Job suspended' };
      }
    } else {
      if (wasSuspended) {
        conditions = withCondition(
          conditions,
          { type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' },
          now,
        );
        // Its time begins anew.
        startTime = timestamp(now);
        news = { type: 'Normal', reason: 'Resumed', message: 'Job resumed' };
      }
      const wanted = wantedPods(job, pods, tracked, now);
      remove = wanted.remove;
      if (settled) create = wanted.create;
      if (settled && wanted.recheckMs !== undefined) soonest(wanted.recheckMs);
    }
    const deadline = spec?.activeDeadlineSeconds;
    if (deadline !== undefined && startTime !== undefined && !suspended) {
      soonest(Date.parse(startTime) + deadline * 1000 - now);
    }
  }

  const { succeeded, failed } = tracked.uncounted;
  const terminating = pods.filter(
    (p) => isDeleting(p) && p.status?.phase !== 'Succeeded' && p.status?.phase !== 'Failed',
  );
  const status: batch.JobStatus = {
    ...(conditions.length === 0 ? {} : { conditions }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(completionTime === undefined ? {} : { completionTime }),
    ...(active.length === 0 ? {} : { active: active.length }),
    ...(tracked.counted.succeeded === 0 ? {} : { succeeded: tracked.counted.succeeded }),
    ...(tracked.counted.failed === 0 ? {} : { failed: tracked.counted.failed }),
    ...(isIndexed(job) && tracked.completed.size > 0 ? { completedIndexes: formatIndexes(tracked.completed) } : {}),
    ...(isIndexed(job) && spec?.backoffLimitPerIndex !== undefined
      ? { failedIndexes: formatIndexes(tracked.failedIndexes) }
      : {}),
    terminating: terminating.length,
    ready: active.filter(isPodReady).length,
    uncountedTerminatedPods: {
      ...(succeeded.length === 0 ? {} : { succeeded: [...succeeded] }),
      ...(failed.length === 0 ? {} : { failed: [...failed] }),
    },
  };
  // What runs when enough has succeeded is no failure.
  const removedCount = verdict?.succeeded === false;
  return { status, create, remove, removedCount, release: tracked.release, news, recheckMs };
}

/** When a finished job is to be deleted, in epoch milliseconds; undefined: never. */
export function expiryMs(job: Job): number | undefined {
  const ttl = job.spec?.ttlSecondsAfterFinished;
  const end = conditionOf(job, 'Complete') ?? conditionOf(job, 'Failed');
  if (ttl === undefined || end === undefined) return undefined;
  return Date.parse(end.lastTransitionTime ?? '') + ttl * 1000;
}
