// A pod's priority: the number and the policy of the class that it names, or of the default class.
import {
  forbiddenBecause,
  isSystemPriorityClass,
  pods,
  priorityClasses,
  type ApiObject,
  type core,
  type PriorityClass,
} from '../../api/index.ts';
import type { Store } from '../../store/index.ts';
import { keyPrefix, storageKey } from '../objects/storage-key.ts';
import { storedObject } from '../objects/stored-object.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import type { AdmissionStep } from './admission.ts';

/** Of several defaults, which two writers at once could make, the least counts. */
async function defaultClass(store: Store): Promise<PriorityClass | undefined> {
  const { entries } = await store.list(keyPrefix(priorityClasses, ''));
  return entries
    .map((entry) => storedObject(entry).object as PriorityClass)
    .filter((c) => c.globalDefault === true)
    .toSorted((a, b) => a.value - b.value)[0];
}

async function classOf(spec: core.PodSpec, request: ResourceRequest, podName: string, store: Store) {
  const name = spec.priorityClassName ?? '';
  if (name === '') return defaultClass(store);
  const entry = await store.get(storageKey(priorityClasses, '', name));
  if (entry === undefined) {
    throw forbiddenBecause(request.resource, podName, `no PriorityClass with name ${name} was found`);
  }
  return storedObject(entry).object as PriorityClass;
}

async function resolvePriority(request: ResourceRequest, draft: ApiObject, store: Store): Promise<void> {
  const spec = draft.spec as core.PodSpec | undefined;
  if (spec === undefined) return;
  const podName = draft.metadata.name ?? '';
  const priorityClass = await classOf(spec, request, podName, store);
  const { value, preemptionPolicy: policy } = priorityClass ?? { value: 0, preemptionPolicy: 'PreemptLowerPriority' };
  const refuse = (what: string, given: unknown, computed: unknown) =>
    forbiddenBecause(
      request.resource,
      podName,
      `the ${what} (${String(given)}) must not be provided in pod spec; priority admission controller computed ${String(computed)} from the given PriorityClass name`,
    );
  if (spec.priority !== undefined && spec.priority !== value) {
    throw refuse('integer value of priority', spec.priority, value);
  }
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
    throw refuse('string value of PreemptionPolicy', spec.preemptionPolicy, policy);
  }
  if (priorityClass !== undefined) spec.priorityClassName = priorityClass.metadata.name;
  spec.priority = value;
  if (policy !== undefined) spec.preemptionPolicy = policy;
}

/** A client that sends a pod back without what the server filled in does not mean to take it away. */
function keepPriority(next: ApiObject, previous: ApiObject): void {
  const [spec, old] = [next.spec, previous.spec] as (core.PodSpec | undefined)[];
  if (spec === undefined || old === undefined) return;
  if (old.priority !== undefined) spec.priority ??= old.priority;
  if (old.preemptionPolicy !== undefined) spec.preemptionPolicy ??= old.preemptionPolicy;
}

async function checkSingleDefault(request: ResourceRequest, draft: ApiObject, store: Store): Promise<void> {
  if (draft['globalDefault'] !== true) return;
  const present = await defaultClass(store);
  if (present === undefined || present.metadata.name === draft.metadata.name) return;
  throw forbiddenBecause(
    request.resource,
    draft.metadata.name ?? '',
    `PriorityClass ${present.metadata.name} is already marked as default. Only one default can exist`,
  );
}

export const priority: AdmissionStep = {
  async create(request, draft, store) {
    if (request.resource === pods && request.subresource === '') await resolvePriority(request, draft, store);
    if (request.resource === priorityClasses) await checkSingleDefault(request, draft, store);
  },
  async update(request, next, previous, store) {
    if (request.resource === pods && request.subresource === '') keepPriority(next, previous);
    if (request.resource === priorityClasses) await checkSingleDefault(request, next, store);
  },
  remove(request, current) {
    if (request.resource !== priorityClasses || !isSystemPriorityClass(current.metadata.name ?? '')) return;
    const why = 'this is a system priority class and cannot be deleted';
    throw forbiddenBecause(priorityClasses, current.metadata.name ?? '', why);
  },
};
