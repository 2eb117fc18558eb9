// The priority classes that every cluster has, and the bounds of those that users make.

/** https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/ */
export const HIGHEST_USER_PRIORITY = 1_000_000_000;

/** Names that begin so are the system's. */
export const SYSTEM_PRIORITY_PREFIX = 'system-';

export const SYSTEM_PRIORITY_CLASSES = [
  {
    name: 'system-node-critical',
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    name: 'system-cluster-critical',
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
] as const;

export const isSystemPriorityClass = (name: string): boolean => SYSTEM_PRIORITY_CLASSES.some((c) => c.name === name);
