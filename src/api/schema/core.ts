// Types of core/v1: configuration, identity, namespaces, events, replication controllers. The notation is explained in schema.ts.
export const coreTypes = `
kind Namespace
  1 metadata meta.ObjectMeta embedded
  2 spec NamespaceSpec embedded
  3 status NamespaceStatus embedded
type NamespaceSpec
  1 finalizers []string atomic
type NamespaceStatus
  1 phase string
  2 conditions []NamespaceCondition keys=type merge=type
type NamespaceCondition
  1 type string required
  2 status string required
  4 lastTransitionTime time
  5 reason string
  6 message string
type ObjectReference atomic
  1 kind string
  2 namespace string
  3 name string
  4 uid string
  5 apiVersion string
  6 resourceVersion string
  7 fieldPath string
kind ConfigMap
  1 metadata meta.ObjectMeta embedded
  4 immutable bool?
  2 data map[string]
  3 binaryData map[bytes]
kind Secret
  1 metadata meta.ObjectMeta embedded
  5 immutable bool?
  2 data map[bytes]
  4 stringData map[string]
  3 type string
kind ServiceAccount
  1 metadata meta.ObjectMeta embedded
  2 secrets []ObjectReference keys=name merge=name
  3 imagePullSecrets []LocalObjectReference atomic
  4 automountServiceAccountToken bool?
kind Event
  1 metadata meta.ObjectMeta embedded required
  2 involvedObject ObjectReference embedded required
  3 reason string
  4 message string
  5 source EventSource embedded
  6 firstTimestamp time
  7 lastTimestamp time
  8 count int32
  9 type string
  10 eventTime microtime
  11 series EventSeries
  12 action string
  13 related ObjectReference
  14 reportingComponent string
  15 reportingInstance string
type EventSource
  1 component string
  2 host string
type EventSeries
  1 count int32
  2 lastObservedTime microtime
kind ReplicationController
  1 metadata meta.ObjectMeta embedded
  2 spec ReplicationControllerSpec embedded
  3 status ReplicationControllerStatus embedded
type ReplicationControllerSpec
  1 replicas int32? default=1
  4 minReadySeconds int32
  2 selector map[string] atomic
  3 template PodTemplateSpec
type ReplicationControllerStatus
  1 replicas int32 required
  2 fullyLabeledReplicas int32
  4 readyReplicas int32
  5 availableReplicas int32
  3 observedGeneration int64
  6 conditions []ReplicationControllerCondition keys=type merge=type
type ReplicationControllerCondition
  1 type string required
  2 status string required
  3 lastTransitionTime time
  4 reason string
  5 message string
kind Binding
  1 metadata meta.ObjectMeta embedded
  2 target ObjectReference embedded required
kind PodTemplate
  1 metadata meta.ObjectMeta embedded
  2 template PodTemplateSpec embedded
`;
