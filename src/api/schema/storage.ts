// Types of storage.k8s.io/v1. The notation is explained in schema.ts.
export const storageTypes = `
kind StorageClass | A way in which volumes are made, for claims to name.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 provisioner string required | Who makes the volumes.
  3 parameters map[string] | Settings for the provisioner.
  4 reclaimPolicy string? | What becomes of a volume when its claim goes: Delete (the default) or Retain.
  5 mountOptions []string atomic | Options of mount(8).
  6 allowVolumeExpansion bool? | True: claims may grow.
  7 volumeBindingMode string? | Immediate (the default), or WaitForFirstConsumer.
  8 allowedTopologies []core.TopologySelectorTerm atomic | Where volumes may be made.
`;
