// The verbs of a stored resource: from a routed request to an answer.
import {
  invalid,
  invalidValue,
  isNotFound,
  methodNotAllowed,
  notFound,
  notSupported,
  type ApiObject,
  type KubeObject,
} from '../../api/index.ts';
import { serverMetadata } from '../objects/server-metadata.ts';
import { servedObject } from '../objects/served-object.ts';
import { storageKey } from '../objects/storage-key.ts';
import { storedAnswer, valueAnswer, type Answer } from '../request/answer.ts';
import { asObject, readObject, readValue } from '../request/decode-request.ts';
import { listQuery, parseRevision, watchQuery } from '../request/list-options.ts';
import type { Verb } from '../request/request-path.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import { successStatus } from '../request/status-answer.ts';
import { objectForm, watchBatches } from '../watch/watch-batches.ts';
import { checkName, expectedKind } from '../request/body-target.ts';
import { createObject, type Written } from './create.ts';
import { deleteObject, type DeleteOptions } from './delete.ts';
import type { VerbDeps } from './deps.ts';
import { listObjects } from './list.ts';
import { patchObject } from './patch.ts';
import { reach } from './reach.ts';
import { selectionOf, type Selection } from './selection.ts';
import { shapeOf } from './shape.ts';
import { updateObject, type UpdateMode } from './update.ts';

export async function runVerb(deps: VerbDeps, request: ResourceRequest, verb: Verb): Promise<Answer> {
  switch (verb) {
    case 'get':
      return get(deps, request);
    case 'list':
      return list(deps, request);
    case 'watch':
      return watch(deps, request);
    case 'create':
      if (request.name !== '') throw methodNotAllowed();
      return create(deps, request);
    case 'update':
      if (request.name === '') throw methodNotAllowed();
      return update(deps, request, 'main');
    case 'patch':
      if (request.name === '') throw methodNotAllowed();
      return writtenAnswer(deps, request, await patchObject(deps, request, 'main'));
    case 'delete':
      return remove(deps, request);
    case 'deletecollection':
      return removeAll(deps, request);
  }
}

export async function get(deps: VerbDeps, request: ResourceRequest): Promise<Answer> {
  const { resource, namespace, name } = request;
  const oldest = request.query.get('resourceVersion') ?? '';
  const age = oldest === '' ? {} : { notOlderThan: parseRevision(oldest) };
  if (age.notOlderThan !== undefined) await reach(deps.store, age.notOlderThan);
  const entry = await deps.store.get(storageKey(resource, namespace, name), age);
  if (entry === undefined) throw notFound(resource, name);
  const stored = servedObject(resource, entry);
  const shape = shapeOf(request, deps.clock);
  return shape === undefined ? storedAnswer(stored) : valueAnswer(shape.one(stored.object));
}

function selectionFor(request: ResourceRequest, query: ReturnType<typeof listQuery>): Selection {
  const fieldsOf = (object: KubeObject) => request.strategy.selectableFields(object as unknown as ApiObject);
  return selectionOf(query.labels, query.fields, fieldsOf, request.name);
}

async function list(deps: VerbDeps, request: ResourceRequest): Promise<Answer> {
  const query = listQuery(request.query);
  const shape = shapeOf(request, deps.clock);
  const listed = await listObjects(deps.store, request, query, selectionFor(request, query));
  const metadata = {
    resourceVersion: String(listed.revision),
    ...(listed.continueToken === '' ? {} : { continue: listed.continueToken }),
    ...(listed.remaining === undefined ? {} : { remainingItemCount: listed.remaining }),
  };
  if (shape !== undefined) {
    const objects = listed.items.map((item) => item.object);
    return valueAnswer(shape.list(objects, metadata));
  }
  const { apiVersion, kind } = expectedKind(request);
  return { status: 200, body: { form: 'list', apiVersion, kind: `${kind}List`, metadata, items: listed.items } };
}

async function watch(deps: VerbDeps, request: ResourceRequest): Promise<Answer> {
  const query = watchQuery(request.query);
  const shape = shapeOf(request, deps.clock);
  const batches = await watchBatches({
    store: deps.store,
    clock: deps.clock,
    target: { resource: request.resource, namespace: request.namespace, ...expectedKind(request) },
    query,
    selection: selectionFor(request, query),
    form: shape?.events() ?? objectForm,
    signal: request.signal,
  });
  return { status: 200, body: { form: 'watch', batches } };
}

/** The object just written, in the form the client asked for. */
export function writtenAnswer(deps: VerbDeps, request: ResourceRequest, written: Written, status = 200): Answer {
  const { object, stored } = written;
  const shape = shapeOf(request, deps.clock);
  if (shape !== undefined) return valueAnswer(shape.one(object), status);
  return stored === undefined ? valueAnswer(object, status) : storedAnswer(stored, status);
}

async function create(deps: VerbDeps, request: ResourceRequest): Promise<Answer> {
  const draft = await readObject(request, expectedKind(request));
  return writtenAnswer(deps, request, await createObject(deps, request, draft), 201);
}

export async function update(deps: VerbDeps, request: ResourceRequest, mode: UpdateMode): Promise<Answer> {
  const { value, duplicateFields } = await readValue(request.body, request.headers);
  const object = asObject(request, expectedKind(request), value, duplicateFields);
  checkName(request, object);
  const quiet = { query: new URLSearchParams('fieldValidation=Ignore'), warnings: [] };
  // Another round of the race must start from what the client sent, not from what the last round made of it.
  const again = () => asObject(quiet, expectedKind(request), value);
  let first: ApiObject | undefined = object;
  try {
    const written = await updateObject(deps, request, {
      mode,
      next: () => {
        const next = first ?? again();
        first = undefined;
        return next;
      },
    });
    return writtenAnswer(deps, request, written);
  } catch (error) {
    if (!isNotFound(error) || mode !== 'main' || !request.strategy.allowsCreateOnUpdate) throw error;
    const draft = again();
    delete serverMetadata(draft).resourceVersion;
    draft.metadata.name = request.name;
    return writtenAnswer(deps, request, await createObject(deps, request, draft), 201);
  }
}

async function deleteOptions(request: ResourceRequest): Promise<DeleteOptions> {
  const { value } = await readValue(request.body, request.headers);
  const { query } = request;
  const body = (value ?? {}) as DeleteOptions;
  // The same options may stand in the query instead.
  const grace = query.get('gracePeriodSeconds');
  const policy = query.get('propagationPolicy');
  const orphan = query.get('orphanDependents');
  const options: DeleteOptions = {
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === null ? {} : { propagationPolicy: policy as 'Background' }),
    ...(orphan === null ? {} : { orphanDependents: orphan === 'true' }),
    ...body,
  };
  checkDeleteOptions(options);
  return options;
}

const POLICIES = ['Background', 'Foreground', 'Orphan'];

function checkDeleteOptions({ gracePeriodSeconds, propagationPolicy }: DeleteOptions): void {
  const errors = [];
  if (gracePeriodSeconds !== undefined && !(Number.isInteger(gracePeriodSeconds) && gracePeriodSeconds >= 0)) {
    errors.push(invalidValue('gracePeriodSeconds', gracePeriodSeconds, 'must be greater than or equal to 0'));
  }
  if (propagationPolicy !== undefined && !POLICIES.includes(propagationPolicy)) {
    errors.push(notSupported('propagationPolicy', propagationPolicy, POLICIES));
  }
  if (errors.length > 0) throw invalid({ group: '', kind: 'DeleteOptions' }, '', errors);
}

async function remove(deps: VerbDeps, request: ResourceRequest): Promise<Answer> {
  const { object, gone } = await deleteObject(deps, request, await deleteOptions(request));
  if (!gone || request.strategy.returnsObjectOnDelete) return valueAnswer(object);
  const { resource, name } = request;
  return successStatus({
    name,
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
    uid: object.metadata.uid,
  });
}

/** Deletes one by one what a list shows; answers with that list. */
async function removeAll(deps: VerbDeps, request: ResourceRequest): Promise<Answer> {
  const query = listQuery(request.query);
  const listed = await listObjects(deps.store, request, query, selectionFor(request, query));
  const options = await deleteOptions(request);
  await Promise.all(
    listed.items.map(async ({ object }) => {
      const one = { ...request, name: object.metadata.name, namespace: object.metadata.namespace ?? '' };
      await deleteObject(deps, one, options).catch((error: unknown) => {
        // Somebody else deleted it first.
        if (!isNotFound(error)) throw error;
      });
    }),
  );
  const { apiVersion, kind } = expectedKind(request);
  const metadata = { resourceVersion: String(deps.store.currentRevision) };
  return { status: 200, body: { form: 'list', apiVersion, kind: `${kind}List`, metadata, items: listed.items } };
}
