// Which pods a job that goes on shall have: those to make, those too many, and when to look again. Pure.
import type { Job, Pod } from '../../api/objects.ts';
import { isDeleting, isPodActive, isPodReady } from '../runtime/pod-state.ts';
import { judgeFailure } from './failure-policy.ts';
import { failuresBefore, indexOf, isIndexed, type WantedPod } from './indexed-pods.ts';
import { failuresWith, type Tracked } from './job-tracking.ts';

const FIRST_BACKOFF_MS = 10_000;
const LONGEST_BACKOFF_MS = 600_000;

export interface WantedPods {
  readonly create: readonly WantedPod[];
  readonly remove: readonly Pod[];
  /** Milliseconds until a pod may be made that must still wait. */
  readonly recheckMs?: number;
}

export function wantedPods(job: Job, pods: readonly Pod[], tracked: Tracked, now: number): WantedPods {
  const active = pods.filter(isPodActive);
  const surplus = isIndexed(job) ? withoutPlace(job, active, tracked) : [];
  const useful = active.filter((pod) => !surplus.includes(pod));
  const wanted = numberOfPods(job, tracked, useful.length);
  if (useful.length > wanted) {
    return { create: [], remove: [...surplus, ...youngestFirst(useful).slice(0, useful.length - wanted)] };
  }
  // With replacement policy Failed a pod keeps its place until it has ended.
  const leaving = job.spec?.podReplacementPolicy === 'Failed' ? pods.filter((p) => isDeleting(p) && !hasEnded(p)) : [];
  const free = wanted - useful.length - leaving.length;
  if (free <= 0) return { create: [], remove: surplus };
  if (!isIndexed(job)) {
    const wait = backoffMs(pods, tracked.failed + ignoredFailures(job, pods), now);
    if (wait > 0) return { create: [], remove: surplus, recheckMs: wait };
    return { create: Array.from({ length: free }, () => ({})), remove: surplus };
  }
  const taken = new Set([...useful, ...leaving].map((pod) => indexOf(job, pod)));
  return { remove: surplus, ...nextIndexes(job, pods, tracked, { taken, free, now }) };
}

/** Failures that the policy does not count make the next pod wait all the same. */
const ignoredFailures = (job: Job, pods: readonly Pod[]): number =>
  pods.filter((pod) => judgeFailure(job, pod).action === 'Ignore').length;

const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** The lowest indexes that are neither done, nor given up, nor under way; one that must wait holds its place. */
function nextIndexes(
  job: Job,
  pods: readonly Pod[],
  tracked: Tracked,
  { taken, free, now }: { taken: ReadonlySet<number | undefined>; free: number; now: number },
): Pick<WantedPods, 'create' | 'recheckMs'> {
  const perIndex = job.spec?.backoffLimitPerIndex !== undefined;
  const common = perIndex ? 0 : backoffMs(pods, tracked.failed + ignoredFailures(job, pods), now);
  if (common > 0) return { create: [], recheckMs: common };
  const create: WantedPod[] = [];
  const waits: number[] = [];
  for (let index = 0; index < (job.spec?.completions ?? 0) && create.length + waits.length < free; index++) {
    if (taken.has(index) || tracked.completed.has(index) || tracked.failedIndexes.has(index)) continue;
    const before = tracked.retries.get(index);
    const failures = before === undefined ? { counted: 0, ignored: 0 } : failuresWith(job, before);
    const wait = before === undefined ? 0 : backoffMs([before], failures.counted + failures.ignored, now);
    if (wait > 0) waits.push(wait);
    else create.push({ index, ...(perIndex ? { failures } : {}) });
  }
  return { create, ...(waits.length === 0 ? {} : { recheckMs: Math.min(...waits) }) };
}

/** Active pods of an Indexed job whose index is none, done, given up, or another pod's too. */
function withoutPlace(job: Job, active: readonly Pod[], tracked: Tracked): Pod[] {
  const seen = new Set<number>();
  const surplus: Pod[] = [];
  // Of two pods of one index the one that knows of more failures stays, then the older.
  const order = active.toSorted(
    (a, b) =>
      failuresBefore(b).counted - failuresBefore(a).counted ||
      a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp),
  );
  for (const pod of order) {
    const index = indexOf(job, pod);
    const isDone = index === undefined || tracked.completed.has(index) || tracked.failedIndexes.has(index);
    if (isDone || seen.has(index)) surplus.push(pod);
    else seen.add(index);
  }
  return surplus;
}

function numberOfPods({ spec }: Job, { succeeded, failedIndexes }: Tracked, active: number): number {
  const parallelism = spec?.parallelism ?? 1;
  // Without a number of completions the first success says that the work is done: no pod follows it.
  if (spec?.completions === undefined) return succeeded > 0 ? Math.min(active, parallelism) : parallelism;
  return Math.min(parallelism, Math.max(0, spec.completions - succeeded - failedIndexes.size));
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

const youngestFirst = (pods: readonly Pod[]): Pod[] =>
  pods.toSorted((a, b) => {
    const ready = Number(isPodReady(a)) - Number(isPodReady(b));
    return ready !== 0 ? ready : b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp);
  });
