// DELETE: preconditions, finalizers, grace, propagation.
import { copyJson, badRequest, conflict, notFound, type ApiObject, type KubeObject } from '../../api/index.ts';
import type { Entry } from '../../store/index.ts';
import { serverMetadata } from '../objects/server-metadata.ts';
import { servedObject, textToStore } from '../objects/served-object.ts';
import { storageKey } from '../objects/storage-key.ts';
import { isDryRun, type ResourceRequest } from '../request/resource-request.ts';
import { remember } from './create.ts';
import { timestamp, type VerbDeps } from './deps.ts';
import { isReadyToGo } from './update.ts';

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly orphanDependents?: boolean;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly dryRun?: readonly string[];
}

export interface Deleted {
  /** The object as it stands now, or as it stood last. */
  readonly object: KubeObject;
  /** False: it waits for finalizers or for its grace to end. */
  readonly gone: boolean;
}

/** @throws StatusError 404, 409 */
export async function deleteObject(deps: VerbDeps, request: ResourceRequest, options: DeleteOptions): Promise<Deleted> {
  const { resource, namespace, name } = request;
  const key = storageKey(resource, namespace, name);
  for (;;) {
    const entry = await deps.store.get(key);
    if (entry === undefined) throw notFound(resource, name);
    const current = servedObject(resource, entry).object;
    checkPreconditions(request, options, current);
    await deps.admission.remove(request, current as ApiObject);
    const deleted = await deleteOnce(deps, request, options, entry);
    if (deleted !== undefined) return deleted;
  }
}

function checkPreconditions(request: ResourceRequest, options: DeleteOptions, current: KubeObject): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const fail = (what: string, asked: string, found: string) =>
    conflict(
      request.resource,
      request.name,
      `Precondition failed: ${what} in precondition: ${asked}, ${what} in object meta: ${found}`,
    );
  if (uid !== undefined && uid !== current.metadata.uid) throw fail('UID', uid, current.metadata.uid);
  if (resourceVersion !== undefined && resourceVersion !== current.metadata.resourceVersion) {
    throw fail('ResourceVersion', resourceVersion, current.metadata.resourceVersion);
  }
}

/** Undefined when the object changed in between. */
async function deleteOnce(
  deps: VerbDeps,
  request: ResourceRequest,
  options: DeleteOptions,
  entry: Entry,
): Promise<Deleted | undefined> {
  const { resource, strategy } = request;
  const current = servedObject(resource, entry).object as ApiObject;
  const next = copyJson(current);
  markDeleted(deps, next, current, {
    finalizers: finalizersAfter(current, options, strategy.defaultPropagation),
    graceSeconds: strategy.gracePeriodSeconds(current, options.gracePeriodSeconds),
  });
  const gone = isReadyToGo(next);
  const dry = isDryRun(request.query) || options.dryRun?.includes('All') === true;
  if (dry) return { object: next as KubeObject, gone };
  const unchanged = !gone && JSON.stringify(next) === JSON.stringify(current);
  if (unchanged) return { object: current as KubeObject, gone: false };
  const compares = [{ key: entry.key, revision: entry.revision }];
  if (gone) {
    const released = await deps.attachments.allocate(resource, undefined, current);
    const result = await deps.store.commit(compares, [{ type: 'delete', key: entry.key }, ...(released?.ops ?? [])]);
    return result.committed ? { object: next as KubeObject, gone } : undefined;
  }
  const value = textToStore(resource, next as KubeObject);
  const result = await deps.store.commit(compares, [{ type: 'put', key: entry.key, value }]);
  return result.committed ? { object: remember(resource, result.entries[0], next).object, gone } : undefined;
}

function markDeleted(
  deps: VerbDeps,
  next: ApiObject,
  current: ApiObject,
  how: { finalizers: readonly string[]; graceSeconds: number },
): void {
  const metadata = serverMetadata(next);
  if (how.finalizers.length > 0) metadata.finalizers = [...how.finalizers];
  else delete metadata.finalizers;
  const wasDeleted = current.metadata.deletionTimestamp !== undefined;
  const graceBefore = current.metadata.deletionGracePeriodSeconds ?? 0;
  // A second delete may shorten the grace, never lengthen it.
  const grace = wasDeleted ? Math.min(how.graceSeconds, graceBefore) : how.graceSeconds;
  if (!wasDeleted || grace < graceBefore) {
    const start = wasDeleted ? Date.parse(current.metadata.deletionTimestamp ?? '') - graceBefore * 1000 : undefined;
    metadata.deletionGracePeriodSeconds = grace;
    metadata.deletionTimestamp =
      start === undefined
        ? timestamp(deps.clock, grace)
        : `${new Date(start + grace * 1000).toISOString().slice(0, 19)}Z`;
    if (!wasDeleted && metadata.generation !== undefined) metadata.generation += 1;
  }
  if (next.kind === 'Namespace') {
    next.status = { ...(next.status as object | undefined), phase: 'Terminating' };
  }
}

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

/** The finalizers by which the garbage collector learns what to do with dependents. */
function finalizersAfter(
  current: ApiObject,
  options: DeleteOptions,
  fallback: 'Background' | 'Orphan',
): readonly string[] {
  const present = current.metadata.finalizers ?? [];
  const { propagationPolicy, orphanDependents } = options;
  if (propagationPolicy !== undefined && orphanDependents !== undefined) {
    throw badRequest('orphanDependents and propagationPolicy cannot both be set');
  }
  const asked =
    propagationPolicy ?? (orphanDependents === undefined ? undefined : orphanDependents ? 'Orphan' : 'Background');
  const has = present.includes(ORPHAN) || present.includes(FOREGROUND);
  // Without word from the client the object's own finalizers decide, then the kind's habit.
  if (asked === undefined && has) return present;
  const wanted = asked ?? fallback;
  const others = present.filter((f) => f !== ORPHAN && f !== FOREGROUND);
  if (wanted === 'Orphan') return [...others, ORPHAN];
  if (wanted === 'Foreground') return [...others, FOREGROUND];
  return others;
}
