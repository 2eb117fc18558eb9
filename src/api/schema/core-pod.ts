// Types of core/v1: pods, containers, probes, scheduling constraints. The notation is explained in schema.ts.
export const corePodTypes = `
kind Pod
  1 metadata meta.ObjectMeta embedded
  2 spec PodSpec embedded
  3 status PodStatus embedded
type PodSpec
  1 volumes []Volume keys=name merge=name retainKeys
  20 initContainers []Container keys=name merge=name
  2 containers []Container required keys=name merge=name
  34 ephemeralContainers []EphemeralContainer keys=name merge=name
  3 restartPolicy string
  4 terminationGracePeriodSeconds int64?
  5 activeDeadlineSeconds int64?
  6 dnsPolicy string
  7 nodeSelector map[string] atomic
  8 serviceAccountName string
  9 serviceAccount string
  21 automountServiceAccountToken bool?
  10 nodeName string
  11 hostNetwork bool
  12 hostPID bool
  13 hostIPC bool
  27 shareProcessNamespace bool?
  14 securityContext PodSecurityContext
  15 imagePullSecrets []LocalObjectReference keys=name merge=name
  16 hostname string
  17 subdomain string
  18 affinity Affinity
  19 schedulerName string
  22 tolerations []Toleration atomic
  23 hostAliases []HostAlias keys=ip merge=ip
  24 priorityClassName string
  25 priority int32?
  26 dnsConfig PodDNSConfig
  28 readinessGates []PodReadinessGate atomic
  29 runtimeClassName string
  30 enableServiceLinks bool?
  31 preemptionPolicy string
  32 overhead map[quantity]
  33 topologySpreadConstraints []TopologySpreadConstraint keys=topologyKey,whenUnsatisfiable merge=topologyKey
  35 setHostnameAsFQDN bool?
  36 os PodOS
  37 hostUsers bool?
  38 schedulingGates []PodSchedulingGate keys=name merge=name
  39 resourceClaims []PodResourceClaim keys=name merge=name retainKeys
  40 resources ResourceRequirements
  41 hostnameOverride string
type LocalObjectReference atomic
  1 name string
type ObjectFieldSelector atomic
  1 apiVersion string
  2 fieldPath string required
type ResourceFieldSelector atomic
  1 containerName string
  2 resource string required
  3 divisor quantity
type Container
  1 name string required
  2 image string
  3 command []string atomic
  4 args []string atomic
  5 workingDir string
  6 ports []ContainerPort keys=containerPort,protocol merge=containerPort
  19 envFrom []EnvFromSource atomic
  7 env []EnvVar keys=name merge=name
  8 resources ResourceRequirements embedded
  23 resizePolicy []ContainerResizePolicy atomic
  24 restartPolicy string
  9 volumeMounts []VolumeMount keys=mountPath merge=mountPath
  21 volumeDevices []VolumeDevice keys=devicePath merge=devicePath
  10 livenessProbe Probe
  11 readinessProbe Probe
  22 startupProbe Probe
  12 lifecycle Lifecycle
  13 terminationMessagePath string
  20 terminationMessagePolicy string
  14 imagePullPolicy string
  15 securityContext SecurityContext
  16 stdin bool
  17 stdinOnce bool
  18 tty bool
type ContainerPort
  1 name string
  2 hostPort int32
  3 containerPort int32 required
  4 protocol string default=TCP
  5 hostIP string
type EnvFromSource
  1 prefix string
  2 configMapRef ConfigMapEnvSource
  3 secretRef SecretEnvSource
type ConfigMapEnvSource
  1 localObjectReference LocalObjectReference inline
  2 optional bool?
type SecretEnvSource
  1 localObjectReference LocalObjectReference inline
  2 optional bool?
type EnvVar
  1 name string required
  2 value string
  3 valueFrom EnvVarSource
type EnvVarSource
  1 fieldRef ObjectFieldSelector
  2 resourceFieldRef ResourceFieldSelector
  3 configMapKeyRef ConfigMapKeySelector
  4 secretKeyRef SecretKeySelector
type ConfigMapKeySelector atomic
  1 localObjectReference LocalObjectReference inline
  2 key string required
  3 optional bool?
type SecretKeySelector atomic
  1 localObjectReference LocalObjectReference inline
  2 key string required
  3 optional bool?
type ResourceRequirements
  1 limits map[quantity]
  2 requests map[quantity]
  3 claims []ResourceClaim keys=name
type ResourceClaim
  1 name string required
  2 request string
type ContainerResizePolicy
  1 resourceName string required
  2 restartPolicy string required
type VolumeMount
  1 name string required
  2 readOnly bool
  7 recursiveReadOnly string
  3 mountPath string required
  4 subPath string
  5 mountPropagation string
  6 subPathExpr string
type VolumeDevice
  1 name string required
  2 devicePath string required
type Probe
  1 handler ProbeHandler inline
  2 initialDelaySeconds int32
  3 timeoutSeconds int32
  4 periodSeconds int32
  5 successThreshold int32
  6 failureThreshold int32
  7 terminationGracePeriodSeconds int64?
type ProbeHandler
  1 exec ExecAction
  2 httpGet HTTPGetAction
  3 tcpSocket TCPSocketAction
  4 grpc GRPCAction
type ExecAction
  1 command []string atomic
type HTTPGetAction
  1 path string
  2 port intorstring required
  3 host string
  4 scheme string
  5 httpHeaders []HTTPHeader atomic
type HTTPHeader
  1 name string required
  2 value string required
type TCPSocketAction
  1 port intorstring required
  2 host string
type GRPCAction
  1 port int32 required
  2 service string?
type Lifecycle
  1 postStart LifecycleHandler
  2 preStop LifecycleHandler
  3 stopSignal string
type LifecycleHandler
  1 exec ExecAction
  2 httpGet HTTPGetAction
  3 tcpSocket TCPSocketAction
  4 sleep SleepAction
type SleepAction
  1 seconds int64 required
type SecurityContext
  1 capabilities Capabilities
  2 privileged bool?
  3 seLinuxOptions SELinuxOptions
  10 windowsOptions WindowsSecurityContextOptions
  4 runAsUser int64?
  8 runAsGroup int64?
  5 runAsNonRoot bool?
  6 readOnlyRootFilesystem bool?
  7 allowPrivilegeEscalation bool?
  9 procMount string
  11 seccompProfile SeccompProfile
  12 appArmorProfile AppArmorProfile
type Capabilities
  1 add []string atomic
  2 drop []string atomic
type SELinuxOptions
  1 user string
  2 role string
  3 type string
  4 level string
type WindowsSecurityContextOptions
  1 gmsaCredentialSpecName string
  2 gmsaCredentialSpec string
  3 runAsUserName string
  4 hostProcess bool?
type SeccompProfile
  1 type string required
  2 localhostProfile string
type AppArmorProfile
  1 type string required
  2 localhostProfile string
type EphemeralContainer
  1 ephemeralContainerCommon EphemeralContainerCommon inline
  2 targetContainerName string
type EphemeralContainerCommon
  1 name string required
  2 image string
  3 command []string atomic
  4 args []string atomic
  5 workingDir string
  6 ports []ContainerPort keys=containerPort,protocol merge=containerPort
  19 envFrom []EnvFromSource atomic
  7 env []EnvVar keys=name merge=name
  8 resources ResourceRequirements embedded
  23 resizePolicy []ContainerResizePolicy atomic
  24 restartPolicy string
  9 volumeMounts []VolumeMount keys=mountPath merge=mountPath
  21 volumeDevices []VolumeDevice keys=devicePath merge=devicePath
  10 livenessProbe Probe
  11 readinessProbe Probe
  22 startupProbe Probe
  12 lifecycle Lifecycle
  13 terminationMessagePath string
  20 terminationMessagePolicy string
  14 imagePullPolicy string
  15 securityContext SecurityContext
  16 stdin bool
  17 stdinOnce bool
  18 tty bool
type PodSecurityContext
  1 seLinuxOptions SELinuxOptions
  8 windowsOptions WindowsSecurityContextOptions
  2 runAsUser int64?
  6 runAsGroup int64?
  3 runAsNonRoot bool?
  4 supplementalGroups []int64 atomic
  12 supplementalGroupsPolicy string
  5 fsGroup int64?
  7 sysctls []Sysctl atomic
  9 fsGroupChangePolicy string
  10 seccompProfile SeccompProfile
  11 appArmorProfile AppArmorProfile
  13 seLinuxChangePolicy string
type Sysctl
  1 name string required
  2 value string required
type Affinity
  1 nodeAffinity NodeAffinity
  2 podAffinity PodAffinity
  3 podAntiAffinity PodAntiAffinity
type NodeAffinity
  1 requiredDuringSchedulingIgnoredDuringExecution NodeSelector
  2 preferredDuringSchedulingIgnoredDuringExecution []PreferredSchedulingTerm atomic
type NodeSelector atomic
  1 nodeSelectorTerms []NodeSelectorTerm required atomic
type NodeSelectorTerm atomic
  1 matchExpressions []NodeSelectorRequirement atomic
  2 matchFields []NodeSelectorRequirement atomic
type NodeSelectorRequirement
  1 key string required
  2 operator string required
  3 values []string atomic
type PreferredSchedulingTerm
  1 weight int32 required
  2 preference NodeSelectorTerm embedded required
type PodAffinity
  1 requiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm atomic
  2 preferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm atomic
type PodAffinityTerm
  1 labelSelector meta.LabelSelector
  2 namespaces []string atomic
  3 topologyKey string required
  4 namespaceSelector meta.LabelSelector
  5 matchLabelKeys []string atomic
  6 mismatchLabelKeys []string atomic
type WeightedPodAffinityTerm
  1 weight int32 required
  2 podAffinityTerm PodAffinityTerm embedded required
type PodAntiAffinity
  1 requiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm atomic
  2 preferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm atomic
type Toleration
  1 key string
  2 operator string
  3 value string
  4 effect string
  5 tolerationSeconds int64?
type HostAlias
  1 ip string required
  2 hostnames []string atomic
type PodDNSConfig
  1 nameservers []string atomic
  2 searches []string atomic
  3 options []PodDNSConfigOption atomic
type PodDNSConfigOption
  1 name string
  2 value string
type PodReadinessGate
  1 conditionType string required
type TopologySpreadConstraint
  1 maxSkew int32 required
  2 topologyKey string required
  3 whenUnsatisfiable string required
  4 labelSelector meta.LabelSelector
  5 minDomains int32?
  6 nodeAffinityPolicy string
  7 nodeTaintsPolicy string
  8 matchLabelKeys []string atomic
type PodOS
  1 name string required
type PodSchedulingGate
  1 name string required
type PodResourceClaim
  1 name string required
  3 resourceClaimName string
  4 resourceClaimTemplateName string
type PodStatus
  17 observedGeneration int64
  1 phase string
  2 conditions []PodCondition keys=type merge=type
  3 message string
  4 reason string
  11 nominatedNodeName string
  5 hostIP string
  16 hostIPs []HostIP atomic merge=ip
  6 podIP string
  12 podIPs []PodIP keys=ip merge=ip
  7 startTime time
  10 initContainerStatuses []ContainerStatus atomic
  8 containerStatuses []ContainerStatus atomic
  9 qosClass string
  13 ephemeralContainerStatuses []ContainerStatus atomic
  14 resize string
  15 resourceClaimStatuses []PodResourceClaimStatus keys=name merge=name retainKeys
type PodCondition
  1 type string required
  7 observedGeneration int64
  2 status string required
  3 lastProbeTime time
  4 lastTransitionTime time
  5 reason string
  6 message string
type HostIP
  1 ip string required
type PodIP
  1 ip string required
type ContainerStatus
  1 name string required
  2 state ContainerState embedded
  3 lastState ContainerState embedded
  4 ready bool required
  5 restartCount int32 required
  6 image string required
  7 imageID string required
  8 containerID string
  9 started bool?
  10 allocatedResources map[quantity]
  11 resources ResourceRequirements
  12 volumeMounts []VolumeMountStatus keys=mountPath merge=mountPath
  13 user ContainerUser
  14 allocatedResourcesStatus []ResourceStatus keys=name merge=name
  15 stopSignal string
type ContainerState
  1 waiting ContainerStateWaiting
  2 running ContainerStateRunning
  3 terminated ContainerStateTerminated
type ContainerStateWaiting
  1 reason string
  2 message string
type ContainerStateRunning
  1 startedAt time
type ContainerStateTerminated
  1 exitCode int32 required
  2 signal int32
  3 reason string
  4 message string
  5 startedAt time
  6 finishedAt time
  7 containerID string
type VolumeMountStatus
  1 name string required
  2 mountPath string required
  3 readOnly bool
  4 recursiveReadOnly string
type ContainerUser
  1 linux LinuxContainerUser
type LinuxContainerUser
  1 uid int64 required
  2 gid int64 required
  3 supplementalGroups []int64 atomic
type ResourceStatus
  1 name string required
  2 resources []ResourceHealth keys=resourceID
type ResourceHealth
  1 resourceID string required
  2 health string
type PodResourceClaimStatus
  1 name string required
  2 resourceClaimName string
type PodTemplateSpec
  1 metadata meta.ObjectMeta embedded
  2 spec PodSpec embedded
`;
