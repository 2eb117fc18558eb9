// A node agent writes only its own Node, its own pods and its own lease, whatever its role would allow.
import {
  claimNames,
  forbiddenBecause,
  leases,
  nodes,
  pods,
  type ApiObject,
  type core,
  type Pod,
} from '../../api/index.ts';
import { referencedNames } from '../auth/node-authorizer.ts';
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

/** The first kind of object that a pod refers to, in Kubernetes' order and words. */
function referredKind(draft: ApiObject): string | undefined {
  const spec = (draft.spec ?? {}) as core.PodSpec;
  if ((spec.serviceAccountName ?? '') !== '') return 'a service account';
  if (referencedNames(spec, 'secrets').size > 0) return 'secrets';
  if (referencedNames(spec, 'configmaps').size > 0) return 'configmaps';
  if (claimNames(draft as Pod).length > 0) return 'persistentvolumeclaims';
  return undefined;
}

/** What kubelets say of themselves. */
const KUBELET_LABELS = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'node.kubernetes.io/windows-build',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
]);
const isBelow = (namespace: string, domain: string) => namespace === domain || namespace.endsWith(`.${domain}`);

/** Labels by which workloads are steered belong to administrators: a node could draw them to itself. */
function isForbiddenLabel(label: string): boolean {
  const namespace = label.includes('/') ? label.slice(0, label.indexOf('/')) : '';
  if (!isBelow(namespace, 'kubernetes.io') && !isBelow(namespace, 'k8s.io')) return false;
  if (isBelow(namespace, 'node-restriction.kubernetes.io')) return true;
  if (isBelow(namespace, 'kubelet.kubernetes.io') || isBelow(namespace, 'node.kubernetes.io')) return false;
  return !KUBELET_LABELS.has(label);
}

type Labels = Readonly<Record<string, string>> | undefined;

/** Those that were set, changed or taken away and may not be, as a list. */
function forbiddenLabels(next: Labels, previous: Labels): string {
  const names = new Set([...Object.keys(next ?? {}), ...Object.keys(previous ?? {})]);
  const changed = [...names].filter((label) => next?.[label] !== previous?.[label]);
  return changed.filter(isForbiddenLabel).toSorted().join(', ');
}

const nodeOfPod = (object: ApiObject): string => (object.spec as core.PodSpec | undefined)?.nodeName ?? '';

export const restrictNode: AdmissionStep = {
  create(request, draft) {
    const node = nodeNameOf(request.user);
    if (node === undefined) return;
    checkName(request, node, draft.metadata.name ?? '');
    if (request.resource === nodes) {
      const labels = forbiddenLabels(draft.metadata.labels, undefined);
      if (labels !== '') refuse(request, node, `is not allowed to set the following labels: ${labels}`);
    }
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
    // What a pod refers to its node may read: a node must not choose that itself.
    const what = referredKind(draft as ApiObject);
    if (what !== undefined) {
      refuse(request, draft.metadata.name ?? '', `node "${node}" can not create pods that reference ${what}`);
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
    if (request.resource === nodes) {
      const labels = forbiddenLabels(next.metadata.labels, previous.metadata.labels);
      if (labels !== '') refuse(request, node, `is not allowed to modify labels: ${labels}`);
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
