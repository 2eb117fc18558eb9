// Conditions of pods that the scheduler writes. Pure.
import type { Pod, core } from '../api/objects.ts';

type Conditions = NonNullable<core.PodStatus['conditions']>;

export const withCondition = (conditions: Conditions | undefined, next: core.PodCondition): core.PodCondition[] => [
  ...(conditions ?? []).filter((c) => c.type !== next.type),
  next,
];

/** The status patch for a pod that has no node; undefined: it says so already. `nominated`: '' for none. */
export function unschedulableStatus(pod: Pod, message: string, nominated: string, now: string): object | undefined {
  const { conditions, nominatedNodeName = '' } = pod.status ?? {};
  const known = conditions?.find((c) => c.type === 'PodScheduled');
  const said = known?.status === 'False' && known.message === message;
  if (said && nominatedNodeName === nominated) return undefined;
  const condition: core.PodCondition = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message,
    lastTransitionTime: known?.status === 'False' ? (known.lastTransitionTime ?? now) : now,
  };
  return {
    ...(said ? {} : { conditions: withCondition(conditions, condition) }),
    ...(nominatedNodeName === nominated ? {} : { nominatedNodeName: nominated === '' ? null : nominated }),
  };
}
