// The scale subresource: replicas of a workload, in one shape for all kinds.
import {
  formatLabelSelector,
  invalid,
  invalidValue,
  methodNotAllowed,
  notFound,
  conflict,
  type ApiObject,
  type KubeObject,
  type Resource,
} from '../../api/index.ts';
import { storedObject } from '../objects/stored-object.ts';
import { storageKey } from '../objects/storage-key.ts';
import { valueAnswer, type Answer } from '../request/answer.ts';
import { asObject, readValue } from '../request/decode-request.ts';
import type { Verb } from '../request/request-path.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import type { VerbDeps } from './deps.ts';
import { applyPatch, readPatch } from './patch.ts';
import { shapeOf } from './shape.ts';
import { updateObject } from './update.ts';

const SCALE = { apiVersion: 'autoscaling/v1', kind: 'Scale' };
const SCALE_RESOURCE: Resource = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  plural: 'scales',
  singular: 'scale',
  namespaced: true,
};

interface Scalable {
  replicas?: number;
  selector?: Record<string, string> | { matchLabels?: Record<string, string> };
}

function scaleOf(workload: ApiObject): ApiObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = workload.metadata;
  const spec = (workload.spec ?? {}) as Scalable;
  const status = (workload.status ?? {}) as { replicas?: number };
  return {
    ...SCALE,
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: { replicas: spec.replicas ?? 0 },
    status: { replicas: status.replicas ?? 0, selector: selectorText(workload.kind ?? '', spec.selector) },
  };
}

/** ReplicationControllers select by a plain map, everything newer by a LabelSelector. */
function selectorText(kind: string, selector: Scalable['selector']): string {
  if (selector === undefined) return '';
  const object = kind === 'ReplicationController' ? { matchLabels: selector as Record<string, string> } : selector;
  return formatLabelSelector(object as { matchLabels?: Record<string, string> });
}

export async function scale(deps: VerbDeps, request: ResourceRequest, verb: Verb): Promise<Answer> {
  const { resource, namespace, name } = request;
  const shape = shapeOf({ ...request, resource: SCALE_RESOURCE }, deps.clock);
  const answer = (workload: ApiObject): Answer => {
    const value = scaleOf(workload);
    return valueAnswer(shape === undefined ? value : shape.one(value as unknown as KubeObject));
  };
  if (verb === 'get') {
    const entry = await deps.store.get(storageKey(resource, namespace, name));
    if (entry === undefined) throw notFound(resource, name);
    return answer(storedObject(entry).object as unknown as ApiObject);
  }
  if (verb !== 'update' && verb !== 'patch') throw methodNotAllowed();
  const patch = verb === 'patch' ? await readPatch(request) : undefined;
  const body = patch === undefined ? (await readValue(request.body, request.headers)).value : undefined;
  const written = await updateObject(deps, request, {
    mode: 'main',
    startsFromCurrent: true,
    next(current) {
      const before = scaleOf(current);
      const value = patch === undefined ? body : applyPatch(patch, before, 'autoscaling.Scale');
      const next = asObject(request, SCALE, value);
      const asked = next.metadata.resourceVersion ?? '';
      if (asked !== '' && asked !== current.metadata.resourceVersion) throw conflict(resource, name);
      const replicas = (next.spec as { replicas?: number } | undefined)?.replicas ?? 0;
      if (replicas < 0) {
        const error = invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0');
        throw invalid({ group: 'autoscaling', kind: 'Scale' }, name, [error]);
      }
      (current.spec as Scalable).replicas = replicas;
      return current;
    },
  });
  return answer(written.object as unknown as ApiObject);
}
