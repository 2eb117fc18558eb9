// Types of autoscaling/v1: the scale subresource. The notation is explained in schema.ts.
export const autoscalingTypes = `
kind Scale | Number of pods of a workload, whatever its kind.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec ScaleSpec embedded | What is wanted.
  3 status ScaleStatus embedded | What is observed, written by controllers.
type ScaleSpec
  1 replicas int32 | Pods wanted.
type ScaleStatus
  1 replicas int32 required | Pods there.
  2 selector string | Labels of the pods, as text.
`;
