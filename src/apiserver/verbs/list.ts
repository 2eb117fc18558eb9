// LIST: one revision, selectors, pages.
import { expiredContinueToken, tooOldResourceVersion } from '../../api/index.ts';
import { servedObject } from '../objects/served-object.ts';
import type { StoredObject } from '../objects/stored-object.ts';
import { keyPrefix, storageKey } from '../objects/storage-key.ts';
import { formatContinueToken, parseContinueToken } from '../request/continue-token.ts';
import { checkListQuery, parseRevision, type ListQuery } from '../request/list-options.ts';
import { CompactedError, type Entry, type ReadOptions, type Store } from '../../store/index.ts';
import { reach } from './reach.ts';
import type { Selection } from './selection.ts';

export interface ListTarget {
  readonly resource: { readonly group: string; readonly plural: string; readonly namespaced: boolean };
  /** '' for all. */
  readonly namespace: string;
}

export interface Listed {
  readonly items: readonly StoredObject[];
  readonly revision: number;
  readonly continueToken: string;
  readonly remaining: number | undefined;
}

/** @throws StatusError 400, 410 or 504; UnreadableValueError. */
export async function listObjects(
  store: Store,
  target: ListTarget,
  query: ListQuery,
  selection: Selection,
): Promise<Listed> {
  const prefix = keyPrefix(target.resource, target.namespace);
  const token = query.continueToken === '' ? undefined : parseContinueToken(query.continueToken);
  const { at, age } =
    token === undefined ? await wantedState(store, query) : { at: token.revision, age: {} satisfies ReadOptions };
  const name = selection.exactName;
  if (name !== undefined && (target.namespace !== '' || !target.resource.namespaced) && at === undefined) {
    const entry = await store.get(storageKey(target.resource, target.namespace, name), age);
    const items = entry === undefined ? [] : selectEntries(target, [entry], selection);
    const revision = Math.max(store.currentRevision, entry?.revision ?? 0);
    return { items, revision, continueToken: '', remaining: undefined };
  }
  const items: StoredObject[] = [];
  let after = token === undefined ? undefined : prefix + token.after;
  for (;;) {
    const want = query.limit === 0 ? undefined : query.limit - items.length;
    const page = await store
      .list(prefix, {
        ...age,
        ...(want === undefined ? {} : { limit: want }),
        ...(after === undefined ? {} : { after }),
        ...(at === undefined ? {} : { revision: at }),
      })
      .catch((error: unknown) => {
        if (!(error instanceof CompactedError)) throw error;
        if (token !== undefined) throw expiredContinueToken();
        throw tooOldResourceVersion(at ?? 0, error.compactedRevision);
      });
    items.push(...selectEntries(target, page.entries, selection));
    after = page.entries.at(-1)?.key;
    const full = query.limit > 0 && items.length >= query.limit;
    if (page.remaining === 0 || after === undefined) {
      return { items, revision: page.revision, continueToken: '', remaining: undefined };
    }
    if (full) {
      const continueToken = formatContinueToken({ revision: page.revision, after: after.slice(prefix.length) });
      // With a selector nobody knows how many of the rest would match.
      return { items, revision: page.revision, continueToken, remaining: selection.all ? page.remaining : undefined };
    }
  }
}

function selectEntries({ resource }: ListTarget, entries: readonly Entry[], selection: Selection): StoredObject[] {
  const records = entries.filter((e) => selection.mayMatch(e.value)).map((entry) => servedObject(resource, entry));
  // Before the answer begins: text is otherwise handed on without a look at it.
  for (const { unreadable } of records) if (unreadable !== undefined) throw unreadable;
  return selection.all ? records : records.filter((record) => selection.matches(record.object));
}

/** Which revision to show, if a certain one; else how old the state may be. @throws StatusError 504 */
async function wantedState(store: Store, query: ListQuery): Promise<{ at: number | undefined; age: ReadOptions }> {
  const { resourceVersion: text, resourceVersionMatch: match } = query;
  checkListQuery(query);
  if (text === '') return { at: undefined, age: {} };
  const revision = parseRevision(text);
  await reach(store, revision);
  return match === 'Exact' ? { at: revision, age: {} } : { at: undefined, age: { notOlderThan: revision } };
}
