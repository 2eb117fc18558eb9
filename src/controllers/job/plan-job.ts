// What a job needs now: pods made or deleted, a verdict, and when to look again. Pure.
import type { Job, Pod, batch } from '../../api/objects.ts';
import { isDeleting, isPodActive, isPodReady, timestamp } from '../runtime/pod-state.ts';
import { trackPods, type Tracked } from './job-tracking.ts';

type Condition = batch.JobCondition;

export interface JobPlan {
  readonly status: batch.JobStatus;
  /** Pods to make. */
  readonly create: number;
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

const FIRST_BACKOFF_MS = 10_000;
const LONGEST_BACKOFF_MS = 600_000;

export const conditionOf = (job: Job, type: string): Condition | undefined =>
  (job.status?.conditions ?? []).find((c) => c.type === type && c.status === 'True');

export const isFinished = (job: Job): boolean =>
  conditionOf(job, 'Complete') !== undefined || conditionOf(job, 'Failed') !== undefined;

interface Verdict {
  readonly succeeded: boolean;
  readonly reason: string;
  readonly message: string;
}

/** Containers that a kubelet restarts count as failures of a job too. */
function restarts(active: readonly Pod[]): number {
  let sum = 0;
  for (const { status } of active) {
    for (const s of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])])
      sum += s.restartCount;
  }
  return sum;
}

function verdictOf(job: Job, tracked: Tracked, active: readonly Pod[], now: number): Verdict | undefined {
  const before = conditionOf(job, 'SuccessCriteriaMet') ?? conditionOf(job, 'FailureTarget');
  if (before !== undefined) {
    const { reason = '', message = '', type } = before;
    return { succeeded: type === 'SuccessCriteriaMet', reason, message };
  }
  const { spec } = job;
  const limit = spec?.backoffLimit ?? 6;
  const onFailure = spec?.template.spec?.restartPolicy === 'OnFailure';
  const restarted = onFailure ? restarts(active) : 0;
  if (tracked.failed > limit || (restarted > 0 && restarted >= limit)) {
    return {
      succeeded: false,
      reason: 'BackoffLimitExceeded',
      message: 'Job has reached the specified backoff limit',
    };
  }
  const start = Date.parse(job.status?.startTime ?? '');
  const deadline = spec?.activeDeadlineSeconds;
  if (deadline !== undefined && spec?.suspend !== true && now - start >= deadline * 1000) {
    return {
      succeeded: false,
      reason: 'DeadlineExceeded',
      message: 'Job was active longer than specified deadline',
    };
  }
  const completions = spec?.completions;
  const done =
    completions === undefined ? tracked.succeeded > 0 && active.length === 0 : tracked.succeeded >= completions;
  if (!done) return undefined;
  return { succeeded: true, reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' };
}

/** How long new pods must wait after the last failure: 10 s, 20 s, 40 s, … at most 10 min. */
function backoffMs(pods: readonly Pod[], failed: number, now: number): number {
  if (failed === 0) return 0;
  const ends = pods
    .filter((p) => p.status?.phase === 'Failed' || isDeleting(p))
    .map((p) => {
      const finished = (p.status?.containerStatuses ?? []).map((s) =>
        Date.parse(s.state?.terminated?.finishedAt ?? ''),
      );
      const known = finished.filter((ms) => !Number.isNaN(ms));
      return known.length > 0
        ? Math.max(...known)
        : Date.parse(p.metadata.deletionTimestamp ?? p.metadata.creationTimestamp);
    });
  if (ends.length === 0) return 0;
  const wait = Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(failed - 1, 10), LONGEST_BACKOFF_MS);
  return Math.max(0, Math.max(...ends) + wait - now);
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
  let create = 0;
  let recheckMs: number | undefined;
  const soonest = (ms: number) => void (recheckMs = Math.min(recheckMs ?? ms, Math.max(ms, 1)));

  const finished = isFinished(job);
  const verdict = finished ? undefined : verdictOf(job, tracked, active, now);
  let completionTime = job.status?.completionTime;
  if (verdict !== undefined) {
    const { succeeded, reason, message } = verdict;
    const type = succeeded ? 'SuccessCriteriaMet' : 'FailureTarget';
    conditions = withCondition(conditions, { type, status: 'True', reason, message }, now);
    remove = active;
    const leaving = pods.some((p) => isDeleting(p) && !['Succeeded', 'Failed'].includes(p.status?.phase ?? ''));
    const pending = tracked.uncounted.succeeded.length + tracked.uncounted.failed.length > 0;
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
      const wanted = wantedPods(job, tracked, active.length);
      const waiting = spec?.podReplacementPolicy === 'Failed' ? pods.filter((p) => isDeleting(p)).length : 0;
      if (active.length > wanted) remove = youngestFirst(active).slice(0, active.length - wanted);
      else if (settled && active.length + waiting < wanted) {
        const wait = backoffMs(pods, tracked.failed, now);
        if (wait > 0) soonest(wait);
        else create = wanted - active.length - waiting;
      }
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
    terminating: terminating.length,
    ready: active.filter(isPodReady).length,
    uncountedTerminatedPods: {
      ...(succeeded.length === 0 ? {} : { succeeded: [...succeeded] }),
      ...(failed.length === 0 ? {} : { failed: [...failed] }),
    },
  };
  return { status, create, remove, removedCount: verdict !== undefined, release: tracked.release, news, recheckMs };
}

function wantedPods({ spec }: Job, { succeeded }: Tracked, active: number): number {
  const parallelism = spec?.parallelism ?? 1;
  // Without a number of completions the first success says that the work is done: no pod follows it.
  if (spec?.completions === undefined) return succeeded > 0 ? Math.min(active, parallelism) : parallelism;
  return Math.min(parallelism, Math.max(0, spec.completions - succeeded));
}

const youngestFirst = (pods: readonly Pod[]): Pod[] =>
  pods.toSorted((a, b) => {
    const ready = Number(isPodReady(a)) - Number(isPodReady(b));
    return ready !== 0 ? ready : b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp);
  });

/** When a finished job is to be deleted, in epoch milliseconds; undefined: never. */
export function expiryMs(job: Job): number | undefined {
  const ttl = job.spec?.ttlSecondsAfterFinished;
  const end = conditionOf(job, 'Complete') ?? conditionOf(job, 'Failed');
  if (ttl === undefined || end === undefined) return undefined;
  return Date.parse(end.lastTransitionTime ?? '') + ttl * 1000;
}
