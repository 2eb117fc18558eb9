// LIST: one revision, selectors, pages.
import { expiredContinueToken, tooLargeResourceVersion, tooOldResourceVersion } from '../../api/index.ts';
import { servedObject } from '../objects/served-object.ts';
import type { StoredObject } from '../objects/stored-object.ts';
import { keyPrefix, storageKey } from '../objects/storage-key.ts';
import { formatContinueToken, parseContinueToken } from '../request/continue-token.ts';
import { checkListQuery, parseRevision, type ListQuery } from '../request/list-options.ts';
import { CompactedError, type Entry, type Store } from '../../store/index.ts';
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

/** @throws StatusError 400, 410 or 504. */
export async function listObjects(
  store: Store,
  target: ListTarget,
  query: ListQuery,
  selection: Selection,
): Promise<Listed> {
  const prefix = keyPrefix(target.resource, target.namespace);
  const token = query.continueToken === '' ? undefined : parseContinueToken(query.continueToken);
  const at = token?.revision ?? listRevision(store, query);
  const name = selection.exactName;
  if (name !== undefined && (target.namespace !== '' || !target.resource.namespaced) && at === undefined) {
    const entry = await store.get(storageKey(target.resource, target.namespace, name));
    const items = entry === undefined ? [] : selectEntries(target, [entry], selection);
    return { items, revision: store.currentRevision, continueToken: '', remaining: undefined };
  }
  const items: StoredObject[] = [];
  let after = token === undefined ? undefined : prefix + token.after;
  for (;;) {
    const want = query.limit === 0 ? undefined : query.limit - items.length;
    const page = await store
      .list(prefix, {
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
  const records = entries.map((entry) => servedObject(resource, entry));
  return selection.all ? records : records.filter((record) => selection.matches(record.object));
}

/** The revision to show; undefined for the newest. */
function listRevision(store: Store, query: ListQuery): number | undefined {
  const { resourceVersion: text, resourceVersionMatch: match } = query;
  checkListQuery(query);
  if (text === '') return undefined;
  const revision = parseRevision(text);
  if (revision > store.currentRevision) throw tooLargeResourceVersion(revision, store.currentRevision);
  if (match === 'Exact') return revision;
  // Anything not older will do, and the newest is at hand.
  return undefined;
}
