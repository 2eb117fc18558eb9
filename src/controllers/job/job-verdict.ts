// Whether a job has succeeded or failed, and why, in Kubernetes' words: pure.
import type { Job, Pod } from '../../api/objects.ts';
import { judgeFailure } from './failure-policy.ts';
import { isIndexed } from './indexed-pods.ts';
import { conditionOf } from './job-conditions.ts';
import { isTracked, type Tracked } from './job-tracking.ts';
import { successBy } from './success-policy.ts';

export interface Verdict {
  readonly succeeded: boolean;
  readonly reason: string;
  readonly message: string;
}

const failed = (reason: string, message: string): Verdict => ({ succeeded: false, reason, message });
const succeeded = (reason: string, message: string): Verdict => ({ succeeded: true, reason, message });

/** Containers that a kubelet restarts count as failures of a job too. */
function restarts(active: readonly Pod[]): number {
  let sum = 0;
  for (const { status } of active) {
    for (const s of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])])
      sum += s.restartCount;
  }
  return sum;
}

/** Undefined: it goes on. What was decided once stays so. */
export function verdictOf(
  job: Job,
  pods: readonly Pod[],
  tracked: Tracked,
  active: readonly Pod[],
  now: number,
): Verdict | undefined {
  const before = conditionOf(job, 'SuccessCriteriaMet') ?? conditionOf(job, 'FailureTarget');
  if (before !== undefined) {
    const { reason = '', message = '', type } = before;
    return { succeeded: type === 'SuccessCriteriaMet', reason, message };
  }
  const { spec } = job;
  for (const pod of pods.filter(isTracked)) {
    const { action, message } = judgeFailure(job, pod);
    if (action === 'FailJob') return failed('PodFailurePolicy', message);
  }
  const limit = spec?.backoffLimit ?? 6;
  const onFailure = spec?.template.spec?.restartPolicy === 'OnFailure';
  const restarted = onFailure ? restarts(active) : 0;
  if (tracked.failed > limit || (restarted > 0 && restarted >= limit)) {
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  const start = Date.parse(job.status?.startTime ?? '');
  const deadline = spec?.activeDeadlineSeconds;
  if (deadline !== undefined && spec?.suspend !== true && now - start >= deadline * 1000) {
    return failed('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  return (isIndexed(job) ? verdictByIndexes(job, tracked) : undefined) ?? verdictByNumber(job, tracked, active);
}

function verdictByIndexes(job: Job, { completed, failedIndexes }: Tracked): Verdict | undefined {
  const { completions = 0, maxFailedIndexes } = job.spec ?? {};
  if (maxFailedIndexes !== undefined && failedIndexes.size > maxFailedIndexes) {
    return failed('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
  }
  const policy = successBy(job, completed);
  if (policy !== undefined) return succeeded('SuccessPolicy', policy);
  if (failedIndexes.size > 0 && failedIndexes.size + completed.size >= completions) {
    return failed('FailedIndexes', 'Job has failed indexes');
  }
  return undefined;
}

function verdictByNumber({ spec }: Job, tracked: Tracked, active: readonly Pod[]): Verdict | undefined {
  const completions = spec?.completions;
  const done =
    completions === undefined ? tracked.succeeded > 0 && active.length === 0 : tracked.succeeded >= completions;
  return done ? succeeded('CompletionsReached', 'Reached expected number of succeeded pods') : undefined;
}
