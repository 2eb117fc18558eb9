// A volume that is a folder of one node: pure. The node's agent makes the folder when a pod first uses it, and removes
// it when the object is gone.
import path from 'node:path';
import { LOCAL_PROVISIONER, PROVISIONED_BY, BOUND_BY_CONTROLLER } from '../../api/objects.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, StorageClass, Unstored, core } from '../../api/objects.ts';

const HOSTNAME = 'kubernetes.io/hostname';

/** The name follows from the claim: made twice it is one. */
export const localVolumeName = (claim: PersistentVolumeClaim): string => `pvc-${claim.metadata.uid}`;

export function claimReference(claim: PersistentVolumeClaim): core.ObjectReference {
  const { name, namespace = '', uid, resourceVersion } = claim.metadata;
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion };
}

export function localVolume(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  node: Node,
  folder: string,
): Unstored<PersistentVolume> {
  const name = localVolumeName(claim);
  const size = claim.spec?.resources?.requests?.['storage'] ?? '0';
  const hostname = node.metadata.labels?.[HOSTNAME] ?? node.metadata.name;
  const here: core.NodeSelectorTerm = { matchExpressions: [{ key: HOSTNAME, operator: 'In', values: [hostname] }] };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, annotations: { [PROVISIONED_BY]: LOCAL_PROVISIONER, [BOUND_BY_CONTROLLER]: 'yes' } },
    spec: {
      capacity: { storage: size },
      accessModes: claim.spec?.accessModes ?? [],
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: storageClass.metadata.name,
      volumeMode: 'Filesystem',
      claimRef: claimReference(claim),
      local: { path: path.join(folder, name) },
      nodeAffinity: { required: { nodeSelectorTerms: [here] } },
      ...(storageClass.mountOptions === undefined ? {} : { mountOptions: storageClass.mountOptions }),
    },
  };
}
