// Types of core/v1: volumes and claims. The notation is explained in schema.ts.
export const coreVolumeTypes = `
type Volume
  1 name string required
  2 volumeSource VolumeSource inline
type VolumeSource
  1 hostPath HostPathVolumeSource
  2 emptyDir EmptyDirVolumeSource
  3 gcePersistentDisk GCEPersistentDiskVolumeSource
  4 awsElasticBlockStore AWSElasticBlockStoreVolumeSource
  5 gitRepo GitRepoVolumeSource
  6 secret SecretVolumeSource
  7 nfs NFSVolumeSource
  8 iscsi ISCSIVolumeSource
  9 glusterfs GlusterfsVolumeSource
  10 persistentVolumeClaim PersistentVolumeClaimVolumeSource
  11 rbd RBDVolumeSource
  12 flexVolume FlexVolumeSource
  13 cinder CinderVolumeSource
  14 cephfs CephFSVolumeSource
  15 flocker FlockerVolumeSource
  16 downwardAPI DownwardAPIVolumeSource
  17 fc FCVolumeSource
  18 azureFile AzureFileVolumeSource
  19 configMap ConfigMapVolumeSource
  20 vsphereVolume VsphereVirtualDiskVolumeSource
  21 quobyte QuobyteVolumeSource
  22 azureDisk AzureDiskVolumeSource
  23 photonPersistentDisk PhotonPersistentDiskVolumeSource
  26 projected ProjectedVolumeSource
  24 portworxVolume PortworxVolumeSource
  25 scaleIO ScaleIOVolumeSource
  27 storageos StorageOSVolumeSource
  28 csi CSIVolumeSource
  29 ephemeral EphemeralVolumeSource
  30 image ImageVolumeSource
type HostPathVolumeSource
  1 path string required
  2 type string?
type EmptyDirVolumeSource
  1 medium string
  2 sizeLimit quantity
type GCEPersistentDiskVolumeSource
  1 pdName string required
  2 fsType string
  3 partition int32
  4 readOnly bool
type AWSElasticBlockStoreVolumeSource
  1 volumeID string required
  2 fsType string
  3 partition int32
  4 readOnly bool
type GitRepoVolumeSource
  1 repository string required
  2 revision string
  3 directory string
type SecretVolumeSource
  1 secretName string
  2 items []KeyToPath atomic
  3 defaultMode int32?
  4 optional bool?
type KeyToPath
  1 key string required
  2 path string required
  3 mode int32?
type NFSVolumeSource
  1 server string required
  2 path string required
  3 readOnly bool
type ISCSIVolumeSource
  1 targetPortal string required
  2 iqn string required
  3 lun int32 required
  4 iscsiInterface string default=default
  5 fsType string
  6 readOnly bool
  7 portals []string atomic
  8 chapAuthDiscovery bool
  11 chapAuthSession bool
  10 secretRef LocalObjectReference
  12 initiatorName string
type GlusterfsVolumeSource
  1 endpoints string required
  2 path string required
  3 readOnly bool
type PersistentVolumeClaimVolumeSource
  1 claimName string required
  2 readOnly bool
type RBDVolumeSource
  1 monitors []string required atomic
  2 image string required
  3 fsType string
  4 pool string default=rbd
  5 user string default=admin
  6 keyring string default=/etc/ceph/keyring
  7 secretRef LocalObjectReference
  8 readOnly bool
type FlexVolumeSource
  1 driver string required
  2 fsType string
  3 secretRef LocalObjectReference
  4 readOnly bool
  5 options map[string]
type CinderVolumeSource
  1 volumeID string required
  2 fsType string
  3 readOnly bool
  4 secretRef LocalObjectReference
type CephFSVolumeSource
  1 monitors []string required atomic
  2 path string
  3 user string
  4 secretFile string
  5 secretRef LocalObjectReference
  6 readOnly bool
type FlockerVolumeSource
  1 datasetName string
  2 datasetUUID string
type DownwardAPIVolumeSource
  1 items []DownwardAPIVolumeFile atomic
  2 defaultMode int32?
type DownwardAPIVolumeFile
  1 path string required
  2 fieldRef ObjectFieldSelector
  3 resourceFieldRef ResourceFieldSelector
  4 mode int32?
type FCVolumeSource
  1 targetWWNs []string atomic
  2 lun int32?
  3 fsType string
  4 readOnly bool
  5 wwids []string atomic
type AzureFileVolumeSource
  1 secretName string required
  2 shareName string required
  3 readOnly bool
type ConfigMapVolumeSource
  1 localObjectReference LocalObjectReference inline
  2 items []KeyToPath atomic
  3 defaultMode int32?
  4 optional bool?
type VsphereVirtualDiskVolumeSource
  1 volumePath string required
  2 fsType string
  3 storagePolicyName string
  4 storagePolicyID string
type QuobyteVolumeSource
  1 registry string required
  2 volume string required
  3 readOnly bool
  4 user string
  5 group string
  6 tenant string
type AzureDiskVolumeSource
  1 diskName string required
  2 diskURI string required
  3 cachingMode string default=ReadWrite
  4 fsType string default=ext4
  5 readOnly bool?
  6 kind string default=Shared
type PhotonPersistentDiskVolumeSource
  1 pdID string required
  2 fsType string
type ProjectedVolumeSource
  1 sources []VolumeProjection atomic
  2 defaultMode int32?
type VolumeProjection
  1 secret SecretProjection
  2 downwardAPI DownwardAPIProjection
  3 configMap ConfigMapProjection
  4 serviceAccountToken ServiceAccountTokenProjection
  5 clusterTrustBundle ClusterTrustBundleProjection
type SecretProjection
  1 localObjectReference LocalObjectReference inline
  2 items []KeyToPath atomic
  4 optional bool?
type DownwardAPIProjection
  1 items []DownwardAPIVolumeFile atomic
type ConfigMapProjection
  1 localObjectReference LocalObjectReference inline
  2 items []KeyToPath atomic
  4 optional bool?
type ServiceAccountTokenProjection
  1 audience string
  2 expirationSeconds int64?
  3 path string required
type ClusterTrustBundleProjection
  1 name string
  2 signerName string
  3 labelSelector meta.LabelSelector
  5 optional bool?
  4 path string required
type PortworxVolumeSource
  1 volumeID string required
  2 fsType string
  3 readOnly bool
type ScaleIOVolumeSource
  1 gateway string required
  2 system string required
  3 secretRef LocalObjectReference required
  4 sslEnabled bool
  5 protectionDomain string
  6 storagePool string
  7 storageMode string default=ThinProvisioned
  8 volumeName string
  9 fsType string default=xfs
  10 readOnly bool
type StorageOSVolumeSource
  1 volumeName string
  2 volumeNamespace string
  3 fsType string
  4 readOnly bool
  5 secretRef LocalObjectReference
type CSIVolumeSource
  1 driver string required
  2 readOnly bool?
  3 fsType string
  4 volumeAttributes map[string]
  5 nodePublishSecretRef LocalObjectReference
type EphemeralVolumeSource
  1 volumeClaimTemplate PersistentVolumeClaimTemplate
type PersistentVolumeClaimTemplate
  1 metadata meta.ObjectMeta embedded
  2 spec PersistentVolumeClaimSpec embedded required
type PersistentVolumeClaimSpec
  1 accessModes []string atomic
  4 selector meta.LabelSelector
  2 resources VolumeResourceRequirements embedded
  3 volumeName string
  5 storageClassName string?
  6 volumeMode string
  7 dataSource TypedLocalObjectReference
  8 dataSourceRef TypedObjectReference
  9 volumeAttributesClassName string?
type VolumeResourceRequirements
  1 limits map[quantity]
  2 requests map[quantity]
type TypedLocalObjectReference atomic
  1 apiGroup string
  2 kind string required
  3 name string required
type TypedObjectReference
  1 apiGroup string
  2 kind string required
  3 name string required
  4 namespace string
type ImageVolumeSource
  1 reference string
  2 pullPolicy string
kind PersistentVolumeClaim
  1 metadata meta.ObjectMeta embedded
  2 spec PersistentVolumeClaimSpec embedded
  3 status PersistentVolumeClaimStatus embedded
type PersistentVolumeClaimStatus
  1 phase string
  2 accessModes []string atomic
  3 capacity map[quantity]
  4 conditions []PersistentVolumeClaimCondition keys=type merge=type
  5 allocatedResources map[quantity]
  7 allocatedResourceStatuses map[string]
  8 currentVolumeAttributesClassName string
  9 modifyVolumeStatus ModifyVolumeStatus
type PersistentVolumeClaimCondition
  1 type string required
  2 status string required
  3 lastProbeTime time
  4 lastTransitionTime time
  5 reason string
  6 message string
type ModifyVolumeStatus
  1 targetVolumeAttributesClassName string
  2 status string required
`;
