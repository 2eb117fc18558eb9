// What a body must agree with: the kind, name and namespace that the URL names.
import { apiVersionOf, badRequest, type ApiObject } from '../../api/index.ts';
import type { ResourceRequest } from './resource-request.ts';

export const expectedKind = (request: Pick<ResourceRequest, 'resource'>) => ({
  apiVersion: apiVersionOf(request.resource),
  kind: request.resource.kind,
});

/** The body may leave name and namespace out, but not contradict the URL. */
export function checkName(request: ResourceRequest, object: ApiObject): void {
  const { name, namespace, resource } = request;
  object.metadata.name ??= name;
  if (object.metadata.name !== name) {
    throw badRequest(`the name of the object (${object.metadata.name}) does not match the name on the URL (${name})`);
  }
  if (!resource.namespaced) return;
  object.metadata.namespace ??= namespace;
  if (object.metadata.namespace !== namespace) {
    throw badRequest(
      `the namespace of the object (${object.metadata.namespace}) does not match the namespace on the URL (${namespace})`,
    );
  }
}
