// Types of meta/v1: what all kinds share. The notation is explained in schema.ts.
export const metaTypes = `
type ObjectMeta | What every object has: its name, labels, and the bookkeeping of the server.
  1 name string | Name, unique within the namespace and kind. It cannot change.
  2 generateName string | The server appends five random characters to this and uses the result as name.
  3 namespace string | Namespace the object lives in; absent on cluster-wide kinds.
  4 selfLink string | No longer used.
  5 uid string | Given by the server at creation; never used twice.
  6 resourceVersion string | Changes with every write. Send it back to be told when somebody else was faster.
  7 generation int64 | Counts changes of what is wanted.
  8 creationTimestamp time | When the server stored it first.
  9 deletionTimestamp time | When it will be gone; set by a delete, never taken back.
  10 deletionGracePeriodSeconds int64? | Seconds of grace the delete gave.
  11 labels map[string] | Keys and values that selectors look at.
  12 annotations map[string] | Keys and values for tools; no selector looks at them.
  13 ownerReferences []OwnerReference keys=uid merge=uid | Objects this one depends on; when all are gone, it is deleted.
  14 finalizers []string set merge | Who must be done before a deleted object may go.
  17 managedFields []ManagedFieldsEntry atomic | Who set which field; kept by the server.
type OwnerReference atomic | An object that this one depends on, in the same namespace or cluster-wide.
  5 apiVersion string required | Group and version of the object meant.
  1 kind string required | Kind of the object meant.
  3 name string required | Name, unique among its like.
  4 uid string required | Unique id of the object meant; a new object of the same name has another.
  6 controller bool? | True for the one owner that manages this object.
  7 blockOwnerDeletion bool? | True: a foreground delete of the owner waits for this object.
type ManagedFieldsEntry | The fields that one manager set.
  1 manager string | Who.
  2 operation string | Apply or Update.
  3 apiVersion string | Version in which the fields are named.
  4 time time | When the entry last changed.
  6 fieldsType string | FieldsV1.
  7 fieldsV1 fields | The fields, as a tree.
  8 subresource string | The part below the object, such as status.
type LabelSelector atomic | Selects objects by labels; all rules must hold. An empty one selects everything.
  1 matchLabels map[string] | Labels that must have exactly these values.
  2 matchExpressions []LabelSelectorRequirement atomic | Rules on labels; all must hold.
type LabelSelectorRequirement | One rule: a key, an operator, values.
  1 key string required | Key the rule looks at.
  2 operator string required | In, NotIn, Exists or DoesNotExist.
  3 values []string atomic | Values the operator compares with.
type Condition | One fact about an object: true, false or unknown, and why.
  1 type string required | Which fact, in CamelCase.
  2 status string required | True, False or Unknown.
  3 observedGeneration int64 | metadata.generation that this status is about.
  4 lastTransitionTime time required | When the status last changed from one value to another.
  5 reason string required | Why, as one CamelCase word for programs.
  6 message string required | Why, for people.
kind DeleteOptions | How to delete.
  1 gracePeriodSeconds int64? | Seconds before the object goes; 0 means now. Absent: the object's own period.
  2 preconditions Preconditions | Delete only if these hold.
  3 orphanDependents bool? | Old form of propagationPolicy Orphan.
  4 propagationPolicy string | Orphan leaves dependents, Background deletes them afterwards, Foreground before.
  5 dryRun []string atomic | All: go through everything, change nothing.
  6 ignoreStoreReadErrorWithClusterBreakingPotential bool? | Accepted and ignored here.
type Preconditions | What must be true of the object.
  1 uid string? | Unique id of the object meant; a new object of the same name has another.
  2 resourceVersion string? | Version of the object meant.
type FieldSelectorRequirement | One rule on a field.
  1 key string required | Key the rule looks at.
  2 operator string required | How key and values are compared.
  3 values []string atomic | Values the operator compares with.
kind Status | The answer to a request that has no object to show, often a failure.
  1 metadata ListMeta embedded | Name, namespace, labels and other data that every object has.
  2 status string | Success or Failure.
  3 message string | Why, for people.
  4 reason string | Why, as one CamelCase word for programs.
  5 details StatusDetails | More about the failure.
  6 code int32 | HTTP status code.
type ListMeta | What every list has.
  1 selfLink string | No longer used.
  2 resourceVersion string | State the list was read at; a watch can start from it.
  3 continue string | Ask for the next part with this.
  4 remainingItemCount int64? | Objects after this part, as far as known.
type StatusDetails | More about a failure.
  1 name string | Name, unique among its like.
  2 group string | API group.
  3 kind string | Kind of the object meant.
  6 uid string | Unique id of the object meant; a new object of the same name has another.
  4 causes []StatusCause atomic | Each thing that is wrong.
  5 retryAfterSeconds int32 | Seconds to wait before trying again.
type StatusCause | One thing that is wrong.
  1 reason string | Why, as one CamelCase word for programs.
  2 message string | Why, for people.
  3 field string | Field it is about.
`;
