// When the change happened that a slice shows: what the network programming latency is measured from.
import type { Pod, Service } from '../../api/objects.ts';
import { podCondition } from '../runtime/pod-state.ts';

interface Seen {
  service: string;
  pods: Map<string, string>;
}

export class TriggerTimes {
  #seen = new Map<string, Seen>();

  /** The earliest change since the last call for this Service; undefined when no time is known. */
  next(key: string, service: Service, pods: Iterable<Pod>): string | undefined {
    const last = this.#seen.get(key);
    const now: Seen = { service: service.metadata.creationTimestamp, pods: new Map() };
    let earliest = last === undefined ? now.service : undefined;
    for (const pod of pods) {
      const time = podCondition(pod, 'Ready')?.lastTransitionTime;
      if (time === undefined) continue;
      now.pods.set(pod.metadata.uid, time);
      const before = last?.pods.get(pod.metadata.uid);
      const isNews = last !== undefined && (before === undefined || before < time);
      if (isNews && (earliest === undefined || time < earliest)) earliest = time;
    }
    this.#seen.set(key, now);
    return earliest;
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}
