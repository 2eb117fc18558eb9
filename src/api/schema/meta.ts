// Types of meta/v1: what all kinds share. The notation is explained in schema.ts.
export const metaTypes = `
type ObjectMeta
  1 name string
  2 generateName string
  3 namespace string
  4 selfLink string
  5 uid string
  6 resourceVersion string
  7 generation int64
  8 creationTimestamp time
  9 deletionTimestamp time
  10 deletionGracePeriodSeconds int64?
  11 labels map[string]
  12 annotations map[string]
  13 ownerReferences []OwnerReference keys=uid merge=uid
  14 finalizers []string set merge
  17 managedFields []ManagedFieldsEntry atomic
type OwnerReference atomic
  5 apiVersion string required
  1 kind string required
  3 name string required
  4 uid string required
  6 controller bool?
  7 blockOwnerDeletion bool?
type ManagedFieldsEntry
  1 manager string
  2 operation string
  3 apiVersion string
  4 time time
  6 fieldsType string
  7 fieldsV1 fields
  8 subresource string
type LabelSelector atomic
  1 matchLabels map[string]
  2 matchExpressions []LabelSelectorRequirement atomic
type LabelSelectorRequirement
  1 key string required
  2 operator string required
  3 values []string atomic
type Condition
  1 type string required
  2 status string required
  3 observedGeneration int64
  4 lastTransitionTime time required
  5 reason string required
  6 message string required
kind DeleteOptions
  1 gracePeriodSeconds int64?
  2 preconditions Preconditions
  3 orphanDependents bool?
  4 propagationPolicy string
  5 dryRun []string atomic
  6 ignoreStoreReadErrorWithClusterBreakingPotential bool?
type Preconditions
  1 uid string?
  2 resourceVersion string?
type FieldSelectorRequirement
  1 key string required
  2 operator string required
  3 values []string atomic
kind Status
  1 metadata ListMeta embedded
  2 status string
  3 message string
  4 reason string
  5 details StatusDetails
  6 code int32
type ListMeta
  1 selfLink string
  2 resourceVersion string
  3 continue string
  4 remainingItemCount int64?
type StatusDetails
  1 name string
  2 group string
  3 kind string
  6 uid string
  4 causes []StatusCause atomic
  5 retryAfterSeconds int32
type StatusCause
  1 reason string
  2 message string
  3 field string
`;
