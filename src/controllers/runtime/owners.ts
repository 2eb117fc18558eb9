// Owner references, and which objects a controller may count as its own: pure.
import type { KubeObject, meta } from '../../api/objects.ts';

export type OwnerReference = meta.OwnerReference;

export function controllerOf(object: { metadata: { ownerReferences?: OwnerReference[] } }): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((r) => r.controller === true);
}

export function controllerReference(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return {
    apiVersion,
    kind,
    name: metadata.name,
    uid: metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

export interface Claims<T> {
  /** Already ours and selected. */
  owned: T[];
  /** Selected and without a controller. */
  adopt: T[];
  /** Ours by reference, but no longer selected. */
  release: T[];
}

/** Who belongs to `owner`; nothing is taken or released while the owner or the object is being deleted. */
export function decideClaims<T extends KubeObject>(
  owner: KubeObject,
  candidates: Iterable<T>,
  selects: (labels: Readonly<Record<string, string>> | undefined) => boolean,
): Claims<T> {
  const claims: Claims<T> = { owned: [], adopt: [], release: [] };
  const leaving = owner.metadata.deletionTimestamp !== undefined;
  for (const object of candidates) {
    const controller = controllerOf(object);
    const selected = selects(object.metadata.labels);
    if (controller !== undefined) {
      if (controller.uid !== owner.metadata.uid) continue;
      if (selected) claims.owned.push(object);
      else if (!leaving) claims.release.push(object);
    } else if (selected && !leaving && object.metadata.deletionTimestamp === undefined) {
      claims.adopt.push(object);
    }
  }
  return claims;
}
