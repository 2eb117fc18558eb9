// Types of core/v1: pods, containers, probes, scheduling constraints. The notation is explained in schema.ts.
export const corePodTypes = `
kind Pod | One or more containers that share a network address and volumes, on one node.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec PodSpec embedded | What is wanted.
  3 status PodStatus embedded | What is observed, written by controllers.
type PodSpec | What to run, and how.
  1 volumes []Volume keys=name merge=name retainKeys | Directories that containers can mount.
  20 initContainers []Container keys=name merge=name | Run one after the other before the containers; with restartPolicy Always they stay beside them.
  2 containers []Container required keys=name merge=name | What runs in the pod, at least one. The set cannot change.
  34 ephemeralContainers []EphemeralContainer keys=name merge=name | Added to a running pod for debugging; never restarted.
  3 restartPolicy string | Always, OnFailure or Never.
  4 terminationGracePeriodSeconds int64? | Seconds between asking processes to end and killing them.
  5 activeDeadlineSeconds int64? | Seconds after which the pod is ended and failed.
  6 dnsPolicy string | ClusterFirst, ClusterFirstWithHostNet, Default or None: where names are looked up.
  7 nodeSelector map[string] atomic | Labels a node must have.
  8 serviceAccountName string | Identity of the programs in the pod.
  9 serviceAccount string | Old name of serviceAccountName.
  21 automountServiceAccountToken bool? | False: pods get no API token mounted.
  10 nodeName string | Node the pod is on; set by the scheduler. Setting it by hand skips the scheduler.
  11 hostNetwork bool | Use the node's network instead of one of its own.
  12 hostPID bool | See the node's processes.
  13 hostIPC bool | Share the node's IPC.
  27 shareProcessNamespace bool? | Containers see each other's processes.
  14 securityContext PodSecurityContext | Users, groups and privileges.
  15 imagePullSecrets []LocalObjectReference keys=name merge=name | Secrets with registry credentials.
  16 hostname string | Host name inside the pod; the pod's name unless set.
  17 subdomain string | With a headless Service of this name the pod is found as hostname.subdomain.namespace.svc.
  18 affinity Affinity | Which nodes, and near or far from which pods.
  19 schedulerName string | Who places the pod.
  22 tolerations []Toleration atomic | Taints that do not keep the pod away.
  23 hostAliases []HostAlias keys=ip merge=ip | Further lines of /etc/hosts.
  24 priorityClassName string | PriorityClass of the pod: who goes first, and who makes room for whom.
  25 priority int32? | The value of the class; filled in by the server.
  26 dnsConfig PodDNSConfig | Name servers, search domains and options, added to those of dnsPolicy.
  28 readinessGates []PodReadinessGate atomic | Conditions that must be true as well before the pod is ready.
  29 runtimeClassName string
  30 enableServiceLinks bool? | False: no environment variables for Services; those of the API server remain.
  31 preemptionPolicy string | PreemptLowerPriority or Never, from the class; filled in by the server.
  32 overhead map[quantity]
  33 topologySpreadConstraints []TopologySpreadConstraint keys=topologyKey,whenUnsatisfiable merge=topologyKey | Spreads pods over zones or nodes.
  35 setHostnameAsFQDN bool? | Use the full name as host name.
  36 os PodOS | Operating system the pod needs.
  37 hostUsers bool?
  38 schedulingGates []PodSchedulingGate keys=name merge=name | The pod is not scheduled while there are any.
  39 resourceClaims []PodResourceClaim keys=name merge=name retainKeys
  40 resources ResourceRequirements | CPU, memory and other amounts.
  41 hostnameOverride string | Host name, whatever the pod's other settings say.
type LocalObjectReference atomic | An object in the same namespace, by name.
  1 name string | Name, unique among its like.
type ObjectFieldSelector atomic | A field of the pod.
  1 apiVersion string | Group and version of the object meant.
  2 fieldPath string required | Path of the field, such as metadata.name or spec.containers{web}.
type ResourceFieldSelector atomic | A request or limit of a container.
  1 containerName string | Which container.
  2 resource string required | Plural name of the resource.
  3 divisor quantity | The unit; 1 unless set.
type Container | One program of a pod.
  1 name string required | Name, unique in the pod.
  2 image string | Image to run.
  3 command []string atomic | Program and arguments; replaces the entry point of the image.
  4 args []string atomic | Arguments; they replace those of the image.
  5 workingDir string | Directory the program starts in.
  6 ports []ContainerPort keys=containerPort,protocol merge=containerPort | Ports the program listens on. A name given here can be used as targetPort.
  19 envFrom []EnvFromSource atomic | ConfigMaps and Secrets whose every key becomes a variable.
  7 env []EnvVar keys=name merge=name | Environment variables.
  8 resources ResourceRequirements embedded | CPU, memory and other amounts.
  23 resizePolicy []ContainerResizePolicy atomic | Whether a change of resources needs a restart.
  24 restartPolicy string | Always on an init container makes it stay beside the others.
  9 volumeMounts []VolumeMount keys=mountPath merge=mountPath | Volumes and where they appear.
  21 volumeDevices []VolumeDevice keys=devicePath merge=devicePath | Block devices and where they appear.
  10 livenessProbe Probe | When it fails, the container is restarted.
  11 readinessProbe Probe | While it fails, Services send nothing to the pod.
  22 startupProbe Probe | The other probes wait until it succeeds once.
  12 lifecycle Lifecycle | Actions after the start and before the end.
  13 terminationMessagePath string | File from which the last message of the container is read.
  20 terminationMessagePolicy string | File, or FallbackToLogsOnError to take the end of the log when the file is empty.
  14 imagePullPolicy string | Always, IfNotPresent or Never.
  15 securityContext SecurityContext | Users, groups and privileges.
  16 stdin bool | Keep standard input open.
  17 stdinOnce bool | Close standard input after the first client.
  18 tty bool | Give the program a terminal.
type ContainerPort | A port the program listens on.
  1 name string | Name, unique among its like.
  2 hostPort int32 | Port of the node that leads to it.
  3 containerPort int32 required | Port number in the pod.
  4 protocol string default=TCP | TCP, UDP or SCTP.
  5 hostIP string | Address of the node to which hostPort is bound.
type EnvFromSource | A ConfigMap or Secret whose every key becomes a variable.
  1 prefix string | Put before each name.
  2 configMapRef ConfigMapEnvSource
  3 secretRef SecretEnvSource | Secret with the credentials.
type ConfigMapEnvSource
  1 localObjectReference LocalObjectReference inline | The object, in the same namespace.
  2 optional bool? | True: go on when the object or key does not exist.
type SecretEnvSource
  1 localObjectReference LocalObjectReference inline | The object, in the same namespace.
  2 optional bool? | True: go on when the object or key does not exist.
type EnvVar | One environment variable.
  1 name string required | Name, unique among its like.
  2 value string | The value; $(NAME) stands for another variable.
  3 valueFrom EnvVarSource | Where the value comes from instead.
type EnvVarSource | Where a value comes from; one of these.
  1 fieldRef ObjectFieldSelector | A field of the pod.
  2 resourceFieldRef ResourceFieldSelector | A request or limit of a container.
  3 configMapKeyRef ConfigMapKeySelector | A key of a ConfigMap.
  4 secretKeyRef SecretKeySelector | A key of a Secret.
type ConfigMapKeySelector atomic | A key of a ConfigMap.
  1 localObjectReference LocalObjectReference inline | The object, in the same namespace.
  2 key string required | Key the rule looks at.
  3 optional bool? | True: go on when the object or key does not exist.
type SecretKeySelector atomic | A key of a Secret.
  1 localObjectReference LocalObjectReference inline | The object, in the same namespace.
  2 key string required | Key the rule looks at.
  3 optional bool? | True: go on when the object or key does not exist.
type ResourceRequirements | Amounts a container asks for and may use.
  1 limits map[quantity] | The most it may use.
  2 requests map[quantity] | What is set aside for it.
  3 claims []ResourceClaim keys=name
type ResourceClaim
  1 name string required | Name, unique among its like.
  2 request string
type ContainerResizePolicy
  1 resourceName string required
  2 restartPolicy string required
type VolumeMount | A volume, and where it appears in the container.
  1 name string required | Which volume.
  2 readOnly bool | Forbids writing.
  7 recursiveReadOnly string | Disabled, IfPossible or Enabled: read-only for mounts below as well.
  3 mountPath string required | Directory in the container.
  4 subPath string | Only this part of the volume.
  5 mountPropagation string | Whether mounts made later are seen on the other side.
  6 subPathExpr string | As subPath, with $(VAR) replaced.
type VolumeDevice
  1 name string required | Name, unique among its like.
  2 devicePath string required | Path of the device.
type Probe | A check of a container, made again and again.
  1 handler ProbeHandler inline
  2 initialDelaySeconds int32 | Seconds to wait after the start.
  3 timeoutSeconds int32 | Seconds a check may take; 1 unless set.
  4 periodSeconds int32 | Seconds between checks; 10 unless set.
  5 successThreshold int32 | Successes in a row that count; 1 unless set.
  6 failureThreshold int32 | Failures in a row that count; 3 unless set.
  7 terminationGracePeriodSeconds int64? | Seconds between asking processes to end and killing them.
type ProbeHandler
  1 exec ExecAction | Runs a command in the container.
  2 httpGet HTTPGetAction | Sends an HTTP request.
  3 tcpSocket TCPSocketAction | Opens a TCP connection.
  4 grpc GRPCAction | Asks the gRPC health service.
type ExecAction | A command run in the container; exit code 0 is success.
  1 command []string atomic | Program and arguments; no shell is involved.
type HTTPGetAction | An HTTP request; any status from 200 to 399 is success.
  1 path string | Path to ask for.
  2 port intorstring required | Port number or name.
  3 host string | Host to ask; the pod's address unless set.
  4 scheme string | HTTP or HTTPS.
  5 httpHeaders []HTTPHeader atomic | Further headers.
type HTTPHeader
  1 name string required | Name, unique among its like.
  2 value string required | The value.
type TCPSocketAction | A TCP connection; success when it opens.
  1 port intorstring required | Port number or name.
  2 host string | Host name or address.
type GRPCAction | A question to the gRPC health service.
  1 port int32 required | Port number or name.
  2 service string? | Name of the service to ask about.
type Lifecycle | Actions around the life of a container.
  1 postStart LifecycleHandler | Run right after the start; when it fails, the container is killed.
  2 preStop LifecycleHandler | Run before the program is asked to end; its time counts against the grace period.
  3 stopSignal string | Signal that asks the program to end.
type LifecycleHandler
  1 exec ExecAction | Runs a command in the container.
  2 httpGet HTTPGetAction | Sends an HTTP request.
  3 tcpSocket TCPSocketAction | Opens a TCP connection.
  4 sleep SleepAction | Does nothing for a while.
type SleepAction
  1 seconds int64 required
type SecurityContext | Privileges of one container; they win over those of the pod.
  1 capabilities Capabilities | Linux capabilities to add and drop.
  2 privileged bool? | All the privileges of the node's root.
  3 seLinuxOptions SELinuxOptions | SELinux label.
  10 windowsOptions WindowsSecurityContextOptions | Settings for Windows nodes.
  4 runAsUser int64? | User id of the processes.
  8 runAsGroup int64? | Group id of the processes.
  5 runAsNonRoot bool? | True: refuse to run as user 0.
  6 readOnlyRootFilesystem bool? | Forbids writing to the image's file system.
  7 allowPrivilegeEscalation bool? | False: no_new_privs is set.
  9 procMount string
  11 seccompProfile SeccompProfile | Which system calls are allowed.
  12 appArmorProfile AppArmorProfile | AppArmor profile.
type Capabilities
  1 add []string atomic
  2 drop []string atomic
type SELinuxOptions
  1 user string | Name of the user.
  2 role string
  3 type string | Which kind of thing this is.
  4 level string
type WindowsSecurityContextOptions
  1 gmsaCredentialSpecName string
  2 gmsaCredentialSpec string
  3 runAsUserName string
  4 hostProcess bool?
type SeccompProfile
  1 type string required | Which kind of thing this is.
  2 localhostProfile string | Name of a profile on the node, for type Localhost.
type AppArmorProfile
  1 type string required | Which kind of thing this is.
  2 localhostProfile string | Name of a profile on the node, for type Localhost.
type EphemeralContainer | A container added to a running pod for debugging.
  1 ephemeralContainerCommon EphemeralContainerCommon inline
  2 targetContainerName string | Container whose processes it sees.
type EphemeralContainerCommon
  1 name string required | Name, unique in the pod.
  2 image string | Image to run.
  3 command []string atomic | Program and arguments; replaces the entry point of the image.
  4 args []string atomic | Arguments; they replace those of the image.
  5 workingDir string | Directory the program starts in.
  6 ports []ContainerPort keys=containerPort,protocol merge=containerPort | Ports the program listens on. A name given here can be used as targetPort.
  19 envFrom []EnvFromSource atomic | ConfigMaps and Secrets whose every key becomes a variable.
  7 env []EnvVar keys=name merge=name | Environment variables.
  8 resources ResourceRequirements embedded | CPU, memory and other amounts.
  23 resizePolicy []ContainerResizePolicy atomic | Whether a change of resources needs a restart.
  24 restartPolicy string | Always on an init container makes it stay beside the others.
  9 volumeMounts []VolumeMount keys=mountPath merge=mountPath | Volumes and where they appear.
  21 volumeDevices []VolumeDevice keys=devicePath merge=devicePath | Block devices and where they appear.
  10 livenessProbe Probe | When it fails, the container is restarted.
  11 readinessProbe Probe | While it fails, Services send nothing to the pod.
  22 startupProbe Probe | The other probes wait until it succeeds once.
  12 lifecycle Lifecycle | Actions after the start and before the end.
  13 terminationMessagePath string | File from which the last message of the container is read.
  20 terminationMessagePolicy string | File, or FallbackToLogsOnError to take the end of the log when the file is empty.
  14 imagePullPolicy string | Always, IfNotPresent or Never.
  15 securityContext SecurityContext | Users, groups and privileges.
  16 stdin bool | Keep standard input open.
  17 stdinOnce bool | Close standard input after the first client.
  18 tty bool | Give the program a terminal.
type PodSecurityContext | Privileges of all containers of a pod.
  1 seLinuxOptions SELinuxOptions | SELinux label.
  8 windowsOptions WindowsSecurityContextOptions | Settings for Windows nodes.
  2 runAsUser int64? | User id of the processes.
  6 runAsGroup int64? | Group id of the processes.
  3 runAsNonRoot bool? | True: refuse to run as user 0.
  4 supplementalGroups []int64 atomic | Further group ids.
  12 supplementalGroupsPolicy string | Merge or Strict: whether groups of the image's user count too.
  5 fsGroup int64? | Group that owns the volumes.
  7 sysctls []Sysctl atomic | Kernel settings of the pod's namespaces.
  9 fsGroupChangePolicy string
  10 seccompProfile SeccompProfile | Which system calls are allowed.
  11 appArmorProfile AppArmorProfile | AppArmor profile.
  13 seLinuxChangePolicy string
type Sysctl
  1 name string required | Name, unique among its like.
  2 value string required | The value.
type Affinity | Where a pod wants to be.
  1 nodeAffinity NodeAffinity | Which nodes.
  2 podAffinity PodAffinity | Near which pods.
  3 podAntiAffinity PodAntiAffinity | Far from which pods.
type NodeAffinity
  1 requiredDuringSchedulingIgnoredDuringExecution NodeSelector | Must hold when the pod is scheduled; later changes do not move it.
  2 preferredDuringSchedulingIgnoredDuringExecution []PreferredSchedulingTerm atomic | Nodes where these hold are preferred, by weight.
type NodeSelector atomic
  1 nodeSelectorTerms []NodeSelectorTerm required atomic | One of these must hold.
type NodeSelectorTerm atomic | Rules on a node; all must hold.
  1 matchExpressions []NodeSelectorRequirement atomic | Rules on labels; all must hold.
  2 matchFields []NodeSelectorRequirement atomic | Rules on fields of the node, such as metadata.name.
type NodeSelectorRequirement
  1 key string required | Key the rule looks at.
  2 operator string required | In, NotIn, Exists, DoesNotExist, Gt or Lt.
  3 values []string atomic | Values the operator compares with.
type PreferredSchedulingTerm
  1 weight int32 required | How much it counts, 1 to 100.
  2 preference NodeSelectorTerm embedded required
type PodAffinity
  1 requiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm atomic | Must hold when the pod is scheduled; later changes do not move it.
  2 preferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm atomic | Nodes where these hold are preferred, by weight.
type PodAffinityTerm
  1 labelSelector meta.LabelSelector | Selects by labels.
  2 namespaces []string atomic
  3 topologyKey string required | Node label whose value tells the places apart.
  4 namespaceSelector meta.LabelSelector | Selects namespaces by labels; an empty one selects all.
  5 matchLabelKeys []string atomic | Label keys whose value is taken from the pod itself.
  6 mismatchLabelKeys []string atomic
type WeightedPodAffinityTerm
  1 weight int32 required | How much it counts, 1 to 100.
  2 podAffinityTerm PodAffinityTerm embedded required
type PodAntiAffinity
  1 requiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm atomic | Must hold when the pod is scheduled; later changes do not move it.
  2 preferredDuringSchedulingIgnoredDuringExecution []WeightedPodAffinityTerm atomic | Nodes where these hold are preferred, by weight.
type Toleration | Taints that do not keep the pod away.
  1 key string | Key of the taint; empty matches all keys.
  2 operator string | Exists or Equal.
  3 value string | The value.
  4 effect string | NoSchedule, PreferNoSchedule or NoExecute; empty in a toleration matches all.
  5 tolerationSeconds int64? | With NoExecute: seconds the pod may stay; absent means for ever.
type HostAlias | One line of /etc/hosts.
  1 ip string required | IP address.
  2 hostnames []string atomic | Names of the address.
type PodDNSConfig | Where the pod looks names up.
  1 nameservers []string atomic | Addresses of name servers, at most three.
  2 searches []string atomic | Domains that are tried after a short name.
  3 options []PodDNSConfigOption atomic | Options of resolv.conf, such as ndots.
type PodDNSConfigOption
  1 name string | Name, unique among its like.
  2 value string | The value.
type PodReadinessGate
  1 conditionType string required
type TopologySpreadConstraint | Spreads pods over places.
  1 maxSkew int32 required | By how many pods places may differ.
  2 topologyKey string required | Node label whose value tells the places apart.
  3 whenUnsatisfiable string required | DoNotSchedule or ScheduleAnyway.
  4 labelSelector meta.LabelSelector | Selects by labels.
  5 minDomains int32?
  6 nodeAffinityPolicy string
  7 nodeTaintsPolicy string
  8 matchLabelKeys []string atomic | Label keys whose value is taken from the pod itself.
type PodOS
  1 name string required | Name, unique among its like.
type PodSchedulingGate
  1 name string required | Name, unique among its like.
type PodResourceClaim
  1 name string required | Name, unique among its like.
  3 resourceClaimName string | Name of the ResourceClaim.
  4 resourceClaimTemplateName string
type PodStatus | What the node reports about a pod.
  17 observedGeneration int64 | metadata.generation that this status is about.
  1 phase string | Pending, Running, Succeeded, Failed or Unknown.
  2 conditions []PodCondition keys=type merge=type | Facts about the state, one a type.
  3 message string | Why, for people.
  4 reason string | Why, as one CamelCase word for programs.
  11 nominatedNodeName string | Node where room is being made.
  5 hostIP string | Address of the node.
  16 hostIPs []HostIP atomic merge=ip | Addresses of the node, one a family.
  6 podIP string | Address of the pod.
  12 podIPs []PodIP keys=ip merge=ip | Addresses of the pod, one a family.
  7 startTime time | When the node took the pod.
  10 initContainerStatuses []ContainerStatus atomic | One entry an init container.
  8 containerStatuses []ContainerStatus atomic | One entry a container.
  9 qosClass string | Guaranteed, Burstable or BestEffort.
  13 ephemeralContainerStatuses []ContainerStatus atomic | One entry an ephemeral container.
  14 resize string
  15 resourceClaimStatuses []PodResourceClaimStatus keys=name merge=name retainKeys
type PodCondition | One fact about a pod, such as Ready.
  1 type string required | PodScheduled, Initialized, ContainersReady, Ready, …
  7 observedGeneration int64 | metadata.generation that this status is about.
  2 status string required | True, False or Unknown.
  3 lastProbeTime time | When it was last looked at.
  4 lastTransitionTime time | When the status last changed from one value to another.
  5 reason string | Why, as one CamelCase word for programs.
  6 message string | Why, for people.
type HostIP
  1 ip string required | IP address.
type PodIP
  1 ip string required | IP address.
type ContainerStatus | What the node reports about one container.
  1 name string required | Name, unique among its like.
  2 state ContainerState embedded | What it is doing now.
  3 lastState ContainerState embedded | How it ended the last time.
  4 ready bool required | True when it can serve.
  5 restartCount int32 required | How often it was restarted.
  6 image string required | Image to run.
  7 imageID string required | Exact image.
  8 containerID string | Id of the container at the runtime.
  9 started bool? | True when it runs and its startup probe has succeeded.
  10 allocatedResources map[quantity] | Amounts set aside for it.
  11 resources ResourceRequirements | CPU, memory and other amounts.
  12 volumeMounts []VolumeMountStatus keys=mountPath merge=mountPath | Volumes and where they appear.
  13 user ContainerUser | Name of the user.
  14 allocatedResourcesStatus []ResourceStatus keys=name merge=name
  15 stopSignal string | Signal that asks the program to end.
type ContainerState | Waiting, running or terminated: one of these.
  1 waiting ContainerStateWaiting | Not running yet, and why.
  2 running ContainerStateRunning | Running, and since when.
  3 terminated ContainerStateTerminated | Ended, and how.
type ContainerStateWaiting
  1 reason string | Such as ContainerCreating, CrashLoopBackOff or ErrImagePull.
  2 message string | Why, for people.
type ContainerStateRunning
  1 startedAt time | When it started.
type ContainerStateTerminated
  1 exitCode int32 required | Exit code of the program.
  2 signal int32 | Signal that ended it.
  3 reason string | Why, as one CamelCase word for programs.
  4 message string | Why, for people.
  5 startedAt time | When it started.
  6 finishedAt time | When it ended.
  7 containerID string | Id of the container at the runtime.
type VolumeMountStatus
  1 name string required | Name, unique among its like.
  2 mountPath string required | Directory in the container.
  3 readOnly bool | Forbids writing.
  4 recursiveReadOnly string | Disabled, IfPossible or Enabled: read-only for mounts below as well.
type ContainerUser
  1 linux LinuxContainerUser
type LinuxContainerUser
  1 uid int64 required | Unique id of the object meant; a new object of the same name has another.
  2 gid int64 required
  3 supplementalGroups []int64 atomic | Further group ids.
type ResourceStatus
  1 name string required | Name, unique among its like.
  2 resources []ResourceHealth keys=resourceID | CPU, memory and other amounts.
type ResourceHealth
  1 resourceID string required
  2 health string
type PodResourceClaimStatus
  1 name string required | Name, unique among its like.
  2 resourceClaimName string | Name of the ResourceClaim.
type PodTemplateSpec | Metadata and spec of the pods to make.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec PodSpec embedded | What is wanted.
`;
