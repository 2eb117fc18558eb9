// How add-ons come into a cluster: what exists already is left as it is.
import { isAlreadyExists, type KubeObject, type Resource, type Unstored } from '../api/objects.ts';
import type { Client } from '../client/index.ts';

export async function createIfMissing<T extends KubeObject>(client: Client, r: Resource<T>, object: Unstored<T>) {
  const namespace = object.metadata.namespace;
  try {
    await client
      .resource(r)
      .create(object, { fieldManager: 'portico', ...(namespace === undefined ? {} : { namespace }) });
  } catch (e) {
    if (!isAlreadyExists(e)) throw e;
  }
}
