// Objects are created only in namespaces that exist and stay; three namespaces stay for ever.
import {
  forbiddenBecause,
  namespaces,
  namespaceTerminating,
  notFound,
  type ApiObject,
  type Namespace,
} from '../../api/index.ts';
import type { Store } from '../../store/index.ts';
import { storedObject } from '../objects/stored-object.ts';
import { storageKey } from '../objects/storage-key.ts';
import type { ResourceRequest } from '../request/resource-request.ts';

const IMMORTAL: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

export async function checkNamespace(request: ResourceRequest, draft: ApiObject, store: Store): Promise<void> {
  const { resource, namespace } = request;
  if (!resource.namespaced) return;
  const entry = await store.get(storageKey(namespaces, undefined, namespace));
  if (entry === undefined) throw notFound(namespaces, namespace);
  const { metadata } = storedObject(entry).object as Namespace;
  // Parallel deletion would otherwise race with whoever keeps creating.
  if (metadata.deletionTimestamp !== undefined) {
    throw namespaceTerminating(resource, draft.metadata.name ?? '', namespace);
  }
}

export function protectNamespace(request: ResourceRequest): void {
  if (request.resource !== namespaces || !IMMORTAL.has(request.name)) return;
  throw forbiddenBecause(namespaces, request.name, 'this namespace may not be deleted');
}
