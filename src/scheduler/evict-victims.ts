// Makes pods leave for a more important one: the reason goes into their status first, then they end gracefully.
import { isNotFound, pods } from '../api/objects.ts';
import type { Pod, core } from '../api/objects.ts';
import type { Client, EventRecorder } from '../client/index.ts';
import { withCondition } from './conditions.ts';

export interface Eviction {
  /** For whom. */
  readonly pod: Pod;
  readonly node: string;
  readonly victims: readonly Pod[];
}

/** What is gone or going already is no failure. Every other failure is thrown: the caller tries again. */
export async function evictVictims(
  client: Client,
  recorder: EventRecorder,
  { pod, node, victims }: Eviction,
  now: string,
): Promise<void> {
  await Promise.all(victims.map((victim) => evict(client, recorder, victim, pod, node, now)));
}

async function evict(
  client: Client,
  recorder: EventRecorder,
  victim: Pod,
  pod: Pod,
  node: string,
  now: string,
): Promise<void> {
  const api = client.resource(pods);
  const { name, namespace = '', uid } = victim.metadata;
  const condition: core.PodCondition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'PreemptionByScheduler',
    message: `${pod.spec?.schedulerName ?? 'default-scheduler'}: preempting to accommodate a higher priority pod`,
    lastTransitionTime: now,
  };
  try {
    const current = await api.get(name, namespace);
    if (current.metadata.uid !== uid || current.metadata.deletionTimestamp !== undefined) return;
    const { resourceVersion } = current.metadata;
    const conditions = withCondition(current.status?.conditions, condition);
    // Its agent writes conditions too: whoever comes second tries again.
    const patch = { metadata: { uid, resourceVersion }, status: { conditions } };
    await api.patch(name, patch, { type: 'merge', namespace, subresource: 'status' });
    await api.delete(name, { namespace, preconditions: { uid } });
  } catch (error) {
    if (isNotFound(error)) return;
    throw error;
  }
  recorder.event(victim, 'Normal', 'Preempted', `Preempted by pod ${pod.metadata.uid} on node ${node}`);
}
