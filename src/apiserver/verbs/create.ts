// CREATE: from a decoded draft to a stored object.
import { randomUUID } from 'node:crypto';
import {
  copyJson,
  alreadyExists,
  badRequest,
  generateNameConflict,
  invalid,
  trackUpdate,
  type ApiObject,
  type KubeObject,
  type Resource,
} from '../../api/index.ts';
import type { Entry } from '../../store/index.ts';
import { serverMetadata } from '../objects/server-metadata.ts';
import { servedObject, textToStore } from '../objects/served-object.ts';
import type { StoredObject } from '../objects/stored-object.ts';
import { storageKey } from '../objects/storage-key.ts';
import { fieldManagerOf, isDryRun, type ResourceRequest } from '../request/resource-request.ts';
import { withOtherCauses } from './allocation-failure.ts';
import type { VerbDeps } from './deps.ts';
import { timestamp } from './deps.ts';
import { generateName, NAME_ATTEMPTS } from './generate-name.ts';

export interface Written {
  /** The object as the client sees it; after a dry run it is not stored. */
  readonly object: KubeObject;
  readonly stored: StoredObject | undefined;
}

export interface CreateOptions {
  /** Set by apply, which keeps its own record of field owners. */
  readonly managesFields?: boolean;
}

/** The draft belongs to the callee. @throws StatusError */
export async function createObject(
  deps: VerbDeps,
  request: ResourceRequest,
  draft: ApiObject,
  options: CreateOptions = {},
): Promise<Written> {
  const { resource, strategy } = request;
  const { metadata } = draft;
  if (resource.namespaced) {
    metadata.namespace ??= request.namespace;
    if (metadata.namespace !== request.namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
  }
  if ((metadata.resourceVersion ?? '') !== '') {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  const generated = (metadata.name ?? '') === '' && (metadata.generateName ?? '') !== '';
  for (let attempt = 1; ; attempt++) {
    const one = generated && attempt < NAME_ATTEMPTS ? copyJson(draft) : draft;
    if (generated) one.metadata.name = generateName(metadata.generateName ?? '');
    const written = await createOnce(deps, request, one);
    if (written !== undefined) return written;
    if (!generated) throw alreadyExists(resource, metadata.name ?? '');
    if (attempt >= NAME_ATTEMPTS) throw generateNameConflict(resource, one.metadata.name ?? '');
  }

  /** Undefined when the name is taken. */
  async function createOnce(d: VerbDeps, r: ResourceRequest, object: ApiObject): Promise<Written | undefined> {
    const key = storageKey(resource, object.metadata.namespace, object.metadata.name ?? '');
    const system = serverMetadata(object);
    system.uid = randomUUID();
    system.creationTimestamp = timestamp(d.clock);
    delete system.deletionTimestamp;
    delete system.deletionGracePeriodSeconds;
    delete system.selfLink;
    strategy.applyDefaults(object);
    // What the server adds from here on is nobody's.
    if (options.managesFields !== true) {
      const time = timestamp(d.clock);
      trackUpdate({ schema: strategy.schema, next: object, manager: fieldManagerOf(r), time, subresource: '' });
    }
    await d.admission.create(r, object);
    strategy.prepareForCreate(object);
    if ((await d.store.get(key)) !== undefined) return undefined;
    try {
      d.attachments.prepare(resource, object, undefined);
    } catch (failure) {
      throw withOtherCauses(failure, resource, object.metadata.name ?? '', strategy.validateCreate(object));
    }
    return commitNew(d, r, key, object);
  }
}

async function commitNew(
  deps: VerbDeps,
  request: ResourceRequest,
  key: string,
  draft: ApiObject,
): Promise<Written | undefined> {
  const { resource, strategy } = request;
  for (let attempt = 1; ; attempt++) {
    // What is allocated in one attempt must not look like a request in the next.
    const object = deps.attachments.concern(resource) ? copyJson(draft) : draft;
    const attachment = await deps.attachments.allocate(resource, object, undefined).catch((failure: unknown) => {
      throw withOtherCauses(failure, resource, object.metadata.name ?? '', strategy.validateCreate(object));
    });
    try {
      const errors = strategy.validateCreate(object);
      if (errors.length > 0) throw invalid(resource, object.metadata.name ?? '', errors);
      if (attempt === 1) request.warnings.push(...strategy.warnings(object));
      if (isDryRun(request.query)) return { object: object as KubeObject, stored: undefined };
      const result = await deps.store.commit(
        [{ key, revision: 0 }, ...(attachment?.compares ?? [])],
        [{ type: 'put', key, value: textToStore(resource, object as KubeObject) }, ...(attachment?.ops ?? [])],
      );
      if (result.committed) return remember(resource, result.entries[0], object);
      if (result.key === key) return undefined;
      // An address went to somebody else in the same moment: choose another, unless the client named it.
      attachment?.lost(result.key);
    } finally {
      attachment?.release();
    }
  }
}

/** The result of a put that the store acknowledged. */
export function remember(resource: Resource, entry: Entry | undefined, object: ApiObject): Written {
  if (entry === undefined) throw new Error('the store acknowledged a put and returned no entry for it');
  const stored = servedObject(resource, entry);
  const whole = { ...object, metadata: { ...object.metadata, resourceVersion: stored.resourceVersion } } as KubeObject;
  stored.remember(whole);
  return { object: whole, stored };
}
