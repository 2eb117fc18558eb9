// Which of two pods comes first. Pure.
import type { Pod } from '../api/objects.ts';

export const priorityOf = (pod: Pod): number => pod.spec?.priority ?? 0;

/** Order of decisions: higher priority first, then who waits longer. */
export function byUrgency(a: Pod, b: Pod): number {
  const priority = priorityOf(b) - priorityOf(a);
  if (priority !== 0) return priority;
  const [x, y] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (x !== y) return x < y ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

/** When the pod started, in ms; one that has not is later than all that have. */
export const startOf = (pod: Pod): number =>
  pod.status?.startTime === undefined ? Infinity : Date.parse(pod.status.startTime);

/** Order in which running pods are spared: higher priority first, then who runs longer. */
export function byImportance(a: Pod, b: Pod): number {
  const priority = priorityOf(b) - priorityOf(a);
  if (priority !== 0) return priority;
  const [x, y] = [startOf(a), startOf(b)];
  if (x !== y) return x < y ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
