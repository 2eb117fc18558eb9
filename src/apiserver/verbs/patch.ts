// PATCH: four kinds of document, one way to write.
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  serverSideApply,
  badRequest,
  isNotFound,
  unsupportedMediaType,
  type ApiObject,
} from '../../api/index.ts';
import { serverMetadata } from '../objects/server-metadata.ts';
import { asObject, readValue } from '../request/decode-request.ts';
import { flag } from '../request/list-options.ts';
import { fieldManagerOf, type ResourceRequest } from '../request/resource-request.ts';
import { createObject, type Written } from './create.ts';
import { timestamp, type VerbDeps } from './deps.ts';
import { checkName, expectedKind } from '../request/body-target.ts';
import { updateObject, type UpdateMode } from './update.ts';

export type PatchKind = 'json' | 'merge' | 'strategic' | 'apply';

const KINDS: Readonly<Record<string, PatchKind>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

/** @throws StatusError 415 */
export function patchKind(contentType: string | undefined): PatchKind {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const kind = KINDS[type];
  if (kind === undefined) throw unsupportedMediaType(Object.keys(KINDS));
  return kind;
}

export interface Patch {
  readonly kind: PatchKind;
  readonly document: unknown;
}

export async function readPatch(request: ResourceRequest): Promise<Patch> {
  const kind = patchKind(request.headers['content-type']);
  const { value } = await readValue(request.body, request.headers);
  if (value === undefined || value === null) throw badRequest('the request has no body; a patch document is expected');
  return { kind, document: value };
}

/** The patched value, before it is read as its kind again. */
export function applyPatch(patch: Patch, current: unknown, schema: string): unknown {
  switch (patch.kind) {
    case 'json':
      return applyJsonPatch(current, patch.document);
    case 'merge':
      return applyMergePatch(current, patch.document);
    case 'strategic':
      return applyStrategicMergePatch(schema, current, patch.document);
    case 'apply':
      throw badRequest('server-side apply is not possible on this resource');
  }
}

export async function patchObject(deps: VerbDeps, request: ResourceRequest, mode: UpdateMode): Promise<Written> {
  const patch = await readPatch(request);
  if (patch.kind === 'apply') return applyObject(deps, request, patch, mode);
  return updateObject(deps, request, {
    mode,
    // A patch that names another version than the current one meets a conflict.
    startsFromCurrent: true,
    next(current) {
      const next = asObject(request, expectedKind(request), applyPatch(patch, current, request.strategy.schema));
      checkName(request, next);
      return next;
    },
  });
}

async function applyObject(deps: VerbDeps, request: ResourceRequest, patch: Patch, mode: UpdateMode): Promise<Written> {
  if ((request.query.get('fieldManager') ?? '') === '') {
    throw badRequest(
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  }
  const config = asObject(request, expectedKind(request), patch.document);
  checkName(request, config);
  if (config.metadata.managedFields !== undefined) {
    throw badRequest('metadata.managedFields must be nil');
  }
  const how = {
    manager: fieldManagerOf(request),
    force: flag(request.query, 'force') ?? false,
    time: timestamp(deps.clock),
    subresource: request.subresource,
  };
  const merged = (current: ApiObject | undefined) =>
    serverSideApply({ schema: request.strategy.schema, current, config, ...how });
  try {
    return await updateObject(deps, request, {
      mode,
      managesFields: true,
      startsFromCurrent: true,
      next(current) {
        const next = merged(current);
        const asked = config.metadata.resourceVersion ?? '';
        serverMetadata(next).resourceVersion = asked === '' ? current.metadata.resourceVersion : asked;
        return next;
      },
    });
  } catch (error) {
    if (!isNotFound(error) || mode !== 'main') throw error;
    if ((config.metadata.uid ?? '') !== '') throw error;
    return createObject(deps, request, merged(undefined), { managesFields: true });
  }
}
