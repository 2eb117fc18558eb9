// metadata.managedFields: who set which field. Every write updates it; server-side apply lives by it.
import { applyConflict } from '../errors.ts';
import { isObject } from '../json.ts';
import type { StatusCause } from '../status-error.ts';
import type { ApiObject } from '../strategy/contract.ts';
import type { meta } from '../types.ts';
import { PathSet, formatPath } from './path-set.ts';
import type { Place } from './type-shape.ts';
import { childPlace, rootPlace, shapeOf } from './type-shape.ts';
import { compareValues } from './typed-values.ts';

/** Above this many writers by Update, the oldest are counted as one. */
const maxUpdateManagers = 10;
const ancientManager = 'ancient-changes';

/** One writer's entry, decoded. */
export interface Owner {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  time: string | undefined;
  set: PathSet;
}

export interface UpdateToTrack {
  /** Qualified name of the schema: `core.Service`. */
  readonly schema: string;
  /** The object about to be stored; its managedFields are replaced. */
  readonly next: ApiObject;
  readonly previous?: ApiObject | undefined;
  readonly manager: string;
  /** RFC 3339, seconds. */
  readonly time: string;
  /** '' for the main resource. */
  readonly subresource: string;
}

/** Fields that nobody owns: the server writes them, or they name the object. */
const neverOwned = ((): PathSet => {
  const set = new PathSet();
  for (const name of ['apiVersion', 'kind', 'metadata']) set.insert([`f:${name}`]);
  const server = [
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'clusterName',
    'generation',
    'managedFields',
    'resourceVersion',
  ];
  for (const name of server) set.insert(['f:metadata', `f:${name}`]);
  return set;
})();

/** Writes managedFields of `next` for a create, an update or a patch that is not an apply. */
export function trackUpdate(update: UpdateToTrack): void {
  const { next, previous, manager, time, subresource } = update;
  const owners = ownersBefore(next, previous, subresource);
  const place = rootPlace(update.schema);
  const change = compareValues(place, previous === undefined ? {} : stripped(previous), stripped(next));
  const ignored = ignoredFields(place, subresource);
  const gained = change.added.union(change.modified).without(ignored).difference(neverOwned);
  // What a writer of this subresource cannot take away stays with its owners.
  const lost = gained.union(change.removed.without(ignored));
  for (const owner of owners) owner.set = owner.set.difference(lost);
  if (!gained.isEmpty) {
    const key = { manager, operation: 'Update' as const, apiVersion: next.apiVersion ?? '', subresource };
    const mine = owners.find((o) => sameOwner(o, key));
    if (mine === undefined) owners.push({ ...key, time, set: gained });
    else {
      mine.set = mine.set.union(gained);
      mine.time = time;
    }
  }
  writeOwners(next, capOwners(owners));
}

/** What the client sends counts, so that owners can be edited; who sends none keeps those of the stored object. */
function ownersBefore(next: ApiObject, previous: ApiObject | undefined, subresource: string): Owner[] {
  const sent = next.metadata.managedFields ?? [];
  const [only] = sent;
  // One empty entry is how a client asks for a fresh start.
  if (subresource === '' && sent.length === 1 && only !== undefined && Object.keys(only).length === 0) return [];
  const owners = subresource === '' ? readOwners(sent) : [];
  return owners.length > 0 ? owners : readOwners(previous?.metadata.managedFields);
}

/** What a subresource's writers cannot set: on the main resource status, on status everything else. */
export function ignoredFields(place: Place, subresource: string): PathSet {
  const set = new PathSet();
  const shape = shapeOf(place);
  if (shape.form !== 'struct') return set;
  if (subresource === '') {
    if (childPlace(shape, 'status') !== undefined) set.insert(['f:status']);
  } else if (subresource === 'status') {
    for (const name of shape.schema.fields.keys()) {
      if (!['status', 'metadata', 'apiVersion', 'kind'].includes(name)) set.insert([`f:${name}`]);
    }
  }
  return set;
}

/** The object without what is never owned, so that it does not show up as a change. */
export function stripped(object: ApiObject): Record<string, unknown> {
  const { managedFields: _m, ...metadata } = object.metadata;
  return { ...object, metadata };
}

export const neverOwnedFields: PathSet = neverOwned;

type OwnerKey = Pick<Owner, 'manager' | 'operation' | 'apiVersion' | 'subresource'>;

/** An applier is the same whatever version it speaks; an updater is one per version. */
export const sameOwner = (a: OwnerKey, b: OwnerKey): boolean =>
  a.manager === b.manager &&
  a.operation === b.operation &&
  a.subresource === b.subresource &&
  (a.operation === 'Apply' || a.apiVersion === b.apiVersion);

export function readOwners(entries: readonly meta.ManagedFieldsEntry[] | undefined): Owner[] {
  return (entries ?? []).flatMap((e) => {
    if (e.fieldsType !== 'FieldsV1' || !isObject(e.fieldsV1)) return [];
    return [
      {
        manager: e.manager ?? '',
        operation: e.operation === 'Apply' ? ('Apply' as const) : ('Update' as const),
        apiVersion: e.apiVersion ?? '',
        subresource: e.subresource ?? '',
        time: e.time,
        set: PathSet.fromJson(e.fieldsV1),
      },
    ];
  });
}

export function writeOwners(object: ApiObject, owners: readonly Owner[]): void {
  const entries = owners
    .filter((o) => !o.set.isEmpty)
    .toSorted(compareOwners)
    .map((o) => ({
      manager: o.manager,
      operation: o.operation,
      apiVersion: o.apiVersion,
      ...(o.time === undefined ? {} : { time: o.time }),
      fieldsType: 'FieldsV1',
      fieldsV1: o.set.toJson(),
      ...(o.subresource === '' ? {} : { subresource: o.subresource }),
    }));
  if (entries.length === 0) delete object.metadata.managedFields;
  else object.metadata.managedFields = entries as meta.ManagedFieldsEntry[];
}

function compareOwners(a: Owner, b: Owner): number {
  const by = (x: string, y: string): number => (x < y ? -1 : x > y ? 1 : 0);
  return (
    by(a.operation, b.operation) ||
    by(a.time ?? '', b.time ?? '') ||
    by(a.manager, b.manager) ||
    by(a.apiVersion, b.apiVersion) ||
    by(a.subresource, b.subresource)
  );
}

/** Merges the oldest updaters into one entry per version when there are too many. */
function capOwners(owners: readonly Owner[]): readonly Owner[] {
  const updaters = owners
    .filter((o) => o.operation === 'Update' && o.subresource === '' && !o.set.isEmpty)
    .toSorted(compareOwners);
  let excess = updaters.length - maxUpdateManagers;
  if (excess <= 0) return owners;
  const dropped = new Set<Owner>();
  const buckets = new Map<string, Owner>();
  for (const o of updaters) {
    if (excess <= 0) break;
    dropped.add(o);
    const bucket = buckets.get(o.apiVersion);
    if (bucket === undefined) buckets.set(o.apiVersion, { ...o, manager: ancientManager });
    else {
      bucket.set = bucket.set.union(o.set);
      bucket.time = o.time;
      excess--;
    }
  }
  return [...owners.filter((o) => !dropped.has(o)), ...buckets.values()];
}

export interface OwnershipConflict {
  readonly owner: Owner;
  readonly paths: readonly (readonly string[])[];
}

function describeOwner(o: Owner): string {
  const name = `${JSON.stringify(o.manager)}${o.subresource === '' ? '' : ` with subresource ${JSON.stringify(o.subresource)}`}`;
  return o.operation === 'Update' ? `${name} using ${o.apiVersion}` : name;
}

/** 409 naming every field and who owns it. */
export function ownershipConflictError(conflicts: readonly OwnershipConflict[]) {
  const causes: StatusCause[] = conflicts.flatMap(({ owner, paths }) =>
    paths.map((p) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${describeOwner(owner)}`,
      field: formatPath(p),
    })),
  );
  const [only] = causes;
  if (causes.length === 1 && only !== undefined) {
    return applyConflict(`Apply failed with 1 conflict: ${only.message}: ${only.field}`, causes);
  }
  const lines = conflicts.flatMap(({ owner, paths }) => [
    `conflicts with ${describeOwner(owner)}:`,
    ...paths.map((p) => `- ${formatPath(p)}`),
  ]);
  return applyConflict(`Apply failed with ${causes.length} conflicts: ${lines.join('\n')}`, causes);
}
