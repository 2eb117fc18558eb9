// Types of scheduling.k8s.io/v1. The notation is explained in schema.ts.
export const schedulingTypes = `
kind PriorityClass | How important pods are: a number under a name, for pods to name in priorityClassName.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 value int32 required | The priority; higher is more important. At most 1000000000 for classes of users.
  3 globalDefault bool | True: the class of pods that name none. One class at most may be it.
  4 description string | When to use the class.
  5 preemptionPolicy string? | PreemptLowerPriority (the default): pods may drive out less important ones when there is no room. Never: they wait.
`;
