// Which claims a pod uses, and which volume fits a claim: for the scheduler, the volume controllers and the node agent.
// Pure. Annotations are those of Kubernetes' own volume controllers.
import { compareQuantities } from './quantity.ts';
import { labelSelectorOf } from './select/label-selector.ts';
import { termMatches } from './select/node-selector.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass, core } from './types.ts';

/** On a claim: the node that the scheduler chose for its first pod. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
/** On a claim: both sides of the binding are written. */
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
/** On either: a controller bound it, not a person. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
/** On a volume: who made it, and may therefore delete it. */
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
/** On a claim: who is to make its volume. */
export const STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
/** On a StorageClass: claims that name none get this one. */
export const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
/** On a Node: the folder in which its agent keeps volumes. */
export const LOCAL_VOLUMES = 'portico/local-volumes';
/** The provisioner of class `standard`: folders of the nodes. */
export const LOCAL_PROVISIONER = 'portico/local-path';
/** Volumes of such a class are made by people only. */
export const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

/** Finalizers that keep a claim while a pod uses it, and a volume while a claim is bound to it. */
export const PVC_PROTECTION = 'kubernetes.io/pvc-protection';
export const PV_PROTECTION = 'kubernetes.io/pv-protection';

/** Name of the claim that a generic ephemeral volume stands for. */
export const ephemeralClaimName = (podName: string, volumeName: string): string => `${podName}-${volumeName}`;

/** The claim behind a volume of a pod; undefined if it is of another type. */
export function claimNameOf(podName: string, volume: core.Volume): string | undefined {
  if (volume.ephemeral !== undefined) return ephemeralClaimName(podName, volume.name);
  return volume.persistentVolumeClaim?.claimName;
}

export function claimNames(pod: Pod): string[] {
  const names = (pod.spec?.volumes ?? []).map((v) => claimNameOf(pod.metadata.name, v));
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** Both sides know each other. */
export function isClaimBound(claim: PersistentVolumeClaim): boolean {
  return (claim.spec?.volumeName ?? '') !== '' && claim.metadata.annotations?.[BIND_COMPLETED] !== undefined;
}

/** The newest of those marked as default, as Kubernetes has it. */
export function defaultClass(classes: Iterable<StorageClass>): StorageClass | undefined {
  return [...classes]
    .filter((c) => c.metadata.annotations?.[DEFAULT_CLASS] === 'true')
    .toSorted((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? 1 : -1))[0];
}

/** Can the volume be reached from the node? */
export function volumeReaches(volume: PersistentVolume, node: Node): boolean {
  const required = volume.spec?.nodeAffinity?.required;
  return required === undefined || (required.nodeSelectorTerms ?? []).some((term) => termMatches(term, node));
}

/** Is the volume's claimRef this claim, or nobody? An empty uid is a reservation by name. */
function isFreeFor({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const ref = spec?.claimRef;
  if (ref === undefined) return true;
  const isNamed = ref.namespace === metadata.namespace && ref.name === metadata.name;
  return isNamed && ((ref.uid ?? '') === '' || ref.uid === metadata.uid);
}

function fits(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const [has, wants] = [volume.spec, claim.spec];
  if (volume.metadata.deletionTimestamp !== undefined || !isFreeFor(volume, claim)) return false;
  if ((has?.storageClassName ?? '') !== (wants?.storageClassName ?? '')) return false;
  if ((has?.volumeMode ?? 'Filesystem') !== (wants?.volumeMode ?? 'Filesystem')) return false;
  if (!(wants?.accessModes ?? []).every((mode) => has?.accessModes?.includes(mode) === true)) return false;
  if (wants?.selector !== undefined && !labelSelectorOf(wants.selector).matches(volume.metadata.labels)) return false;
  return compareQuantities(sizeOf(volume), wants?.resources?.requests?.['storage'] ?? '0') >= 0;
}

const sizeOf = (volume: PersistentVolume): string => volume.spec?.capacity?.['storage'] ?? '0';

/** The volume to bind the claim to: one reserved for it, else the smallest that is large enough. */
export function volumeFor(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  node?: Node,
): PersistentVolume | undefined {
  const fitting = [...volumes].filter((v) => fits(v, claim) && (node === undefined || volumeReaches(v, node)));
  return (
    fitting.find((v) => v.spec?.claimRef !== undefined) ??
    fitting.toSorted(
      (a, b) => compareQuantities(sizeOf(a), sizeOf(b)) || (a.metadata.name < b.metadata.name ? -1 : 1),
    )[0]
  );
}
