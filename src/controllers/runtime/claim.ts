// Carries out claims: adopts and releases objects at the API server.
import { isNotFound } from '../../api/objects.ts';
import type { KubeObject } from '../../api/objects.ts';
import type { ResourceClient } from '../../client/index.ts';
import { controllerReference, decideClaims } from './owners.ts';

/** The objects that belong to `owner` after adopting and releasing what has to change hands. */
export async function claim<T extends KubeObject, O extends KubeObject>(
  owner: O,
  owners: ResourceClient<O>,
  objects: ResourceClient<T>,
  candidates: Iterable<T>,
  selects: (labels: Readonly<Record<string, string>> | undefined) => boolean,
): Promise<T[]> {
  const { owned, adopt, release } = decideClaims(owner, candidates, selects);
  const { namespace = '' } = owner.metadata;
  if (adopt.length > 0) {
    // Our copy of the owner may be old: an owner that is being deleted must not take new dependents.
    const fresh = await owners.get(owner.metadata.name, namespace);
    if (fresh.metadata.uid !== owner.metadata.uid || fresh.metadata.deletionTimestamp !== undefined) {
      throw new Error(`${owner.kind} ${namespace}/${owner.metadata.name} is being deleted: it adopts nothing`);
    }
  }
  const adopted = await Promise.all(
    adopt.map(async (object) => {
      const { name, uid, ownerReferences = [] } = object.metadata;
      const patch = { metadata: { uid, ownerReferences: [...ownerReferences, controllerReference(owner)] } };
      return await gone(objects.patch(name, patch, { type: 'merge', namespace }));
    }),
  );
  await Promise.all(
    release.map(async (object) => {
      const { name, uid, ownerReferences = [] } = object.metadata;
      const rest = ownerReferences.filter((r) => r.uid !== owner.metadata.uid);
      await gone(objects.patch(name, { metadata: { uid, ownerReferences: rest } }, { type: 'merge', namespace }));
    }),
  );
  return [...owned, ...adopted.filter((o) => o !== undefined)];
}

async function gone<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (e) {
    if (isNotFound(e)) return undefined;
    throw e;
  }
}
