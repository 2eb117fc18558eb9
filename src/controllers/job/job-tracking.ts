// Counts every pod of a job exactly once, though pods may be deleted at any time: each carries a finalizer until it is
// counted. First the pod's uid is noted in the status, then the finalizer is taken off, then the uid becomes a number.
// Each step is one write that a restart may come after. Of an Indexed job the indexes that have succeeded are noted
// instead of uids: an index counts once by itself. Pure.
import { parseIndexes } from '../../api/objects.ts';
import type { Job, Pod } from '../../api/objects.ts';
import { isDeleting, isPodActive } from '../runtime/pod-state.ts';
import { judgeFailure } from './failure-policy.ts';
import { isDecided } from './job-conditions.ts';
import { failuresBefore, indexOf, isIndexed, type IndexFailures } from './indexed-pods.ts';

export const TRACKING = 'batch.kubernetes.io/job-tracking';

export const isTracked = (pod: Pod): boolean => pod.metadata.finalizers?.includes(TRACKING) === true;

export interface Tracked {
  /** In numbers, and those that are noted. */
  readonly succeeded: number;
  readonly failed: number;
  readonly counted: { readonly succeeded: number; readonly failed: number };
  readonly uncounted: { readonly succeeded: readonly string[]; readonly failed: readonly string[] };
  /** Indexes that succeeded, and with a limit per index those that will not be tried again. */
  readonly completed: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  /** The last failed pod of an index that is to be tried again: it carries the count until its successor does. */
  readonly retries: ReadonlyMap<number, Pod>;
  /** Noted in the stored status already, or not to be noted: their finalizer may go. */
  readonly release: readonly Pod[];
}

/** A pod that was deleted before it ended will not succeed any more; `Failed` waits for its end all the same. */
function outcome(pod: Pod, job: Job): 'succeeded' | 'failed' | undefined {
  if (pod.status?.phase === 'Succeeded') return 'succeeded';
  if (pod.status?.phase === 'Failed') return 'failed';
  return isDeleting(pod) && job.spec?.podReplacementPolicy !== 'Failed' ? 'failed' : undefined;
}

/** Failures of the index with this pod's own. */
export function failuresWith(job: Job, pod: Pod): IndexFailures {
  const { counted, ignored } = failuresBefore(pod);
  const isIgnored = judgeFailure(job, pod).action === 'Ignore';
  return isIgnored ? { counted, ignored: ignored + 1 } : { counted: counted + 1, ignored };
}

export function trackPods(job: Job, pods: readonly Pod[]): Tracked {
  const { succeeded = 0, failed = 0, uncountedTerminatedPods: noted } = job.status ?? {};
  const indexed = isIndexed(job);
  const stored = indexed ? parseIndexes(job.status?.completedIndexes, job.spec?.completions ?? 0) : new Set<number>();
  const completed = new Set(stored);
  const counted = { succeeded, failed };
  const uncounted: { succeeded: string[]; failed: string[] } = { succeeded: [], failed: [] };
  const tracked = new Map(pods.filter(isTracked).map((pod) => [pod.metadata.uid, pod]));
  const release: Pod[] = [];
  for (const how of ['succeeded', 'failed'] as const) {
    for (const uid of noted?.[how] ?? []) {
      const pod = tracked.get(uid);
      tracked.delete(uid);
      if (pod === undefined) counted[how] += 1;
      else {
        uncounted[how].push(uid);
        release.push(pod);
      }
    }
  }
  const failures: Pod[] = [];
  for (const pod of tracked.values()) {
    const how = outcome(pod, job);
    if (how === 'failed') failures.push(pod);
    if (how !== 'succeeded') continue;
    if (!indexed) {
      uncounted.succeeded.push(pod.metadata.uid);
      continue;
    }
    const index = indexOf(job, pod);
    if (index === undefined || stored.has(index)) release.push(pod);
    else completed.add(index);
  }
  if (indexed) counted.succeeded = completed.size;
  const failedIndexes = failedIndexesOf(job, failures, completed);
  const retries = retriesOf(job, pods, failures, new Set([...completed, ...failedIndexes]));
  const held = new Set(retries.values());
  for (const pod of failures) {
    if (held.has(pod)) continue;
    if (judgeFailure(job, pod).action === 'Ignore') release.push(pod);
    else uncounted.failed.push(pod.metadata.uid);
  }
  return {
    succeeded: counted.succeeded + uncounted.succeeded.length,
    failed: counted.failed + uncounted.failed.length,
    counted,
    uncounted,
    completed,
    failedIndexes,
    retries,
    release,
  };
}

const hasLimitPerIndex = (job: Job): boolean => isIndexed(job) && job.spec?.backoffLimitPerIndex !== undefined;

function failedIndexesOf(job: Job, failures: readonly Pod[], completed: ReadonlySet<number>): Set<number> {
  const limit = job.spec?.backoffLimitPerIndex;
  if (!hasLimitPerIndex(job) || limit === undefined) return new Set();
  const found = parseIndexes(job.status?.failedIndexes, job.spec?.completions ?? 0);
  for (const pod of failures) {
    const index = indexOf(job, pod);
    if (index === undefined) continue;
    const isLast = judgeFailure(job, pod).action === 'FailIndex' || failuresWith(job, pod).counted > limit;
    if (isLast) found.add(index);
  }
  for (const index of completed) found.delete(index);
  return found;
}

/** Of each index that neither runs nor is decided: the pod that failed last. */
function retriesOf(
  job: Job,
  pods: readonly Pod[],
  failures: readonly Pod[],
  decided: ReadonlySet<number>,
): Map<number, Pod> {
  const retries = new Map<number, Pod>();
  // The last failures of a job that is decided need no successor.
  if (!hasLimitPerIndex(job) || isDeleting(job) || isDecided(job)) return retries;
  const running = new Set(pods.filter(isPodActive).map((pod) => indexOf(job, pod)));
  const sum = (pod: Pod) => failuresBefore(pod).counted + failuresBefore(pod).ignored;
  for (const pod of failures) {
    const index = indexOf(job, pod);
    if (index === undefined || decided.has(index) || running.has(index)) continue;
    const known = retries.get(index);
    if (known === undefined || sum(pod) > sum(known)) retries.set(index, pod);
  }
  return retries;
}
