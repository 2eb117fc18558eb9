// Types of core/v1: nodes. The notation is explained in schema.ts.
export const coreNodeTypes = `
kind Node | A machine that runs pods.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec NodeSpec embedded | What is wanted.
  3 status NodeStatus embedded | What is observed, written by controllers.
type NodeSpec | What the cluster has decided about a node.
  1 podCIDR string | Range its pods get addresses from.
  7 podCIDRs []string set merge | Ranges its pods get addresses from, one a family.
  3 providerID string | Id of the machine at its provider.
  4 unschedulable bool | True: no new pods. kubectl cordon sets it.
  5 taints []Taint atomic | Keeps pods away that do not tolerate them.
  6 configSource NodeConfigSource | No longer used.
  2 externalID string | No longer used.
type Taint | Keeps pods away from a node unless they tolerate it.
  1 key string required | Key the rule looks at.
  2 value string | The value.
  3 effect string required | NoSchedule, PreferNoSchedule or NoExecute; empty in a toleration matches all.
  4 timeAdded time | When the taint was put on.
type NodeConfigSource | No longer used.
  2 configMap ConfigMapNodeConfigSource | A ConfigMap in the same namespace.
type ConfigMapNodeConfigSource | No longer used.
  1 namespace string required | Namespace of the object meant.
  2 name string required | Name, unique among its like.
  3 uid string | Unique id of the object meant; a new object of the same name has another.
  4 resourceVersion string | Version of the object meant.
  5 kubeletConfigKey string required
type NodeStatus | What a node reports about itself.
  1 capacity map[quantity] | Total amounts.
  2 allocatable map[quantity] | Amounts that pods may have.
  3 phase string | Where in its life it is, in one word.
  4 conditions []NodeCondition keys=type merge=type | Facts about the state, one a type.
  5 addresses []NodeAddress keys=type merge=type | Addresses of the machine: InternalIP, ExternalIP, Hostname.
  6 daemonEndpoints NodeDaemonEndpoints embedded | Where the node agent listens.
  7 nodeInfo NodeSystemInfo embedded | Versions and ids of the machine.
  8 images []ContainerImage atomic | Images that are there.
  9 volumesInUse []string atomic
  10 volumesAttached []AttachedVolume atomic
  11 config NodeConfigStatus
  12 runtimeHandlers []NodeRuntimeHandler atomic
  13 features NodeFeatures | What it can do.
type NodeCondition | One fact about a node, such as Ready.
  1 type string required | Which kind of thing this is.
  2 status string required | True, False or Unknown.
  3 lastHeartbeatTime time | When the node last reported it.
  4 lastTransitionTime time | When the status last changed from one value to another.
  5 reason string | Why, as one CamelCase word for programs.
  6 message string | Why, for people.
type NodeAddress | One address of a node.
  1 type string required | InternalIP, ExternalIP, Hostname, InternalDNS or ExternalDNS.
  2 address string required | The address.
type NodeDaemonEndpoints | Where the node agent listens.
  1 kubeletEndpoint DaemonEndpoint embedded | Port of the node agent.
type DaemonEndpoint | A port.
  1 Port int32 required | Port number.
type NodeSystemInfo | Versions and ids of a machine.
  1 machineID string required
  2 systemUUID string required
  3 bootID string required
  4 kernelVersion string required | Kernel release.
  5 osImage string required | Name of the operating system.
  6 containerRuntimeVersion string required
  7 kubeletVersion string required | Version of the node agent.
  8 kubeProxyVersion string required
  9 operatingSystem string required
  10 architecture string required
  11 swap NodeSwapStatus
type NodeSwapStatus
  1 capacity int64? | Total amounts.
type ContainerImage | An image that is on a node.
  1 names []string atomic
  2 sizeBytes int64
type AttachedVolume
  1 name string required | Name, unique among its like.
  2 devicePath string required | Path of the device.
type NodeConfigStatus
  1 assigned NodeConfigSource
  2 active NodeConfigSource
  3 lastKnownGood NodeConfigSource
  4 error string | What went wrong.
type NodeRuntimeHandler
  1 name string | Name, unique among its like.
  2 features NodeRuntimeHandlerFeatures | What it can do.
type NodeRuntimeHandlerFeatures
  1 recursiveReadOnlyMounts bool?
  2 userNamespaces bool?
type NodeFeatures
  1 supplementalGroupsPolicy bool? | Merge or Strict: whether groups of the image's user count too.
`;
