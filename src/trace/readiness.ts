// Why a pod is not ready, in its own words. Pure.
import type { Pod } from '../api/objects.ts';

/** Undefined when it is ready. */
export function whyNotReady(pod: Pod): string | undefined {
  if (pod.metadata.deletionTimestamp !== undefined) return 'the pod is being deleted';
  const ready = pod.status?.conditions?.find((c) => c.type === 'Ready');
  if (ready?.status === 'True') return undefined;
  const waiting = pod.status?.containerStatuses?.find((status) => !status.ready);
  const state = waiting?.state?.waiting ?? waiting?.state?.terminated;
  if (state !== undefined)
    return `container ${waiting?.name}: ${[state.reason, state.message].filter(Boolean).join(': ')}`;
  if (pod.spec?.nodeName === undefined) {
    const scheduled = pod.status?.conditions?.find((c) => c.type === 'PodScheduled' && c.status === 'False');
    return scheduled?.message ?? 'no node has been chosen for the pod yet';
  }
  return [ready?.reason, ready?.message].filter(Boolean).join(': ') || `the pod is ${pod.status?.phase ?? 'unknown'}`;
}
