// Taints and tolerations that Kubernetes adds by itself.
import { nodes, pods, type ApiObject, type core } from '../../api/index.ts';
import type { ResourceRequest } from '../request/resource-request.ts';

const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
/** How long a pod stays bound to a node that is gone. */
const TOLERATION_SECONDS = 300;

/** A pod that says nothing about lost nodes is moved away from them after five minutes. */
export function addTolerations(request: ResourceRequest, draft: ApiObject): void {
  if (request.resource !== pods || request.subresource !== '') return;
  const spec = draft.spec as core.PodSpec | undefined;
  if (spec === undefined) return;
  const tolerations = spec.tolerations ?? [];
  for (const key of [NOT_READY, UNREACHABLE]) {
    const tolerated = tolerations.some(
      (t) => (t.key === key || (t.key ?? '') === '') && (t.effect === 'NoExecute' || (t.effect ?? '') === ''),
    );
    if (tolerated) continue;
    tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: TOLERATION_SECONDS });
  }
  spec.tolerations = tolerations;
}

/** Nothing is scheduled to a node before its agent has said that it is ready. */
export function taintNewNode(request: ResourceRequest, draft: ApiObject): void {
  if (request.resource !== nodes) return;
  const spec = (draft.spec ??= {}) as core.NodeSpec;
  const taints = (spec.taints ??= []);
  if (taints.some((t) => t.key === NOT_READY && t.effect === 'NoSchedule')) return;
  taints.push({ key: NOT_READY, effect: 'NoSchedule' });
}
