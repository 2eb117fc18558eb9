// What is to be done for a PersistentVolumeClaim: bind it, make a volume for it, or say why it waits. Pure.
import {
  LOCAL_PROVISIONER,
  LOCAL_VOLUMES,
  NO_PROVISIONER,
  SELECTED_NODE,
  defaultClass,
  isClaimBound,
  volumeFor,
} from '../../api/objects.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../../api/objects.ts';

export interface ClaimInput {
  claim: PersistentVolumeClaim;
  volumes: ReadonlyMap<string, PersistentVolume>;
  classes: ReadonlyMap<string, StorageClass>;
  nodes: ReadonlyMap<string, Node>;
  /** Pods that use the claim. */
  pods: readonly Pod[];
}

export type ClaimStep =
  | { do: 'nothing' }
  | { do: 'bind'; volume: PersistentVolume }
  /** `folder`: where the node's agent keeps volumes. */
  | { do: 'provision'; storageClass: StorageClass; node: Node; folder: string }
  /** It may be used no more: its volume is gone, or another claim's. */
  | { do: 'lose'; reason: string; message: string }
  /** It named no class when none was the default one. */
  | { do: 'classify'; className: string }
  /** The scheduler's choice leads nowhere: it shall choose again. */
  | { do: 'unselect'; reason: string; message: string }
  | { do: 'wait'; type: 'Normal' | 'Warning'; reason: string; message: string };

const wait = (reason: string, message: string, type: 'Normal' | 'Warning' = 'Normal'): ClaimStep => ({
  do: 'wait',
  type,
  reason,
  message,
});

export function planClaim(input: ClaimInput): ClaimStep {
  const { claim, volumes } = input;
  if (isClaimBound(claim)) return planBound(claim, volumes);
  if (claim.metadata.deletionTimestamp !== undefined) return { do: 'nothing' };
  const named = claim.spec?.volumeName ?? '';
  return named === '' ? planUnbound(input) : planNamed(claim, volumes.get(named), named);
}

function planBound(claim: PersistentVolumeClaim, volumes: ReadonlyMap<string, PersistentVolume>): ClaimStep {
  const volume = volumes.get(claim.spec?.volumeName ?? '');
  if (volume === undefined) {
    const message = 'Bound claim has lost its PersistentVolume. Data on the volume is lost!';
    return { do: 'lose', reason: 'ClaimLost', message };
  }
  const ref = volume.spec?.claimRef;
  if (ref === undefined || ref.uid === claim.metadata.uid) return { do: 'bind', volume };
  const message = 'Two claims are bound to the same volume, this one is bound incorrectly';
  return { do: 'lose', reason: 'ClaimMisbound', message };
}

/** Somebody chose the volume. */
function planNamed(claim: PersistentVolumeClaim, volume: PersistentVolume | undefined, name: string): ClaimStep {
  if (volume === undefined) return { do: 'nothing' };
  const ref = volume.spec?.claimRef;
  const { namespace, name: own, uid } = claim.metadata;
  const isOurs = ref?.namespace === namespace && ref?.name === own && ['', uid].includes(ref?.uid ?? '');
  if (ref === undefined || isOurs) return { do: 'bind', volume };
  return wait('FailedBinding', `volume "${name}" already bound to a different claim.`, 'Warning');
}

function planUnbound(input: ClaimInput): ClaimStep {
  const { claim, volumes, classes, nodes } = input;
  if (claim.spec?.storageClassName === undefined) {
    const found = defaultClass(classes.values());
    if (found !== undefined) return { do: 'classify', className: found.metadata.name };
  }
  const className = claim.spec?.storageClassName ?? '';
  const storageClass = classes.get(className);
  const isDelayed = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
  const chosen = claim.metadata.annotations?.[SELECTED_NODE];
  const node = chosen === undefined ? undefined : nodes.get(chosen);
  if (chosen !== undefined && node === undefined) {
    return { do: 'unselect', reason: 'ProvisioningFailed', message: `node "${chosen}" not found` };
  }
  const volume = volumeFor(claim, volumes.values(), node);
  // A volume that is reserved for the claim needs no pod to be chosen.
  if (volume !== undefined && (!isDelayed || node !== undefined || volume.spec?.claimRef !== undefined)) {
    return { do: 'bind', volume };
  }
  if (className === '') {
    return wait('FailedBinding', 'no persistent volumes available for this claim and no storage class is set');
  }
  if (storageClass === undefined) {
    return wait('ProvisioningFailed', `storageclass.storage.k8s.io "${className}" not found`, 'Warning');
  }
  if (isDelayed && node === undefined) return waitForConsumer(input.pods);
  return planProvision(storageClass, node, input);
}

function waitForConsumer(pods: readonly Pod[]): ClaimStep {
  const waiting = pods.filter((pod) => (pod.spec?.nodeName ?? '') === '').map((pod) => pod.metadata.name);
  if (waiting.length === 0) {
    return wait('WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
  }
  return waiting.length === 1
    ? wait('WaitForPodScheduled', `waiting for pod ${waiting[0]} to be scheduled`)
    : wait('WaitForPodScheduled', `waiting for pods ${waiting.toSorted().join(',')} to be scheduled`);
}

function planProvision(storageClass: StorageClass, chosen: Node | undefined, input: ClaimInput): ClaimStep {
  const { provisioner } = storageClass;
  if (provisioner === NO_PROVISIONER) {
    const message = 'no volume plugin matched name: kubernetes.io/no-provisioner';
    return chosen === undefined
      ? wait('FailedBinding', 'no persistent volumes available for this claim and no storage class is set')
      : { do: 'unselect', reason: 'ProvisioningFailed', message };
  }
  if (provisioner !== LOCAL_PROVISIONER) {
    return wait(
      'ExternalProvisioning',
      `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
    );
  }
  const failed = (message: string): ClaimStep =>
    chosen === undefined
      ? wait('ProvisioningFailed', message, 'Warning')
      : { do: 'unselect', reason: 'ProvisioningFailed', message };
  const { accessModes = [], volumeMode, selector, dataSource, dataSourceRef } = input.claim.spec ?? {};
  const named = `failed to provision volume with StorageClass "${storageClass.metadata.name}": `;
  if (selector !== undefined) return failed(`${named}claim.Spec.Selector is not supported`);
  if (volumeMode === 'Block') return failed(`${named}block volumes are not supported: volumes are folders of a node`);
  if (dataSource !== undefined || dataSourceRef !== undefined) return failed(`${named}data sources are not supported`);
  const shared = accessModes.find((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany');
  if (shared !== undefined) return failed(`${named}access mode ${shared} needs several nodes, the volume has one`);
  // A class that does not wait for a pod gives the node no say: the first that has room for volumes.
  const nodes = chosen === undefined ? [...input.nodes.values()].toSorted(byName) : [chosen];
  for (const node of nodes) {
    const folder = node.metadata.annotations?.[LOCAL_VOLUMES];
    if (folder !== undefined) return { do: 'provision', storageClass, node, folder };
  }
  return failed(`${named}no node with annotation ${LOCAL_VOLUMES}`);
}

const byName = (a: Node, b: Node): number => (a.metadata.name < b.metadata.name ? -1 : 1);
