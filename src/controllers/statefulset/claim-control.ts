// Makes the claims of a StatefulSet's pods and hands them over as its retention policy has it.
import { isAlreadyExists, isNotFound, persistentVolumeClaims } from '../../api/objects.ts';
import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../api/objects.ts';
import { objectKey } from '../../client/index.ts';
import type { Client, EventRecorder, Informer } from '../../client/index.ts';
import { isNamespaceTerminating, messageOf } from '../runtime/pod-control.ts';
import { isDeleting } from '../runtime/pod-state.ts';
import { claimsFor, isStale, ownersToSet } from './stateful-claims.ts';
import { podNameOf } from './stateful-pod.ts';

export interface ClaimControl {
  /** Makes what is missing. False: a claim of that name is on its way out; its end makes the set look again. */
  ensure(set: StatefulSet, ordinal: number, pod: Pod | undefined): Promise<boolean>;
  /** Brings the owners of the pod's claims in line with the retention policy. */
  handOver(set: StatefulSet, ordinal: number, pod: Pod, isScaledAway: boolean): Promise<void>;
}

export function createClaimControl(
  client: Client,
  informer: Informer<PersistentVolumeClaim>,
  recorder: EventRecorder,
): ClaimControl {
  const api = client.resource(persistentVolumeClaims);
  const find = (set: StatefulSet, name: string) => informer.items.get(objectKey(set.metadata.namespace, name));
  return {
    async ensure(set, ordinal, pod) {
      const podName = podNameOf(set, ordinal);
      for (const wanted of claimsFor(set, ordinal)) {
        const { name = '' } = wanted.metadata;
        const known = find(set, name);
        if (known !== undefined) {
          if (isDeleting(known) || isStale(known, podName, pod)) return false;
          continue;
        }
        const what = `create Claim ${name} Pod ${podName} in StatefulSet ${set.metadata.name}`;
        try {
          await api.create(wanted);
        } catch (e) {
          if (isAlreadyExists(e)) continue;
          if (!isNamespaceTerminating(e)) {
            recorder.event(set, 'Warning', 'FailedCreate', `${what} failed error: ${messageOf(e)}`);
          }
          throw e;
        }
        recorder.event(set, 'Normal', 'SuccessfulCreate', `${what} success`);
      }
      return true;
    },
    async handOver(set, ordinal, pod, isScaledAway) {
      for (const { metadata } of claimsFor(set, ordinal)) {
        const claim = find(set, metadata.name ?? '');
        const owners = claim === undefined ? undefined : ownersToSet(set, claim, pod, isScaledAway);
        if (claim === undefined || owners === undefined || isDeleting(claim)) continue;
        try {
          await api.update({ ...claim, metadata: { ...claim.metadata, ownerReferences: owners } });
        } catch (e) {
          if (!isNotFound(e)) throw e;
        }
      }
    },
  };
}
