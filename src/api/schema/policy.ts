// Types of policy/v1: disruption budgets, and the eviction subresource. The notation is explained in schema.ts.
export const policyTypes = `
kind PodDisruptionBudget | How many of a set of pods must stay while others are evicted.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec PodDisruptionBudgetSpec embedded | What is wanted.
  3 status PodDisruptionBudgetStatus embedded | What is observed, written by controllers.
type PodDisruptionBudgetSpec
  1 minAvailable intorstring | Pods, or percentage, that must be healthy after an eviction.
  2 selector meta.LabelSelector replace | Labels of the pods; an empty one means all of the namespace.
  3 maxUnavailable intorstring | Pods, or percentage, that may be missing after an eviction.
  4 unhealthyPodEvictionPolicy string? | IfHealthyBudget or AlwaysAllow: when pods that are not ready may be evicted.
type PodDisruptionBudgetStatus
  1 observedGeneration int64 | metadata.generation that this status is about.
  2 disruptedPods map[time] | Pods whose eviction was allowed and that have not gone yet.
  3 disruptionsAllowed int32 required | Pods that may be evicted now.
  4 currentHealthy int32 required | Pods that are healthy.
  5 desiredHealthy int32 required | Pods that must be healthy.
  6 expectedPods int32 required | Pods there would be without disruption.
  7 conditions []meta.Condition keys=type merge=type | Facts about the state, one a type.
kind Eviction | Asks that a pod leave its node politely.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 deleteOptions meta.DeleteOptions | How it is deleted.
`;
