// The phase of a PersistentVolume, and whether it goes with its claim: pure.
import { LOCAL_PROVISIONER, PROVISIONED_BY } from '../../api/objects.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/objects.ts';

export interface VolumePlan {
  phase: 'Available' | 'Bound' | 'Released' | 'Failed';
  message?: string;
  /** Its claim is gone, and the volume with its data shall be, too. */
  remove: boolean;
}

/** `claim`: the claim that `spec.claimRef` names, if there is one of that name. */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumePlan {
  const ref = volume.spec?.claimRef;
  // Reserved by name for a claim that may come.
  if (ref === undefined || (ref.uid ?? '') === '') return { phase: 'Available', remove: false };
  if (claim?.metadata.uid === ref.uid) {
    const bound = claim?.spec?.volumeName === volume.metadata.name;
    return { phase: bound ? 'Bound' : 'Available', remove: false };
  }
  switch (volume.spec?.persistentVolumeReclaimPolicy) {
    case 'Delete':
      // Volumes of others are for those who made them to delete.
      return { phase: 'Released', remove: volume.metadata.annotations?.[PROVISIONED_BY] === LOCAL_PROVISIONER };
    case 'Recycle':
      return { phase: 'Failed', message: 'no volume plugin recycles this volume', remove: false };
    default:
      return { phase: 'Released', remove: false };
  }
}
