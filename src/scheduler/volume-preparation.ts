// Pods whose node is chosen while the volumes of their claims are being made for it. Nothing waits here: a change of a
// claim makes the pod be decided anew, and then its volumes say where it goes.
import {
  SELECTED_NODE,
  claimNames,
  isClaimBound,
  isConflict,
  isNotFound,
  persistentVolumeClaims,
} from '../api/objects.ts';
import type { PersistentVolumeClaim, Pod } from '../api/objects.ts';
import { objectKey } from '../client/index.ts';
import type { Client, Informer } from '../client/index.ts';
import { errorText } from '../errors/index.ts';
import { delayedClaims, type StorageView } from './pod-volumes.ts';

export interface VolumePreparationOptions {
  readonly client: Client;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly storage: StorageView;
  /** The pod's claims are bound, or gone. */
  readonly onReady: (key: string) => void;
  /** The choice was taken back, or could not be told: not at once again, for the next one may be the same. */
  readonly onRefused: (key: string, pod: Pod, failure?: string) => void;
}

export class VolumePreparation {
  readonly #o: VolumePreparationOptions;
  readonly #pods = new Map<string, { pod: Pod; node: string }>();

  constructor(o: VolumePreparationOptions) {
    this.#o = o;
    o.claims.onChange(({ key, before, after }) => this.#claimChanged(key, before, after));
  }

  has(key: string): boolean {
    return this.#pods.has(key);
  }

  begin(key: string, pod: Pod, node: string): void {
    this.#pods.set(key, { pod, node });
  }

  /** The pod, if its volumes were being made. */
  end(key: string): Pod | undefined {
    const pod = this.#pods.get(key)?.pod;
    this.#pods.delete(key);
    return pod;
  }

  /** Tells the volume controllers for which node the claims want their volumes. */
  async tell(key: string): Promise<void> {
    const prepared = this.#pods.get(key);
    if (prepared === undefined) return;
    const { pod, node } = prepared;
    const api = this.#o.client.resource(persistentVolumeClaims);
    try {
      for (const { metadata } of delayedClaims(pod, this.#o.storage)) {
        if (metadata.annotations?.[SELECTED_NODE] === node) continue;
        const patch = { metadata: { uid: metadata.uid, annotations: { [SELECTED_NODE]: node } } };
        await api.patch(metadata.name, patch, { type: 'merge', namespace: metadata.namespace ?? '' });
      }
    } catch (error) {
      if (this.#pods.get(key) !== prepared) return;
      this.#o.onRefused(key, pod, isNotFound(error) || isConflict(error) ? undefined : errorText(error));
    }
  }

  #claimChanged(
    claimKey: string,
    before: PersistentVolumeClaim | undefined,
    after: PersistentVolumeClaim | undefined,
  ): void {
    for (const [key, { pod }] of this.#pods) {
      if (!claimNames(pod).some((name) => objectKey(pod.metadata.namespace, name) === claimKey)) continue;
      if (after === undefined || isClaimBound(after)) this.#o.onReady(key);
      else if (isSelected(before) && !isSelected(after)) this.#o.onRefused(key, pod);
    }
  }
}

const isSelected = (claim: PersistentVolumeClaim | undefined): boolean =>
  claim?.metadata.annotations?.[SELECTED_NODE] !== undefined;
