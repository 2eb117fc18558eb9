// Types of core/v1: configuration, identity, namespaces, events, replication controllers. The notation is explained in schema.ts.
export const coreTypes = `
kind Namespace | A space for names, and what is in it. Deleting it deletes everything in it.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec NamespaceSpec embedded | What is wanted.
  3 status NamespaceStatus embedded | What is observed, written by controllers.
type NamespaceSpec | What must happen before the namespace may go.
  1 finalizers []string atomic | Who must be done before it may go.
type NamespaceStatus | Whether the namespace is in use or going away.
  1 phase string | Active or Terminating.
  2 conditions []NamespaceCondition keys=type merge=type | Facts about the state, one a type.
type NamespaceCondition | One fact about a namespace that is going away.
  1 type string required | Which kind of thing this is.
  2 status string required | True, False or Unknown.
  4 lastTransitionTime time | When the status last changed from one value to another.
  5 reason string | Why, as one CamelCase word for programs.
  6 message string | Why, for people.
type ObjectReference atomic | Points at an object, or at a part of it.
  1 kind string | Kind of the object meant.
  2 namespace string | Namespace of the object meant.
  3 name string | Name, unique among its like.
  4 uid string | Unique id of the object meant; a new object of the same name has another.
  5 apiVersion string | Group and version of the object meant.
  6 resourceVersion string | Version of the object meant.
  7 fieldPath string | Path of the field, such as metadata.name or spec.containers{web}.
kind ConfigMap | Settings as keys and values, for pods to read as files or variables.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  4 immutable bool? | True: the data can never change again; only deleting helps.
  2 data map[string] | Text values by key.
  3 binaryData map[bytes] | Byte values by key, in base64.
kind Secret | Like a ConfigMap, for what must not be shown: passwords, keys, certificates.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  5 immutable bool? | True: the data can never change again; only deleting helps.
  2 data map[bytes] | Values by key, in base64.
  4 stringData map[string] | Values by key as plain text; written into data, never read back.
  3 type string | What the secret is for, such as Opaque or kubernetes.io/tls.
kind LimitRange | Bounds and defaults for what pods and claims of a namespace ask for.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec LimitRangeSpec embedded | What is wanted.
type LimitRangeSpec
  1 limits []LimitRangeItem required atomic | Bounds, by what they are about.
type LimitRangeItem
  1 type string required | Container, Pod or PersistentVolumeClaim: what the bounds are about.
  2 max map[quantity] | The most that may be asked for, by resource.
  3 min map[quantity] | The least that must be asked for, by resource.
  4 default map[quantity] | Limits of containers that say none.
  5 defaultRequest map[quantity] | Requests of containers that say none.
  6 maxLimitRequestRatio map[quantity] | How many times its request a limit may be at the most.
kind ServiceAccount | An identity for the programs in pods.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 secrets []ObjectReference keys=name merge=name | Secrets that pods of this account may use.
  3 imagePullSecrets []LocalObjectReference atomic | Secrets with registry credentials.
  4 automountServiceAccountToken bool? | False: pods get no API token mounted.
kind Event | Something that happened to an object.
  1 metadata meta.ObjectMeta embedded required | Name, namespace, labels and other data that every object has.
  2 involvedObject ObjectReference embedded required | The object it is about.
  3 reason string | Why, as one CamelCase word for programs.
  4 message string | Why, for people.
  5 source EventSource embedded | Who reports it, in the old way.
  6 firstTimestamp time | When it happened first.
  7 lastTimestamp time | When it happened last.
  8 count int32 | How often it happened.
  9 type string | Normal or Warning.
  10 eventTime microtime | When it happened first.
  11 series EventSeries | Set when the same thing goes on happening.
  12 action string | What was done or failed.
  13 related ObjectReference | A second object it is about.
  14 reportingComponent string | Who reports it.
  15 reportingInstance string | Which instance reports it.
type EventSource | Who reports an event.
  1 component string | Name of the program.
  2 host string | Node it runs on.
type EventSeries | An event that goes on happening.
  1 count int32 | How often it happened.
  2 lastObservedTime microtime | When it happened last.
kind ReplicationController | Keeps a number of pods alive. ReplicaSet and Deployment are its successors.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec ReplicationControllerSpec embedded | What is wanted.
  3 status ReplicationControllerStatus embedded | What is observed, written by controllers.
type ReplicationControllerSpec | How many pods, and what they look like.
  1 replicas int32? default=1 | Pods wanted; 1 unless set.
  4 minReadySeconds int32 | Seconds a pod must stay ready before it counts as available.
  2 selector map[string] atomic | Labels of its pods; those of the template unless set.
  3 template PodTemplateSpec | What each pod made from this looks like.
type ReplicationControllerStatus | How many pods there are.
  1 replicas int32 required | Pods there.
  2 fullyLabeledReplicas int32 | Pods whose labels match those of the template.
  4 readyReplicas int32 | Pods that are ready.
  5 availableReplicas int32 | Pods ready for at least minReadySeconds.
  3 observedGeneration int64 | metadata.generation that this status is about.
  6 conditions []ReplicationControllerCondition keys=type merge=type | Facts about the state, one a type.
type ReplicationControllerCondition | One fact about a replication controller.
  1 type string required | Which kind of thing this is.
  2 status string required | True, False or Unknown.
  3 lastTransitionTime time | When the status last changed from one value to another.
  4 reason string | Why, as one CamelCase word for programs.
  5 message string | Why, for people.
kind Binding | Puts a pod on a node.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 target ObjectReference embedded required | The node.
kind PodTemplate | A template for pods, stored by itself.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 template PodTemplateSpec embedded | Metadata and spec of the pods.
`;
