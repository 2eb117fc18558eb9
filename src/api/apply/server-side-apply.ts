// Server-side apply: what one manager wants, merged into the live object; fields it wanted before and no longer
// names go away unless somebody else owns them; fields of others are conflicts unless forced. The rules are those
// of Kubernetes' structured merge.
import { copyJson } from '../copy-json.ts';
import { isObject } from '../json.ts';
import type { ApiObject } from '../strategy/contract.ts';
import type { Owner, OwnershipConflict } from './managed-fields.ts';
import {
  ignoredFields,
  neverOwnedFields,
  ownershipConflictError,
  readOwners,
  sameOwner,
  stripped,
  writeOwners,
} from './managed-fields.ts';
import { PathSet } from './path-set.ts';
import type { Place } from './type-shape.ts';
import { rootPlace } from './type-shape.ts';
import type { Comparison } from './typed-values.ts';
import { compareValues, fieldSetOf, mergeValues, removePaths, withNamedFields } from './typed-values.ts';

export interface ApplyRequest {
  /** Qualified name of the schema: `core.Service`. */
  readonly schema: string;
  /** The stored object; absent when the apply creates it. */
  readonly current: ApiObject | undefined;
  /** What the manager wants. */
  readonly config: ApiObject;
  readonly manager: string;
  readonly force: boolean;
  /** RFC 3339, seconds. */
  readonly time: string;
  readonly subresource: string;
}

const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** The object after the apply, with managedFields. Throws StatusError 409 when fields of others would change. */
export function serverSideApply(request: ApplyRequest): ApiObject {
  const { schema, current, config, manager, time, subresource } = request;
  const place = rootPlace(schema);
  const live = current === undefined ? {} : stripped(current);
  const wanted = stripped(config);
  const ignored = ignoredFields(place, subresource);
  const apiVersion = config.apiVersion ?? '';
  const me = { manager, operation: 'Apply' as const, apiVersion, subresource };

  const owners = readOwners(current?.metadata.managedFields);
  if (current !== undefined && owners.length === 0) owners.push(ownerOfTheUnowned(place, current, time));
  const before = owners.find((o) => sameOwner(o, me));
  const lastSet = before?.set ?? new PathSet();
  const others = owners.filter((o) => o !== before);
  const mine = fieldSetOf(place, wanted).without(ignored).difference(neverOwnedFields);

  const merged = mergeValues(place, live, withoutIgnored(wanted, subresource));
  const next = prune(place, merged, lastSet, [...others.map((o) => o.set), mine]);
  const change = compareValues(place, live, next);

  const conflicts = conflictsWith(others, change);
  if (conflicts.length > 0 && !request.force) refuseUnlessLastApplied(place, current, manager, conflicts);
  for (const owner of others)
    owner.set = owner.set.difference(change.added.union(change.modified)).difference(change.removed);

  const out = asApiObject(next, config, current);
  const changedSelf = before === undefined || !before.set.equals(mine) || before.apiVersion !== apiVersion;
  const moved = !change.added.isEmpty || !change.modified.isEmpty || !change.removed.isEmpty;
  const self: Owner = { ...me, set: mine, time: changedSelf || moved ? time : before?.time };
  refreshLastApplied(out, config, manager);
  writeOwners(out, [...others, self]);
  return out;
}

/** Somebody wrote the object before ownership was kept: all its fields belong to that unknown writer. */
function ownerOfTheUnowned(place: Place, current: ApiObject, time: string): Owner {
  return {
    manager: 'before-first-apply',
    operation: 'Update',
    apiVersion: current.apiVersion ?? '',
    subresource: '',
    time,
    set: fieldSetOf(place, stripped(current)).difference(neverOwnedFields),
  };
}

/** On the main resource status is not the applier's to set, on status nothing else is. */
function withoutIgnored(wanted: Record<string, unknown>, subresource: string): Record<string, unknown> {
  if (subresource !== '' && subresource !== 'status') return wanted;
  return Object.fromEntries(
    Object.entries(wanted).filter(([name]) =>
      subresource === '' ? name !== 'status' : ['status', 'metadata', 'apiVersion', 'kind'].includes(name),
    ),
  );
}

/** Takes away what the manager set last time and does not name now, but nothing that anybody still owns. */
function prune(place: Place, merged: unknown, lastSet: PathSet, owned: readonly PathSet[]): unknown {
  if (lastSet.isEmpty) return merged;
  const named = (set: PathSet): PathSet => withNamedFields(place, set);
  const everything = named(fieldSetOf(place, merged));
  let pruned = removePaths(place, merged, named(lastSet));
  const stillOwned = owned.reduce((all, set) => all.union(set), new PathSet());
  const kept = named(fieldSetOf(place, pruned)).union(named(stillOwned));
  pruned = removePaths(place, merged, everything.difference(kept));
  // Items that this manager never owned come back.
  const gone = everything.difference(named(fieldSetOf(place, pruned))).intersection(named(lastSet));
  return removePaths(place, merged, gone);
}

function conflictsWith(others: readonly Owner[], change: Comparison): OwnershipConflict[] {
  const touched = change.modified.union(change.added);
  return others.flatMap((owner) => {
    const set = owner.set.intersection(touched);
    return set.isEmpty ? [] : [{ owner, paths: [...set.paths()] }];
  });
}

/**
 * kubectl moving from client-side to server-side apply: fields that its last-applied annotation names are its own,
 * whoever's name is on them.
 */
function refuseUnlessLastApplied(
  place: Place,
  current: ApiObject | undefined,
  manager: string,
  conflicts: readonly OwnershipConflict[],
): void {
  const allowed = manager === 'kubectl' ? lastAppliedSet(place, current) : new PathSet();
  const left = conflicts
    .map((c) => ({ owner: c.owner, paths: c.paths.filter((p) => !allowed.has(p)) }))
    .filter((c) => c.paths.length > 0);
  if (left.length > 0) throw ownershipConflictError(left);
}

function lastAppliedSet(place: Place, current: ApiObject | undefined): PathSet {
  const text = current?.metadata.annotations?.[lastAppliedAnnotation];
  if (text === undefined) return new PathSet();
  try {
    const value = JSON.parse(text) as unknown;
    if (!isObject(value) || value['apiVersion'] !== current?.apiVersion) return new PathSet();
    return fieldSetOf(place, value);
  } catch {
    return new PathSet();
  }
}

/** kubectl's annotation follows its applies, so that going back to client-side apply stays possible. */
function refreshLastApplied(out: ApiObject, config: ApiObject, manager: string): void {
  if (manager !== 'kubectl' || out.metadata.annotations?.[lastAppliedAnnotation] === undefined) return;
  out.metadata.annotations = {
    ...out.metadata.annotations,
    [lastAppliedAnnotation]: `${JSON.stringify(config)}\n`,
  };
}

function asApiObject(next: unknown, config: ApiObject, current: ApiObject | undefined): ApiObject {
  const object = copyJson(isObject(next) ? next : {});
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  return {
    ...object,
    apiVersion: config.apiVersion ?? current?.apiVersion ?? '',
    kind: config.kind ?? current?.kind ?? '',
    metadata: metadata as ApiObject['metadata'],
  };
}
