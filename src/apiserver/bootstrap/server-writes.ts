// Writes of the server itself: through the same verbs, without asking for permission.
import {
  copyJson,
  apiVersionOf,
  notFound,
  strategyOf,
  type ApiObject,
  type KubeObject,
  type Resource,
} from '../../api/index.ts';
import type { User } from '../contract.ts';
import { storedObject } from '../objects/stored-object.ts';
import { storageKey } from '../objects/storage-key.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import { createObject } from '../verbs/create.ts';
import type { VerbDeps } from '../verbs/deps.ts';
import { updateObject } from '../verbs/update.ts';

const SERVER: User = { name: 'system:apiserver', groups: ['system:masters'] };

export interface ServerWrites {
  get(resource: Resource, namespace: string | undefined, name: string): Promise<KubeObject>;
  /** Answers with what is there if the object exists. */
  ensure(resource: Resource, object: object): Promise<KubeObject>;
  update(resource: Resource, object: object): Promise<KubeObject>;
  /** Status, finalizers and all: as only the server may. */
  replace(resource: Resource, object: object): Promise<KubeObject>;
}

export function serverWrites(verbs: VerbDeps, signal: AbortSignal): ServerWrites {
  const request = (resource: Resource, object: ApiObject): ResourceRequest => ({
    resource,
    strategy: strategyOf(resource),
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name ?? '',
    subresource: '',
    query: new URLSearchParams({ fieldManager: 'portico' }),
    headers: {},
    user: SERVER,
    body: undefined,
    signal,
    warnings: [],
  });
  const whole = (resource: Resource, object: object): ApiObject =>
    copyJson({ metadata: {}, kind: resource.kind, apiVersion: apiVersionOf(resource), ...object });
  const find = async (resource: Resource, namespace: string | undefined, name: string) => {
    const entry = await verbs.store.get(storageKey(resource, namespace, name));
    return entry === undefined ? undefined : storedObject(entry).object;
  };
  return {
    async get(resource, namespace, name) {
      const object = await find(resource, namespace, name);
      if (object === undefined) throw notFound(resource, name);
      return object;
    },
    async ensure(resource, object) {
      const draft = whole(resource, object);
      const { namespace, name = '' } = draft.metadata;
      const existing = await find(resource, namespace, name);
      if (existing !== undefined) return existing;
      try {
        return (await createObject(verbs, request(resource, draft), draft)).object;
      } catch (error) {
        // Another server was quicker; that may also show in an address that the object wants and has already.
        const theirs = await find(resource, namespace, name);
        if (theirs === undefined) throw error;
        return theirs;
      }
    },
    async update(resource, object) {
      const next = whole(resource, object);
      const written = await updateObject(verbs, request(resource, next), { mode: 'main', next: () => next });
      return written.object;
    },
    async replace(resource, object) {
      const next = whole(resource, object);
      const written = await updateObject(verbs, request(resource, next), { mode: 'server', next: () => next });
      return written.object;
    },
  };
}
