// What a pod's claims say about the nodes it can go to. Pure.
import { NO_PROVISIONER, SELECTED_NODE, claimNameOf, isClaimBound, volumeFor, volumeReaches } from '../api/objects.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../api/objects.ts';

/** Claims by `namespace/name`, volumes and classes by name. */
export interface StorageView {
  readonly claims: ReadonlyMap<string, PersistentVolumeClaim>;
  readonly volumes: ReadonlyMap<string, PersistentVolume>;
  readonly classes: ReadonlyMap<string, StorageClass>;
}

export const noStorage: StorageView = { claims: new Map(), volumes: new Map(), classes: new Map() };

interface WantedClaim {
  name: string;
  claim: PersistentVolumeClaim | undefined;
  isEphemeral: boolean;
}

function wantedClaims(pod: Pod, view: StorageView): WantedClaim[] {
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    const name = claimNameOf(pod.metadata.name, volume);
    if (name === undefined) return [];
    const claim = view.claims.get(`${pod.metadata.namespace ?? ''}/${name}`);
    return [{ name, claim, isEphemeral: volume.ephemeral !== undefined }];
  });
}

const isDelayed = (claim: PersistentVolumeClaim, view: StorageView): boolean =>
  view.classes.get(claim.spec?.storageClassName ?? '')?.volumeBindingMode === 'WaitForFirstConsumer';

/** Claims whose volume is made, or chosen, once the pod's node is known. */
export function delayedClaims(pod: Pod, view: StorageView): PersistentVolumeClaim[] {
  return wantedClaims(pod, view).flatMap(({ claim }) =>
    claim !== undefined && !isClaimBound(claim) && isDelayed(claim, view) ? [claim] : [],
  );
}

/** Why the pod can go to no node at all; undefined: its claims leave some. */
export function volumeProblem(pod: Pod, view: StorageView): string | undefined {
  for (const { name, claim, isEphemeral } of wantedClaims(pod, view)) {
    if (claim === undefined) {
      return isEphemeral
        ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
        : `persistentvolumeclaim "${name}" not found`;
    }
    const owned = claim.metadata.ownerReferences?.some((o) => o.uid === pod.metadata.uid) === true;
    if (isEphemeral && !owned) {
      const { namespace = '' } = pod.metadata;
      return `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`;
    }
    if (claim.status?.phase === 'Lost') {
      return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName ?? ''}"`;
    }
    if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
    if (!isClaimBound(claim) && !isDelayed(claim, view)) return 'pod has unbound immediate PersistentVolumeClaims';
  }
  return undefined;
}

const CONFLICT = "node(s) didn't match PersistentVolume's node affinity";
const NOTHING_TO_BIND = "node(s) didn't find available persistent volumes to bind";
const NO_VOLUME = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';

/** The reasons of the pod's claims against one node. */
export function volumeReasons(pod: Pod, view: StorageView): (node: Node) => string[] {
  const claims = wantedClaims(pod, view).flatMap(({ claim }) => claim ?? []);
  if (claims.length === 0) return () => [];
  return (node) => [...new Set(claims.flatMap((claim) => reasonsOf(claim, node, view)))];
}

function reasonsOf(claim: PersistentVolumeClaim, node: Node, view: StorageView): string[] {
  if (isClaimBound(claim)) {
    const volume = view.volumes.get(claim.spec?.volumeName ?? '');
    if (volume === undefined) return [NO_VOLUME];
    return volumeReaches(volume, node) ? [] : [CONFLICT];
  }
  // A choice that was made stands until the volume controller takes it back.
  const selected = claim.metadata.annotations?.[SELECTED_NODE];
  if (selected !== undefined) return selected === node.metadata.name ? [] : [NOTHING_TO_BIND];
  if (volumeFor(claim, view.volumes.values(), node) !== undefined) return [];
  const storageClass = view.classes.get(claim.spec?.storageClassName ?? '');
  return storageClass?.provisioner === NO_PROVISIONER ? [NOTHING_TO_BIND] : [];
}

/** ReadWriteOncePod: the keys of the pod's claims that no other pod may use. */
export function exclusiveClaims(pod: Pod, view: StorageView): string[] {
  return wantedClaims(pod, view).flatMap(({ claim }) =>
    claim?.spec?.accessModes?.includes('ReadWriteOncePod') === true ? [claim.metadata.name] : [],
  );
}
