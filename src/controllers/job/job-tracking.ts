// Counts every pod of a job exactly once, though pods may be deleted at any time: each carries a finalizer until it is
// counted. First the pod's uid is noted in the status, then the finalizer is taken off, then the uid becomes a number.
// Each step is one write that a restart may come after. Pure.
import type { Job, Pod } from '../../api/objects.ts';
import { isDeleting } from '../runtime/pod-state.ts';

export const TRACKING = 'batch.kubernetes.io/job-tracking';

export const isTracked = (pod: Pod): boolean => pod.metadata.finalizers?.includes(TRACKING) === true;

export interface Tracked {
  /** In numbers, and those that are noted. */
  readonly succeeded: number;
  readonly failed: number;
  readonly counted: { readonly succeeded: number; readonly failed: number };
  readonly uncounted: { readonly succeeded: readonly string[]; readonly failed: readonly string[] };
  /** Noted in the stored status already: their finalizer may go. */
  readonly release: readonly Pod[];
}

/** A pod that was deleted before it ended will not succeed any more; `Failed` waits for its end all the same. */
function outcome(pod: Pod, job: Job): 'succeeded' | 'failed' | undefined {
  if (pod.status?.phase === 'Succeeded') return 'succeeded';
  if (pod.status?.phase === 'Failed') return 'failed';
  return isDeleting(pod) && job.spec?.podReplacementPolicy !== 'Failed' ? 'failed' : undefined;
}

export function trackPods(job: Job, pods: readonly Pod[]): Tracked {
  const { succeeded = 0, failed = 0, uncountedTerminatedPods: noted } = job.status ?? {};
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
  for (const pod of tracked.values()) {
    const how = outcome(pod, job);
    if (how !== undefined) uncounted[how].push(pod.metadata.uid);
  }
  return {
    succeeded: counted.succeeded + uncounted.succeeded.length,
    failed: counted.failed + uncounted.failed.length,
    counted,
    uncounted,
    release,
  };
}
