// What is to happen to an object, given the state of its owners: pure.
import type { KubeObject } from '../../api/objects.ts';
import type { OwnerReference } from '../runtime/owners.ts';

export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

export type OwnerState =
  /** It exists and stays. */
  | 'solid'
  /** It does not exist, or another object has its name. */
  | 'absent'
  /** It waits for its dependents to go first. */
  | 'waiting';

type Policy = 'Background' | 'Foreground' | 'Orphan';

export type ItemDecision =
  | { do: 'nothing' }
  /** Keep the object but drop references to owners that do not keep it alive. */
  | { do: 'unlink'; uids: string[] }
  | { do: 'delete'; policy: Policy; unblock: boolean };

/** `hasDependents`: objects that this one owns and that are not yet being deleted. */
export function decideItem(
  item: KubeObject,
  stateOf: (reference: OwnerReference) => OwnerState,
  hasDependents: boolean,
): ItemDecision {
  const references = item.metadata.ownerReferences ?? [];
  if (references.length === 0 || item.metadata.deletionTimestamp !== undefined) return { do: 'nothing' };
  const states = references.map((reference) => ({ reference, state: stateOf(reference) }));
  if (states.some((s) => s.state === 'solid')) {
    const loose = states.filter((s) => s.state !== 'solid').map((s) => s.reference.uid);
    return loose.length === 0 ? { do: 'nothing' } : { do: 'unlink', uids: loose };
  }
  if (states.some((s) => s.state === 'waiting') && hasDependents) {
    // Its own dependents go before it as well. A circle of owners must not wait for itself, hence `unblock`.
    return { do: 'delete', policy: 'Foreground', unblock: true };
  }
  return { do: 'delete', policy: policyByFinalizers(item), unblock: false };
}

/** Finalizers put on an object in advance say how it wants to be deleted. */
function policyByFinalizers(item: KubeObject): Policy {
  const finalizers = item.metadata.finalizers ?? [];
  if (finalizers.includes(ORPHAN)) return 'Orphan';
  return finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background';
}

/** Does the reference keep its owner from going in foreground deletion? */
export const blocks = (item: KubeObject, ownerUid: string): boolean =>
  item.metadata.ownerReferences?.some((r) => r.uid === ownerUid && r.blockOwnerDeletion === true) === true;
