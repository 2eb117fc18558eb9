// What a pod is taken to use where it asks for nothing. Pure.
import { podRequests, type Pod, type ResourceAmounts } from '../api/objects.ts';

/** A pod without requests still uses something: otherwise one node would look free however many it has. */
const USUAL: readonly [string, number][] = [
  ['cpu', 0.1],
  ['memory', 200 * 1024 * 1024],
];

/** cpu and memory only, with a usual amount where none is asked for: for choosing, not for refusing. */
export function usualRequests(pod: Pod): ResourceAmounts {
  const requests = podRequests(pod);
  return new Map(USUAL.map(([name, usual]) => [name, requests.get(name) ?? usual]));
}
