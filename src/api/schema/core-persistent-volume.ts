// Types of core/v1: persistent volumes. The notation is explained in schema.ts.
export const corePersistentVolumeTypes = `
kind PersistentVolume | A piece of storage that a claim can be bound to.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec PersistentVolumeSpec embedded | What is wanted.
  3 status PersistentVolumeStatus embedded | What is observed, written by controllers.
type PersistentVolumeSpec
  1 capacity map[quantity] | Total amounts.
  2 persistentVolumeSource PersistentVolumeSource inline
  3 accessModes []string atomic | ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod.
  4 claimRef ObjectReference atomic | The claim that it is bound to.
  5 persistentVolumeReclaimPolicy string | What becomes of it when its claim goes: Retain, Delete or Recycle.
  6 storageClassName string | Class it belongs to.
  7 mountOptions []string atomic | Options of mount(8).
  8 volumeMode string? | Filesystem or Block.
  9 nodeAffinity VolumeNodeAffinity | Nodes from which it can be reached.
  10 volumeAttributesClassName string?
type PersistentVolumeSource
  1 gcePersistentDisk GCEPersistentDiskVolumeSource
  2 awsElasticBlockStore AWSElasticBlockStoreVolumeSource
  3 hostPath HostPathVolumeSource | A file or directory of the node.
  4 glusterfs GlusterfsPersistentVolumeSource
  5 nfs NFSVolumeSource
  6 rbd RBDPersistentVolumeSource
  7 iscsi ISCSIPersistentVolumeSource
  8 cinder CinderPersistentVolumeSource
  9 cephfs CephFSPersistentVolumeSource
  10 fc FCVolumeSource
  11 flocker FlockerVolumeSource
  12 flexVolume FlexPersistentVolumeSource
  13 azureFile AzureFilePersistentVolumeSource
  14 vsphereVolume VsphereVirtualDiskVolumeSource
  15 quobyte QuobyteVolumeSource
  16 azureDisk AzureDiskVolumeSource
  17 photonPersistentDisk PhotonPersistentDiskVolumeSource
  18 portworxVolume PortworxVolumeSource
  19 scaleIO ScaleIOPersistentVolumeSource
  20 local LocalVolumeSource | A disk or directory of one node.
  21 storageos StorageOSPersistentVolumeSource
  22 csi CSIPersistentVolumeSource
type SecretReference atomic | A Secret in any namespace.
  1 name string | Name, unique among its like.
  2 namespace string | Namespace of the object meant.
type GlusterfsPersistentVolumeSource
  1 endpoints string required
  2 path string required | Path of the file or directory.
  3 readOnly bool | Forbids writing.
  4 endpointsNamespace string?
type RBDPersistentVolumeSource
  1 monitors []string required atomic
  2 image string required
  3 fsType string | File system on the device, such as ext4.
  4 pool string
  5 user string
  6 keyring string
  7 secretRef SecretReference
  8 readOnly bool | Forbids writing.
type ISCSIPersistentVolumeSource
  1 targetPortal string required
  2 iqn string required
  3 lun int32 required
  4 iscsiInterface string
  5 fsType string | File system on the device, such as ext4.
  6 readOnly bool | Forbids writing.
  7 portals []string atomic
  8 chapAuthDiscovery bool
  11 chapAuthSession bool
  10 secretRef SecretReference
  12 initiatorName string?
type CinderPersistentVolumeSource
  1 volumeID string required | Id of the volume at its provider.
  2 fsType string | File system on the device, such as ext4.
  3 readOnly bool | Forbids writing.
  4 secretRef SecretReference
type CephFSPersistentVolumeSource
  1 monitors []string required atomic
  2 path string | Path of the file or directory.
  3 user string
  4 secretFile string
  5 secretRef SecretReference
  6 readOnly bool | Forbids writing.
type FlexPersistentVolumeSource
  1 driver string required
  2 fsType string | File system on the device, such as ext4.
  3 secretRef SecretReference
  4 readOnly bool | Forbids writing.
  5 options map[string]
type AzureFilePersistentVolumeSource
  1 secretName string required
  2 shareName string required
  3 readOnly bool | Forbids writing.
  4 secretNamespace string?
type ScaleIOPersistentVolumeSource
  1 gateway string required
  2 system string required
  3 secretRef SecretReference required
  4 sslEnabled bool
  5 protectionDomain string
  6 storagePool string
  7 storageMode string
  8 volumeName string
  9 fsType string | File system on the device, such as ext4.
  10 readOnly bool | Forbids writing.
type LocalVolumeSource
  1 path string required | Path of the file or directory.
  2 fsType string? | File system on the device, such as ext4.
type StorageOSPersistentVolumeSource
  1 volumeName string
  2 volumeNamespace string
  3 fsType string | File system on the device, such as ext4.
  4 readOnly bool | Forbids writing.
  5 secretRef ObjectReference
type CSIPersistentVolumeSource
  1 driver string required
  2 volumeHandle string required | Id of the volume at its provider.
  3 readOnly bool | Forbids writing.
  4 fsType string | File system on the device, such as ext4.
  5 volumeAttributes map[string]
  6 controllerPublishSecretRef SecretReference
  7 nodeStageSecretRef SecretReference
  8 nodePublishSecretRef SecretReference
  9 controllerExpandSecretRef SecretReference
  10 nodeExpandSecretRef SecretReference
type VolumeNodeAffinity
  1 required NodeSelector | Nodes that fit.
type PersistentVolumeStatus
  1 phase string | Where in its life it is, in one word.
  2 message string | Why, for people.
  3 reason string | Why, as one CamelCase word for programs.
  4 lastPhaseTransitionTime time? | When the phase last changed.
type TopologySelectorTerm atomic
  1 matchLabelExpressions []TopologySelectorLabelRequirement atomic
type TopologySelectorLabelRequirement
  1 key string required
  2 values []string required atomic
`;
