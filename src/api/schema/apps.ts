// Types of apps/v1. The notation is explained in schema.ts.
export const appsTypes = `
kind Deployment | Keeps pods of one template running, and replaces them step by step when the template changes.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec DeploymentSpec embedded | What is wanted.
  3 status DeploymentStatus embedded | What is observed, written by controllers.
type DeploymentSpec | How many pods, what they look like, how they are replaced.
  1 replicas int32? | Pods wanted; 1 unless set.
  2 selector meta.LabelSelector required | Labels of its pods; cannot change.
  3 template core.PodTemplateSpec embedded required | What each pod made from this looks like.
  4 strategy DeploymentStrategy embedded retainKeys | Rolling (the default), or all at once.
  5 minReadySeconds int32 | Seconds a pod must stay ready before it counts as available.
  6 revisionHistoryLimit int32? | Old states kept for a rollback.
  7 paused bool | True: changes of the template wait.
  9 progressDeadlineSeconds int32? | Seconds without progress after which it is reported as stuck; 600 unless set.
type DeploymentStrategy | How pods are replaced.
  1 type string | RollingUpdate or Recreate.
  2 rollingUpdate RollingUpdateDeployment | Settings of the RollingUpdate type.
type RollingUpdateDeployment | How many at a time.
  1 maxUnavailable intorstring | Pods, or percentage, that may be missing during an update.
  2 maxSurge intorstring | Pods, or percentage, that may be there beyond those wanted during an update.
type DeploymentStatus | How far it has come.
  1 observedGeneration int64 | metadata.generation that this status is about.
  2 replicas int32 | Pods there.
  3 updatedReplicas int32 | Pods made from the present template.
  7 readyReplicas int32 | Pods that are ready.
  4 availableReplicas int32 | Pods ready for at least minReadySeconds.
  5 unavailableReplicas int32 | Pods missing from those wanted.
  9 terminatingReplicas int32? | Pods on their way out.
  6 conditions []DeploymentCondition keys=type merge=type | Facts about the state, one a type.
  8 collisionCount int32? | Counts hash collisions, for naming what it owns.
type DeploymentCondition | One fact about a deployment: Available, Progressing, ReplicaFailure.
  1 type string required | Which kind of thing this is.
  2 status string required | True, False or Unknown.
  6 lastUpdateTime time | When it was last written.
  7 lastTransitionTime time | When the status last changed from one value to another.
  4 reason string | Why, as one CamelCase word for programs.
  5 message string | Why, for people.
kind ReplicaSet | Keeps a number of pods of one template running. Usually made by a Deployment.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec ReplicaSetSpec embedded | What is wanted.
  3 status ReplicaSetStatus embedded | What is observed, written by controllers.
type ReplicaSetSpec | How many pods, and what they look like.
  1 replicas int32? | Pods wanted; 1 unless set.
  4 minReadySeconds int32 | Seconds a pod must stay ready before it counts as available.
  2 selector meta.LabelSelector required | Labels of its pods; cannot change.
  3 template core.PodTemplateSpec embedded | What each pod made from this looks like.
type ReplicaSetStatus | How many pods there are.
  1 replicas int32 required | Pods there.
  2 fullyLabeledReplicas int32 | Pods whose labels match those of the template.
  4 readyReplicas int32 | Pods that are ready.
  5 availableReplicas int32 | Pods ready for at least minReadySeconds.
  7 terminatingReplicas int32? | Pods on their way out.
  3 observedGeneration int64 | metadata.generation that this status is about.
  6 conditions []ReplicaSetCondition keys=type merge=type | Facts about the state, one a type.
type ReplicaSetCondition
  1 type string required | Which kind of thing this is.
  2 status string required | True, False or Unknown.
  3 lastTransitionTime time | When the status last changed from one value to another.
  4 reason string | Why, as one CamelCase word for programs.
  5 message string | Why, for people.
kind StatefulSet | Pods with stable names and order, such as members of a database.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec StatefulSetSpec embedded | What is wanted.
  3 status StatefulSetStatus embedded | What is observed, written by controllers.
type StatefulSetSpec | How many pods, what they look like, how they are named and replaced.
  1 replicas int32? | Pods wanted; 1 unless set.
  2 selector meta.LabelSelector required | Labels of its pods; cannot change.
  3 template core.PodTemplateSpec embedded required | What each pod made from this looks like.
  4 volumeClaimTemplates []core.PersistentVolumeClaim atomic | Claims made for each pod.
  5 serviceName string | Headless Service that gives each pod its name in DNS.
  6 podManagementPolicy string | OrderedReady: one after the other. Parallel: all at once.
  7 updateStrategy StatefulSetUpdateStrategy embedded | How pods are replaced when the template changes.
  8 revisionHistoryLimit int32? | Old states kept for a rollback.
  9 minReadySeconds int32 | Seconds a pod must stay ready before it counts as available.
  10 persistentVolumeClaimRetentionPolicy StatefulSetPersistentVolumeClaimRetentionPolicy
  11 ordinals StatefulSetOrdinals | Number of the first pod.
type StatefulSetUpdateStrategy
  1 type string | Which kind of thing this is.
  2 rollingUpdate RollingUpdateStatefulSetStrategy | Settings of the RollingUpdate type.
type RollingUpdateStatefulSetStrategy
  1 partition int32? | Only pods with this number or above are replaced.
  2 maxUnavailable intorstring | Pods, or percentage, that may be missing during an update.
type StatefulSetPersistentVolumeClaimRetentionPolicy
  1 whenDeleted string
  2 whenScaled string
type StatefulSetOrdinals
  1 start int32
type StatefulSetStatus | How far it has come.
  1 observedGeneration int64 | metadata.generation that this status is about.
  2 replicas int32 required | Pods there.
  3 readyReplicas int32 | Pods that are ready.
  4 currentReplicas int32
  5 updatedReplicas int32 | Pods made from the present template.
  6 currentRevision string
  7 updateRevision string
  9 collisionCount int32? | Counts hash collisions, for naming what it owns.
  10 conditions []StatefulSetCondition keys=type merge=type | Facts about the state, one a type.
  11 availableReplicas int32 | Pods ready for at least minReadySeconds.
type StatefulSetCondition
  1 type string required | Which kind of thing this is.
  2 status string required | True, False or Unknown.
  3 lastTransitionTime time | When the status last changed from one value to another.
  4 reason string | Why, as one CamelCase word for programs.
  5 message string | Why, for people.
kind DaemonSet | One pod on every node, or on every node that fits.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec DaemonSetSpec embedded | What is wanted.
  3 status DaemonSetStatus embedded | What is observed, written by controllers.
type DaemonSetSpec | What the pods look like, and how they are replaced.
  1 selector meta.LabelSelector required | Labels of its pods; cannot change.
  2 template core.PodTemplateSpec embedded required | What each pod made from this looks like.
  3 updateStrategy DaemonSetUpdateStrategy embedded | How pods are replaced when the template changes.
  4 minReadySeconds int32 | Seconds a pod must stay ready before it counts as available.
  6 revisionHistoryLimit int32? | Old states kept for a rollback.
type DaemonSetUpdateStrategy
  1 type string | Which kind of thing this is.
  2 rollingUpdate RollingUpdateDaemonSet | Settings of the RollingUpdate type.
type RollingUpdateDaemonSet
  1 maxUnavailable intorstring | Pods, or percentage, that may be missing during an update.
  2 maxSurge intorstring | Pods, or percentage, that may be there beyond those wanted during an update.
type DaemonSetStatus | On how many nodes it runs.
  1 currentNumberScheduled int32 required | Nodes that run it and should.
  2 numberMisscheduled int32 required | Nodes that run it and should not.
  3 desiredNumberScheduled int32 required | Nodes that should run it.
  4 numberReady int32 required | Nodes with a ready pod.
  5 observedGeneration int64 | metadata.generation that this status is about.
  6 updatedNumberScheduled int32 | Nodes with a pod of the present template.
  7 numberAvailable int32 | Nodes with an available pod.
  8 numberUnavailable int32 | Nodes without an available pod.
  9 collisionCount int32? | Counts hash collisions, for naming what it owns.
  10 conditions []DaemonSetCondition keys=type merge=type | Facts about the state, one a type.
type DaemonSetCondition
  1 type string required | Which kind of thing this is.
  2 status string required | True, False or Unknown.
  3 lastTransitionTime time | When the status last changed from one value to another.
  4 reason string | Why, as one CamelCase word for programs.
  5 message string | Why, for people.
kind ControllerRevision | A past state of a StatefulSet or DaemonSet.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 data raw | The state.
  3 revision int64 required | Number or hash of the state.
`;
