// A node agent writes only its own Node, its own pods and its own lease, whatever its role would allow.
import { forbiddenBecause, leases, nodes, pods, type ApiObject, type core } from '../../api/index.ts';
import { nodeNameOf } from '../auth/node-name.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import type { AdmissionStep } from './admission.ts';

const MIRROR = 'kubernetes.io/config.mirror';
const LEASE_NAMESPACE = 'kube-node-lease';

function refuse(request: ResourceRequest, name: string, why: string): never {
  throw forbiddenBecause(request.resource, name, why);
}

function checkName(request: ResourceRequest, node: string, name: string): void {
  if (request.resource === nodes && name !== node) {
    refuse(request, name, `node "${node}" is not allowed to modify node "${name}"`);
  }
  if (request.resource === leases && request.namespace === LEASE_NAMESPACE && name !== node) {
    refuse(request, name, `can only access node lease with the same name as the requesting node`);
  }
}

const nodeOfPod = (object: ApiObject): string => (object.spec as core.PodSpec | undefined)?.nodeName ?? '';

export const restrictNode: AdmissionStep = {
  create(request, draft) {
    const node = nodeNameOf(request.user);
    if (node === undefined) return;
    checkName(request, node, draft.metadata.name ?? '');
    if (request.resource !== pods) return;
    if (draft.metadata.annotations?.[MIRROR] === undefined) {
      refuse(
        request,
        draft.metadata.name ?? '',
        `pod does not have ${JSON.stringify(MIRROR)} annotation, node "${node}" can only create mirror pods`,
      );
    }
    if (nodeOfPod(draft) !== node) {
      refuse(
        request,
        draft.metadata.name ?? '',
        `node "${node}" can only create pods with spec.nodeName set to itself`,
      );
    }
  },
  update(request, next, previous) {
    const node = nodeNameOf(request.user);
    if (node === undefined) return;
    checkName(request, node, request.name);
    if (request.resource === pods) {
      if (request.subresource !== 'status') refuse(request, request.name, `node "${node}" can only update pod status`);
      if (nodeOfPod(previous) !== node) {
        refuse(
          request,
          request.name,
          `node "${node}" can only update pod status for pods with spec.nodeName set to itself`,
        );
      }
    }
    if (request.resource === nodes && request.subresource === '') {
      const taints = (o: ApiObject) => JSON.stringify((o.spec as core.NodeSpec | undefined)?.taints ?? []);
      // Otherwise a node could draw pods to itself, or shed them.
      if (taints(next) !== taints(previous))
        refuse(request, request.name, `node "${node}" is not allowed to modify taints`);
    }
  },
  remove(request, current) {
    const node = nodeNameOf(request.user);
    if (node === undefined) return;
    checkName(request, node, request.name);
    if (request.resource === pods && nodeOfPod(current) !== node) {
      refuse(request, request.name, `node "${node}" can only delete pods with spec.nodeName set to itself`);
    }
  },
};
