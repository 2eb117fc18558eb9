// The subresources that are about stored objects: status, scale, binding, eviction, finalize,
// ephemeralcontainers, approval.
import {
  badRequest,
  conflict,
  deepEqual,
  forbidden,
  invalid,
  methodNotAllowed,
  notFound,
  type ApiObject,
  type core,
} from '../../api/index.ts';
import { storedObject } from '../objects/stored-object.ts';
import { storageKey } from '../objects/storage-key.ts';
import type { Answer } from '../request/answer.ts';
import { asObject, readObject, readValue } from '../request/decode-request.ts';
import type { Verb } from '../request/request-path.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import { approve } from './approval.ts';
import { timestamp, type VerbDeps } from './deps.ts';
import { evictPod } from './evict.ts';
import { applyPatch, patchObject, readPatch } from './patch.ts';
import { checkName, expectedKind } from '../request/body-target.ts';
import { get, update, writtenAnswer } from './resource-verbs.ts';
import { scale } from './scale.ts';
import { updateObject } from './update.ts';

/** Undefined when the subresource is not one of these. */
export async function runSubresource(
  deps: VerbDeps,
  request: ResourceRequest,
  verb: Verb,
): Promise<Answer | undefined> {
  switch (request.subresource) {
    case 'status':
      if (verb === 'get') return get(deps, request);
      if (verb === 'update') return update(deps, request, 'status');
      if (verb === 'patch') return writtenAnswer(deps, request, await patchObject(deps, request, 'status'));
      throw methodNotAllowed();
    case 'scale':
      return scale(deps, request, verb);
    case 'binding':
      if (verb !== 'create') throw methodNotAllowed();
      return bind(deps, request);
    case 'eviction':
      if (verb !== 'create') throw methodNotAllowed();
      await evictPod(deps, request);
      return created();
    case 'finalize':
      if (verb !== 'update') throw methodNotAllowed();
      return finalize(deps, request);
    case 'ephemeralcontainers':
      if (verb === 'get') return get(deps, request);
      if (verb === 'update' || verb === 'patch') return ephemeralContainers(deps, request, verb);
      throw methodNotAllowed();
    case 'approval':
      if (verb === 'get') return get(deps, request);
      if (verb === 'update' || verb === 'patch') return approve(deps, request, verb);
      throw methodNotAllowed();
    default:
      return undefined;
  }
}

const created = (): Answer => ({
  status: 201,
  body: { form: 'value', value: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } },
});

/** Assigns a pod to a node: once, and for good. */
export async function bind(deps: VerbDeps, request: ResourceRequest): Promise<Answer> {
  const binding = await readObject(request, { apiVersion: 'v1', kind: 'Binding' });
  const target = binding['target'] as core.ObjectReference | undefined;
  const node = target?.name ?? '';
  const name = request.name === '' ? (binding.metadata.name ?? '') : request.name;
  if (node === '' || ((target?.kind ?? '') !== '' && target?.kind !== 'Node')) {
    throw badRequest(`a Binding names the node in its target: {"kind":"Node","name":"…"}`);
  }
  const refuse = (why: string) => conflict({ group: '', plural: 'pods/binding' }, name, why);
  await updateObject(
    deps,
    { ...request, name, subresource: 'binding' },
    {
      mode: 'server',
      next(pod) {
        const spec = pod.spec as core.PodSpec;
        const uid = binding.metadata.uid ?? '';
        if (uid !== '' && uid !== pod.metadata.uid) {
          throw refuse(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`);
        }
        if (pod.metadata.deletionTimestamp !== undefined)
          throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
        if ((spec.nodeName ?? '') !== '') throw refuse(`pod ${name} is already assigned to node "${spec.nodeName}"`);
        if ((spec.schedulingGates ?? []).length > 0) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
        spec.nodeName = node;
        if (binding.metadata.annotations !== undefined) {
          pod.metadata.annotations = { ...pod.metadata.annotations, ...binding.metadata.annotations };
        }
        const status = (pod.status ??= {}) as core.PodStatus;
        const others = (status.conditions ?? []).filter((c) => c.type !== 'PodScheduled');
        const now = timestamp(deps.clock);
        status.conditions = [...others, { type: 'PodScheduled', status: 'True', lastTransitionTime: now }];
        return pod;
      },
    },
  );
  return created();
}

/** Only this removes a namespace's `kubernetes` finalizer. */
async function finalize(deps: VerbDeps, request: ResourceRequest): Promise<Answer> {
  const body = await readObject(request, expectedKind(request));
  checkName(request, body);
  const finalizers = (body.spec as core.NamespaceSpec | undefined)?.finalizers ?? [];
  const written = await updateObject(deps, request, {
    mode: 'server',
    next(namespace) {
      const asked = body.metadata.resourceVersion ?? '';
      if (asked !== '' && asked !== namespace.metadata.resourceVersion) throw conflict(request.resource, request.name);
      namespace.spec = { ...(namespace.spec as core.NamespaceSpec), finalizers };
      if (finalizers.length === 0) delete (namespace.spec as core.NamespaceSpec).finalizers;
      return namespace;
    },
  });
  return writtenAnswer(deps, request, written);
}

/** Adds debugging containers to a running pod; those that are there stay as they are. */
async function ephemeralContainers(
  deps: VerbDeps,
  request: ResourceRequest,
  verb: 'update' | 'patch',
): Promise<Answer> {
  const { resource, namespace, name, strategy } = request;
  const key = storageKey(resource, namespace, name);
  const entry = await deps.store.get(key);
  if (entry === undefined) throw notFound(resource, name);
  const patch = verb === 'patch' ? await readPatch(request) : undefined;
  const body = verb === 'update' ? (await readValue(request.body, request.headers)).value : undefined;
  const asked = (current: ApiObject): ApiObject => {
    const value = patch === undefined ? body : applyPatch(patch, current, strategy.schema);
    return asObject(request, expectedKind(request), value);
  };
  checkName(request, asked(storedObject(entry).object as unknown as ApiObject));
  const written = await updateObject(deps, request, {
    mode: 'main',
    startsFromCurrent: true,
    next(current) {
      const wanted = (asked(current).spec as core.PodSpec | undefined)?.ephemeralContainers ?? [];
      const spec = current.spec as core.PodSpec;
      for (const [i, had] of (spec.ephemeralContainers ?? []).entries()) {
        const now = wanted.find((c) => c.name === had.name);
        if (now !== undefined && deepEqual(now, had)) continue;
        const why = `existing ephemeral containers ${JSON.stringify(had.name)} may not be ${now === undefined ? 'removed' : 'changed'}`;
        throw invalid(resource, name, [forbidden(`spec.ephemeralContainers[${i}]`, why)]);
      }
      spec.ephemeralContainers = wanted;
      return current;
    },
  });
  return writtenAnswer(deps, request, written);
}
