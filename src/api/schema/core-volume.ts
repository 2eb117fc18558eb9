// Types of core/v1: volumes and claims. The notation is explained in schema.ts.
export const coreVolumeTypes = `
type Volume | A directory that containers can mount, by one of these sources.
  1 name string required | Name that mounts use, unique in the pod.
  2 volumeSource VolumeSource inline
type VolumeSource
  1 hostPath HostPathVolumeSource | A file or directory of the node.
  2 emptyDir EmptyDirVolumeSource | An empty directory that lives as long as the pod.
  3 gcePersistentDisk GCEPersistentDiskVolumeSource
  4 awsElasticBlockStore AWSElasticBlockStoreVolumeSource
  5 gitRepo GitRepoVolumeSource
  6 secret SecretVolumeSource | Keys of a Secret as files.
  7 nfs NFSVolumeSource
  8 iscsi ISCSIVolumeSource
  9 glusterfs GlusterfsVolumeSource
  10 persistentVolumeClaim PersistentVolumeClaimVolumeSource | Storage that a claim stands for.
  11 rbd RBDVolumeSource
  12 flexVolume FlexVolumeSource
  13 cinder CinderVolumeSource
  14 cephfs CephFSVolumeSource
  15 flocker FlockerVolumeSource
  16 downwardAPI DownwardAPIVolumeSource | Fields of the pod as files.
  17 fc FCVolumeSource
  18 azureFile AzureFileVolumeSource
  19 configMap ConfigMapVolumeSource | Keys of a ConfigMap as files.
  20 vsphereVolume VsphereVirtualDiskVolumeSource
  21 quobyte QuobyteVolumeSource
  22 azureDisk AzureDiskVolumeSource
  23 photonPersistentDisk PhotonPersistentDiskVolumeSource
  26 projected ProjectedVolumeSource | Several sources in one directory.
  24 portworxVolume PortworxVolumeSource
  25 scaleIO ScaleIOVolumeSource
  27 storageos StorageOSVolumeSource
  28 csi CSIVolumeSource
  29 ephemeral EphemeralVolumeSource
  30 image ImageVolumeSource | An image, mounted read-only.
type HostPathVolumeSource | A file or directory of the node.
  1 path string required | Path of the file or directory.
  2 type string? | What must be there: Directory, File, Socket, DirectoryOrCreate, …
type EmptyDirVolumeSource | An empty directory that lives as long as the pod.
  1 medium string | Memory keeps it in RAM.
  2 sizeLimit quantity | How much may be in it.
type GCEPersistentDiskVolumeSource
  1 pdName string required
  2 fsType string | File system on the device, such as ext4.
  3 partition int32 | Partition of the device; 0 for the whole.
  4 readOnly bool | Forbids writing.
type AWSElasticBlockStoreVolumeSource
  1 volumeID string required | Id of the volume at its provider.
  2 fsType string | File system on the device, such as ext4.
  3 partition int32 | Partition of the device; 0 for the whole.
  4 readOnly bool | Forbids writing.
type GitRepoVolumeSource
  1 repository string required
  2 revision string | Number or hash of the state.
  3 directory string
type SecretVolumeSource | Keys of a Secret as files.
  1 secretName string | Which Secret, in the same namespace.
  2 items []KeyToPath atomic | Only these keys, each at its path; absent means all keys.
  3 defaultMode int32? | File permissions of the files, as a number; 0644 unless set.
  4 optional bool? | True: go on when the object or key does not exist.
type KeyToPath | A key, and the path of its file.
  1 key string required | Key the rule looks at.
  2 path string required | Path of the file in the volume; relative.
  3 mode int32? | File permissions, as a number.
type NFSVolumeSource
  1 server string required
  2 path string required | Path of the file or directory.
  3 readOnly bool | Forbids writing.
type ISCSIVolumeSource
  1 targetPortal string required
  2 iqn string required
  3 lun int32 required | Logical unit number.
  4 iscsiInterface string default=default
  5 fsType string | File system on the device, such as ext4.
  6 readOnly bool | Forbids writing.
  7 portals []string atomic
  8 chapAuthDiscovery bool
  11 chapAuthSession bool
  10 secretRef LocalObjectReference | Secret with the credentials.
  12 initiatorName string
type GlusterfsVolumeSource
  1 endpoints string required
  2 path string required | Path of the file or directory.
  3 readOnly bool | Forbids writing.
type PersistentVolumeClaimVolumeSource
  1 claimName string required
  2 readOnly bool | Forbids writing.
type RBDVolumeSource
  1 monitors []string required atomic | Addresses of the monitors.
  2 image string required | Name of the block device.
  3 fsType string | File system on the device, such as ext4.
  4 pool string default=rbd
  5 user string default=admin | Name of the user.
  6 keyring string default=/etc/ceph/keyring
  7 secretRef LocalObjectReference | Secret with the credentials.
  8 readOnly bool | Forbids writing.
type FlexVolumeSource
  1 driver string required | Name of the driver.
  2 fsType string | File system on the device, such as ext4.
  3 secretRef LocalObjectReference | Secret with the credentials.
  4 readOnly bool | Forbids writing.
  5 options map[string] | Further options.
type CinderVolumeSource
  1 volumeID string required | Id of the volume at its provider.
  2 fsType string | File system on the device, such as ext4.
  3 readOnly bool | Forbids writing.
  4 secretRef LocalObjectReference | Secret with the credentials.
type CephFSVolumeSource
  1 monitors []string required atomic | Addresses of the monitors.
  2 path string | Path of the file or directory.
  3 user string | Name of the user.
  4 secretFile string
  5 secretRef LocalObjectReference | Secret with the credentials.
  6 readOnly bool | Forbids writing.
type FlockerVolumeSource
  1 datasetName string
  2 datasetUUID string
type DownwardAPIVolumeSource
  1 items []DownwardAPIVolumeFile atomic | Only these keys, each at its path; absent means all keys.
  2 defaultMode int32? | File permissions of the files, as a number; 0644 unless set.
type DownwardAPIVolumeFile
  1 path string required | Path of the file or directory.
  2 fieldRef ObjectFieldSelector | A field of the pod.
  3 resourceFieldRef ResourceFieldSelector | A request or limit of a container.
  4 mode int32? | File permissions, as a number.
type FCVolumeSource
  1 targetWWNs []string atomic
  2 lun int32? | Logical unit number.
  3 fsType string | File system on the device, such as ext4.
  4 readOnly bool | Forbids writing.
  5 wwids []string atomic
type AzureFileVolumeSource
  1 secretName string required | Name of the Secret.
  2 shareName string required
  3 readOnly bool | Forbids writing.
type ConfigMapVolumeSource | Keys of a ConfigMap as files.
  1 localObjectReference LocalObjectReference inline | The object, in the same namespace.
  2 items []KeyToPath atomic | Only these keys, each at its path; absent means all keys.
  3 defaultMode int32? | File permissions of the files, as a number; 0644 unless set.
  4 optional bool? | True: go on when the object or key does not exist.
type VsphereVirtualDiskVolumeSource
  1 volumePath string required
  2 fsType string | File system on the device, such as ext4.
  3 storagePolicyName string
  4 storagePolicyID string
type QuobyteVolumeSource
  1 registry string required
  2 volume string required
  3 readOnly bool | Forbids writing.
  4 user string | Name of the user.
  5 group string | API group.
  6 tenant string
type AzureDiskVolumeSource
  1 diskName string required
  2 diskURI string required
  3 cachingMode string default=ReadWrite
  4 fsType string default=ext4 | File system on the device, such as ext4.
  5 readOnly bool? | Forbids writing.
  6 kind string default=Shared | Kind of the object meant.
type PhotonPersistentDiskVolumeSource
  1 pdID string required
  2 fsType string | File system on the device, such as ext4.
type ProjectedVolumeSource | Several sources in one directory.
  1 sources []VolumeProjection atomic | What is put into it.
  2 defaultMode int32? | File permissions of the files, as a number; 0644 unless set.
type VolumeProjection
  1 secret SecretProjection | A Secret in the same namespace.
  2 downwardAPI DownwardAPIProjection | Fields of the pod as files.
  3 configMap ConfigMapProjection | A ConfigMap in the same namespace.
  4 serviceAccountToken ServiceAccountTokenProjection | An API token that is renewed before it expires.
  5 clusterTrustBundle ClusterTrustBundleProjection
type SecretProjection
  1 localObjectReference LocalObjectReference inline | The object, in the same namespace.
  2 items []KeyToPath atomic | Only these keys, each at its path; absent means all keys.
  4 optional bool? | True: go on when the object or key does not exist.
type DownwardAPIProjection
  1 items []DownwardAPIVolumeFile atomic | Only these keys, each at its path; absent means all keys.
type ConfigMapProjection
  1 localObjectReference LocalObjectReference inline | The object, in the same namespace.
  2 items []KeyToPath atomic | Only these keys, each at its path; absent means all keys.
  4 optional bool? | True: go on when the object or key does not exist.
type ServiceAccountTokenProjection
  1 audience string | Who the token is meant for; the API server unless set.
  2 expirationSeconds int64? | Life of the token in seconds.
  3 path string required | Path of the file or directory.
type ClusterTrustBundleProjection
  1 name string | Name, unique among its like.
  2 signerName string
  3 labelSelector meta.LabelSelector | Selects by labels.
  5 optional bool? | True: go on when the object or key does not exist.
  4 path string required | Path of the file or directory.
type PortworxVolumeSource
  1 volumeID string required | Id of the volume at its provider.
  2 fsType string | File system on the device, such as ext4.
  3 readOnly bool | Forbids writing.
type ScaleIOVolumeSource
  1 gateway string required
  2 system string required
  3 secretRef LocalObjectReference required | Secret with the credentials.
  4 sslEnabled bool
  5 protectionDomain string
  6 storagePool string
  7 storageMode string default=ThinProvisioned
  8 volumeName string | Name of the volume.
  9 fsType string default=xfs | File system on the device, such as ext4.
  10 readOnly bool | Forbids writing.
type StorageOSVolumeSource
  1 volumeName string | Name of the volume.
  2 volumeNamespace string
  3 fsType string | File system on the device, such as ext4.
  4 readOnly bool | Forbids writing.
  5 secretRef LocalObjectReference | Secret with the credentials.
type CSIVolumeSource
  1 driver string required | Name of the driver.
  2 readOnly bool? | Forbids writing.
  3 fsType string | File system on the device, such as ext4.
  4 volumeAttributes map[string]
  5 nodePublishSecretRef LocalObjectReference
type EphemeralVolumeSource
  1 volumeClaimTemplate PersistentVolumeClaimTemplate
type PersistentVolumeClaimTemplate
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec PersistentVolumeClaimSpec embedded required | What is wanted.
type PersistentVolumeClaimSpec
  1 accessModes []string atomic | ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod.
  4 selector meta.LabelSelector
  2 resources VolumeResourceRequirements embedded | CPU, memory and other amounts.
  3 volumeName string | Name of the volume.
  5 storageClassName string? | Which kind of storage.
  6 volumeMode string | Filesystem or Block.
  7 dataSource TypedLocalObjectReference
  8 dataSourceRef TypedObjectReference
  9 volumeAttributesClassName string?
type VolumeResourceRequirements
  1 limits map[quantity] | The most it may use.
  2 requests map[quantity] | What is set aside for it.
type TypedLocalObjectReference atomic
  1 apiGroup string | API group of the object meant; empty for core.
  2 kind string required | Kind of the object meant.
  3 name string required | Name, unique among its like.
type TypedObjectReference
  1 apiGroup string | API group of the object meant; empty for core.
  2 kind string required | Kind of the object meant.
  3 name string required | Name, unique among its like.
  4 namespace string | Namespace of the object meant.
type ImageVolumeSource
  1 reference string
  2 pullPolicy string
kind PersistentVolumeClaim | Asks for storage.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec PersistentVolumeClaimSpec embedded | What is wanted.
  3 status PersistentVolumeClaimStatus embedded | What is observed, written by controllers.
type PersistentVolumeClaimStatus
  1 phase string | Where in its life it is, in one word.
  2 accessModes []string atomic | ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod.
  3 capacity map[quantity] | Total amounts.
  4 conditions []PersistentVolumeClaimCondition keys=type merge=type | Facts about the state, one a type.
  5 allocatedResources map[quantity] | Amounts set aside for it.
  7 allocatedResourceStatuses map[string]
  8 currentVolumeAttributesClassName string
  9 modifyVolumeStatus ModifyVolumeStatus
type PersistentVolumeClaimCondition
  1 type string required | Which kind of thing this is.
  2 status string required | True, False or Unknown.
  3 lastProbeTime time | When it was last looked at.
  4 lastTransitionTime time | When the status last changed from one value to another.
  5 reason string | Why, as one CamelCase word for programs.
  6 message string | Why, for people.
type ModifyVolumeStatus
  1 targetVolumeAttributesClassName string
  2 status string required | What is observed, written by controllers.
`;
