// The folder behind a pod's PersistentVolumeClaim: that of the volume it is bound to.
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { isClaimBound, type core, type PersistentVolume } from '../../api/objects.ts';
import { giveToGroup } from './volume-group.ts';
import type { ObjectCache } from './object-cache.ts';

export interface ClaimedVolumeContext {
  readonly objects: ObjectCache;
  /** Where this node keeps the volumes that are its own folders. */
  readonly localVolumesDir: string;
}

/**
 * @param security the pod's: `fsGroup`, and whether what has it already is gone through again
 * @returns the folder; a folder of the node's own is made on its first use
 * @throws Error in kubelet's words when the claim cannot be used (yet)
 */
export async function claimedFolder(
  namespace: string,
  claimName: string,
  ctx: ClaimedVolumeContext,
  security: core.PodSecurityContext | undefined,
): Promise<string> {
  const key = `${namespace}/${claimName}`;
  const processing = (why: string) => new Error(`error processing PVC ${key}: ${why}`);
  const claim = await ctx.objects.claim(namespace, claimName);
  if (claim === undefined) {
    throw processing(`failed to fetch PVC from API server: persistentvolumeclaims "${claimName}" not found`);
  }
  if (claim.metadata.deletionTimestamp !== undefined) throw processing('PVC is being deleted');
  if (!isClaimBound(claim)) throw processing('PVC is not bound');
  const name = claim.spec?.volumeName ?? '';
  const volume = await ctx.objects.volume(name);
  if (volume === undefined) {
    throw new Error(`failed to fetch PV ${name} from API server: persistentvolumes "${name}" not found`);
  }
  if (volume.spec?.claimRef?.uid !== claim.metadata.uid) {
    throw new Error(`PVC ${key} is bound to PV ${name}, which is bound to another claim`);
  }
  const folder = folderOf(volume, ctx.localVolumesDir);
  // As in Kubernetes, folders of the host are left as they are.
  if (volume.spec?.local !== undefined && security?.fsGroup !== undefined) {
    await giveToGroup(folder, security.fsGroup, security.fsGroupChangePolicy ?? 'Always');
  }
  return folder;
}

function folderOf(volume: PersistentVolume, ownDir: string): string {
  const { spec } = volume;
  const folder = spec?.local?.path ?? spec?.hostPath?.path;
  if (folder === undefined) {
    throw new Error(`volume ${volume.metadata.name} is neither of type local nor hostPath: this node cannot mount it`);
  }
  if (spec?.volumeMode === 'Block') {
    throw new Error(`volume ${volume.metadata.name} is a block device: this node mounts folders only`);
  }
  const isOwn = path.dirname(path.normalize(folder)) === ownDir;
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) {
    // A folder of somebody else that is missing may be a disk that is not mounted: nothing is written in its place.
    if (!isOwn && spec?.hostPath === undefined) throw new Error(`path "${folder}" does not exist`);
    mkdirSync(folder, { recursive: true });
    if (isOwn) chmodSync(folder, 0o777);
  }
  return folder;
}
