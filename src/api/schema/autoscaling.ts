// Types of autoscaling/v1: the scale subresource. The notation is explained in schema.ts.
export const autoscalingTypes = `
kind Scale
  1 metadata meta.ObjectMeta embedded
  2 spec ScaleSpec embedded
  3 status ScaleStatus embedded
type ScaleSpec
  1 replicas int32
type ScaleStatus
  1 replicas int32 required
  2 selector string
`;
