// UPDATE in all its forms (PUT, PATCH, apply, status and other subresources): read, change, validate, compare and set.
import {
  copyJson,
  conflict,
  deepEqual,
  invalid,
  invalidValue,
  notFound,
  trackUpdate,
  type ApiObject,
  type KubeObject,
} from '../../api/index.ts';
import type { Entry } from '../../store/index.ts';
import { serverMetadata } from '../objects/server-metadata.ts';
import { servedObject, textToStore } from '../objects/served-object.ts';
import { storageKey } from '../objects/storage-key.ts';
import { fieldManagerOf, isDryRun, type ResourceRequest } from '../request/resource-request.ts';
import { remember, type Written } from './create.ts';
import type { VerbDeps } from './deps.ts';
import { timestamp } from './deps.ts';

/** Which part of the object may change. `server`: the server itself writes, by no client's strategy. */
export type UpdateMode = 'main' | 'status' | 'server';

export interface ObjectChange {
  readonly mode: UpdateMode;
  /**
   * The object as it shall be, made from a copy of the current one. Called again when somebody else was faster.
   * @throws StatusError
   */
  next(current: ApiObject): ApiObject | Promise<ApiObject>;
  /** Set by apply, which keeps its own record of field owners. */
  readonly managesFields?: boolean;
  /** `next` starts from the current object: its version is then no wish of the client, and a lost race is run again. */
  readonly startsFromCurrent?: true;
}

/** Another round is cheap; a client that loses this often learns of the conflict. */
const ATTEMPTS = 20;

/** @throws StatusError 404 when the object does not exist. */
export async function updateObject(deps: VerbDeps, request: ResourceRequest, change: ObjectChange): Promise<Written> {
  const { resource, namespace, name } = request;
  const key = storageKey(resource, namespace, name);
  for (let attempt = 1; ; attempt++) {
    const entry = await deps.store.get(key);
    if (entry === undefined) throw notFound(resource, name);
    const previous = servedObject(resource, entry).object as ApiObject;
    const next = await change.next(copyJson(previous));
    const pinned = checkVersion(request, next, previous, change.mode) && change.startsFromCurrent !== true;
    const written = await updateOnce(deps, request, change, entry, next);
    if (written !== undefined) return written;
    if (pinned || attempt >= ATTEMPTS) throw conflict(resource, name);
  }
}

/** True when the client named the version it wants to replace. */
function checkVersion(request: ResourceRequest, next: ApiObject, previous: ApiObject, mode: UpdateMode): boolean {
  if (mode === 'server') return false;
  const { resource, name, strategy } = request;
  const asked = next.metadata.resourceVersion ?? '';
  if (asked === '' || asked === '0') {
    if (strategy.allowsUnconditionalUpdate) return false;
    throw invalid(resource, name, [invalidValue('metadata.resourceVersion', 0, 'must be specified for an update')]);
  }
  if (asked !== previous.metadata.resourceVersion) throw conflict(resource, name);
  const uid = next.metadata.uid ?? '';
  if (uid !== '' && uid !== previous.metadata.uid) {
    throw conflict(
      resource,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${previous.metadata.uid}`,
    );
  }
  return true;
}

/** Undefined when the object changed in between. */
async function updateOnce(
  deps: VerbDeps,
  request: ResourceRequest,
  change: ObjectChange,
  entry: Entry,
  next: ApiObject,
): Promise<Written | undefined> {
  const { resource, strategy, name } = request;
  const stored = servedObject(resource, entry);
  const previous = stored.object as ApiObject;
  if (change.mode !== 'server') {
    next.metadata.namespace = previous.metadata.namespace;
    if (next.metadata.namespace === undefined) delete next.metadata.namespace;
    strategy.applyDefaults(next);
  }
  if (change.managesFields !== true) {
    trackUpdate({
      schema: strategy.schema,
      next,
      previous,
      manager: fieldManagerOf(request),
      time: timestamp(deps.clock),
      subresource: request.subresource,
    });
  }
  if (change.mode !== 'server') {
    if (change.mode === 'status') strategy.prepareForStatusUpdate(next, previous);
    else strategy.prepareForUpdate(next, previous);
    await deps.admission.update(request, next, previous);
  }
  if (change.mode === 'main') deps.attachments.prepare(resource, next, previous);
  const attachment = change.mode === 'main' ? await deps.attachments.allocate(resource, next, previous) : undefined;
  try {
    if (change.mode !== 'server') {
      const errors =
        change.mode === 'status'
          ? strategy.validateStatusUpdate(next, previous)
          : strategy.validateUpdate(next, previous);
      if (errors.length > 0) throw invalid(resource, name, errors);
      request.warnings.push(...strategy.warnings(next, previous));
    }
    serverMetadata(next).resourceVersion = stored.resourceVersion;
    if (deepEqual(next, previous)) return { object: stored.object, stored };
    if (isDryRun(request.query)) return { object: next as KubeObject, stored: undefined };
    const gone = isReadyToGo(next);
    const released = gone ? await deps.attachments.allocate(resource, undefined, previous) : undefined;
    const result = await deps.store.commit(
      [{ key: entry.key, revision: entry.revision }, ...(gone ? [] : (attachment?.compares ?? []))],
      gone
        ? [{ type: 'delete', key: entry.key }, ...(released?.ops ?? [])]
        : [
            { type: 'put', key: entry.key, value: textToStore(resource, next as KubeObject) },
            ...(attachment?.ops ?? []),
          ],
    );
    if (!result.committed) {
      if (result.key !== entry.key) attachment?.lost(result.key);
      return undefined;
    }
    if (gone) return { object: next as KubeObject, stored: undefined };
    return remember(resource, result.entries[0], next);
  } finally {
    attachment?.release();
  }
}

/** A deleted object whose last finalizer went, and whose grace is over, goes with this very write. */
export function isReadyToGo(object: ApiObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  if (deletionTimestamp === undefined || (finalizers ?? []).length > 0) return false;
  if (object.kind === 'Namespace' && ((object.spec as { finalizers?: string[] })?.finalizers ?? []).length > 0) {
    return false;
  }
  return (deletionGracePeriodSeconds ?? 0) === 0;
}
