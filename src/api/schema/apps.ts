// Types of apps/v1. The notation is explained in schema.ts.
export const appsTypes = `
kind Deployment
  1 metadata meta.ObjectMeta embedded
  2 spec DeploymentSpec embedded
  3 status DeploymentStatus embedded
type DeploymentSpec
  1 replicas int32?
  2 selector meta.LabelSelector required
  3 template core.PodTemplateSpec embedded required
  4 strategy DeploymentStrategy embedded retainKeys
  5 minReadySeconds int32
  6 revisionHistoryLimit int32?
  7 paused bool
  9 progressDeadlineSeconds int32?
type DeploymentStrategy
  1 type string
  2 rollingUpdate RollingUpdateDeployment
type RollingUpdateDeployment
  1 maxUnavailable intorstring
  2 maxSurge intorstring
type DeploymentStatus
  1 observedGeneration int64
  2 replicas int32
  3 updatedReplicas int32
  7 readyReplicas int32
  4 availableReplicas int32
  5 unavailableReplicas int32
  9 terminatingReplicas int32?
  6 conditions []DeploymentCondition keys=type merge=type
  8 collisionCount int32?
type DeploymentCondition
  1 type string required
  2 status string required
  6 lastUpdateTime time
  7 lastTransitionTime time
  4 reason string
  5 message string
kind ReplicaSet
  1 metadata meta.ObjectMeta embedded
  2 spec ReplicaSetSpec embedded
  3 status ReplicaSetStatus embedded
type ReplicaSetSpec
  1 replicas int32?
  4 minReadySeconds int32
  2 selector meta.LabelSelector required
  3 template core.PodTemplateSpec embedded
type ReplicaSetStatus
  1 replicas int32 required
  2 fullyLabeledReplicas int32
  4 readyReplicas int32
  5 availableReplicas int32
  7 terminatingReplicas int32?
  3 observedGeneration int64
  6 conditions []ReplicaSetCondition keys=type merge=type
type ReplicaSetCondition
  1 type string required
  2 status string required
  3 lastTransitionTime time
  4 reason string
  5 message string
kind StatefulSet
  1 metadata meta.ObjectMeta embedded
  2 spec StatefulSetSpec embedded
  3 status StatefulSetStatus embedded
type StatefulSetSpec
  1 replicas int32?
  2 selector meta.LabelSelector required
  3 template core.PodTemplateSpec embedded required
  4 volumeClaimTemplates []core.PersistentVolumeClaim atomic
  5 serviceName string
  6 podManagementPolicy string
  7 updateStrategy StatefulSetUpdateStrategy embedded
  8 revisionHistoryLimit int32?
  9 minReadySeconds int32
  10 persistentVolumeClaimRetentionPolicy StatefulSetPersistentVolumeClaimRetentionPolicy
  11 ordinals StatefulSetOrdinals
type StatefulSetUpdateStrategy
  1 type string
  2 rollingUpdate RollingUpdateStatefulSetStrategy
type RollingUpdateStatefulSetStrategy
  1 partition int32?
  2 maxUnavailable intorstring
type StatefulSetPersistentVolumeClaimRetentionPolicy
  1 whenDeleted string
  2 whenScaled string
type StatefulSetOrdinals
  1 start int32
type StatefulSetStatus
  1 observedGeneration int64
  2 replicas int32 required
  3 readyReplicas int32
  4 currentReplicas int32
  5 updatedReplicas int32
  6 currentRevision string
  7 updateRevision string
  9 collisionCount int32?
  10 conditions []StatefulSetCondition keys=type merge=type
  11 availableReplicas int32
type StatefulSetCondition
  1 type string required
  2 status string required
  3 lastTransitionTime time
  4 reason string
  5 message string
kind DaemonSet
  1 metadata meta.ObjectMeta embedded
  2 spec DaemonSetSpec embedded
  3 status DaemonSetStatus embedded
type DaemonSetSpec
  1 selector meta.LabelSelector required
  2 template core.PodTemplateSpec embedded required
  3 updateStrategy DaemonSetUpdateStrategy embedded
  4 minReadySeconds int32
  6 revisionHistoryLimit int32?
type DaemonSetUpdateStrategy
  1 type string
  2 rollingUpdate RollingUpdateDaemonSet
type RollingUpdateDaemonSet
  1 maxUnavailable intorstring
  2 maxSurge intorstring
type DaemonSetStatus
  1 currentNumberScheduled int32 required
  2 numberMisscheduled int32 required
  3 desiredNumberScheduled int32 required
  4 numberReady int32 required
  5 observedGeneration int64
  6 updatedNumberScheduled int32
  7 numberAvailable int32
  8 numberUnavailable int32
  9 collisionCount int32?
  10 conditions []DaemonSetCondition keys=type merge=type
type DaemonSetCondition
  1 type string required
  2 status string required
  3 lastTransitionTime time
  4 reason string
  5 message string
kind ControllerRevision
  1 metadata meta.ObjectMeta embedded
  2 data raw
  3 revision int64 required
`;
