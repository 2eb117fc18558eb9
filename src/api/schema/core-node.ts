// Types of core/v1: nodes. The notation is explained in schema.ts.
export const coreNodeTypes = `
kind Node
  1 metadata meta.ObjectMeta embedded
  2 spec NodeSpec embedded
  3 status NodeStatus embedded
type NodeSpec
  1 podCIDR string
  7 podCIDRs []string set merge
  3 providerID string
  4 unschedulable bool
  5 taints []Taint atomic
  6 configSource NodeConfigSource
  2 externalID string
type Taint
  1 key string required
  2 value string
  3 effect string required
  4 timeAdded time
type NodeConfigSource
  2 configMap ConfigMapNodeConfigSource
type ConfigMapNodeConfigSource
  1 namespace string required
  2 name string required
  3 uid string
  4 resourceVersion string
  5 kubeletConfigKey string required
type NodeStatus
  1 capacity map[quantity]
  2 allocatable map[quantity]
  3 phase string
  4 conditions []NodeCondition keys=type merge=type
  5 addresses []NodeAddress keys=type merge=type
  6 daemonEndpoints NodeDaemonEndpoints embedded
  7 nodeInfo NodeSystemInfo embedded
  8 images []ContainerImage atomic
  9 volumesInUse []string atomic
  10 volumesAttached []AttachedVolume atomic
  11 config NodeConfigStatus
  12 runtimeHandlers []NodeRuntimeHandler atomic
  13 features NodeFeatures
type NodeCondition
  1 type string required
  2 status string required
  3 lastHeartbeatTime time
  4 lastTransitionTime time
  5 reason string
  6 message string
type NodeAddress
  1 type string required
  2 address string required
type NodeDaemonEndpoints
  1 kubeletEndpoint DaemonEndpoint embedded
type DaemonEndpoint
  1 Port int32 required
type NodeSystemInfo
  1 machineID string required
  2 systemUUID string required
  3 bootID string required
  4 kernelVersion string required
  5 osImage string required
  6 containerRuntimeVersion string required
  7 kubeletVersion string required
  8 kubeProxyVersion string required
  9 operatingSystem string required
  10 architecture string required
  11 swap NodeSwapStatus
type NodeSwapStatus
  1 capacity int64?
type ContainerImage
  1 names []string atomic
  2 sizeBytes int64
type AttachedVolume
  1 name string required
  2 devicePath string required
type NodeConfigStatus
  1 assigned NodeConfigSource
  2 active NodeConfigSource
  3 lastKnownGood NodeConfigSource
  4 error string
type NodeRuntimeHandler
  1 name string
  2 features NodeRuntimeHandlerFeatures
type NodeRuntimeHandlerFeatures
  1 recursiveReadOnlyMounts bool?
  2 userNamespaces bool?
type NodeFeatures
  1 supplementalGroupsPolicy bool?
`;
