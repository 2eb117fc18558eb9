// WATCH: the store's changes as the events one client asked for: initial objects, selectors, bookmarks, time-outs.
import { internalError, tooOldResourceVersion, type Status } from '../../api/index.ts';
import type { Clock } from '../../clock/index.ts';
import { CompactedError, type Change, type Store } from '../../store/index.ts';
import type { WatchStep } from '../contract.ts';
import { servedObject } from '../objects/served-object.ts';
import { UnreadableValueError, type StoredObject } from '../objects/stored-object.ts';
import { keyPrefix } from '../objects/storage-key.ts';
import type { WatchBatch } from '../request/answer.ts';
import { checkWatchQuery, parseRevision, type WatchQuery } from '../request/list-options.ts';
import { listObjects, type ListTarget } from '../verbs/list.ts';
import { reach } from '../verbs/reach.ts';
import type { Selection } from '../verbs/selection.ts';
import { eventLine, type EventType } from './watch-lines.ts';

export interface WatchTarget extends ListTarget {
  readonly apiVersion: string;
  readonly kind: string;
}

/** One event before it has a form. */
export interface WatchEvent {
  readonly type: EventType;
  readonly stored: StoredObject;
  /** Revision of the change; for a deletion later than the object's own. */
  readonly revision: number;
}

/** How events look to this client; tables need their own. */
export interface EventForm {
  line(event: WatchEvent): string | Uint8Array;
  step(event: WatchEvent): WatchStep;
}

export const objectForm: EventForm = {
  line: ({ type, stored, revision }) => eventLine(type, stored, revision),
  step: ({ type, stored, revision }) => ({
    type,
    object: revision === stored.entry.revision ? stored.object : stored.objectDeletedAt(revision),
  }),
};

export interface WatchRequest {
  readonly store: Store;
  readonly clock: Clock;
  readonly target: WatchTarget;
  readonly query: WatchQuery;
  readonly selection: Selection;
  readonly form: EventForm;
  readonly signal: AbortSignal;
}

/** How often a client that asked for them hears how far it has come. */
const BOOKMARK_MS = 60_000;
/** Kubernetes ends watches after 30 to 60 minutes. */
const MIN_TIMEOUT_SECONDS = 1800;

/**
 * Everything that can be refused is refused before the first byte: the answer to a bad watch is a plain failure.
 * @throws StatusError 410, 422, 504
 */
export async function watchBatches(request: WatchRequest): Promise<AsyncIterable<WatchBatch>> {
  const { store, target, query, selection } = request;
  checkWatchQuery(query);
  const asked = query.resourceVersion === '' ? 0 : parseRevision(query.resourceVersion);
  await reach(store, asked);
  const withState = query.initialEvents ?? asked === 0;
  if (!withState) {
    const after = asked === 0 ? store.currentRevision : asked;
    if (after < store.compactedRevision) throw tooOldResourceVersion(after, store.compactedRevision);
    return live(request, after, []);
  }
  const everything = { ...query, limit: 0, continueToken: '', resourceVersion: '', resourceVersionMatch: '' };
  const state = await listObjects(store, target, everything, selection);
  const first: Item[] = state.items.map((stored) => ({ type: 'ADDED', stored, revision: stored.entry.revision }));
  if (query.initialEvents === true && query.bookmarks) first.push(bookmark(request, state.revision, true));
  return live(request, state.revision, first);
}

/** An event, or a line that is ready. */
type Item = WatchEvent | { readonly ready: WatchStep };

function bookmark({ target }: WatchRequest, revision: number, initial: boolean): Item {
  const annotations = initial ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...annotations };
  return { ready: { type: 'BOOKMARK', object: { kind: target.kind, apiVersion: target.apiVersion, metadata } } };
}

function errorItem(status: Status): Item {
  return { ready: { type: 'ERROR', object: status } };
}

function batchOf(items: readonly Item[], form: EventForm): WatchBatch {
  return {
    text() {
      const texts = items.map((i) => ('ready' in i ? `${JSON.stringify(i.ready)}\n` : form.line(i)));
      const [only] = texts;
      if (texts.length === 1 && only !== undefined) return only;
      return Buffer.concat(texts.map((t) => (typeof t === 'string' ? Buffer.from(t) : t)));
    },
    steps: () => items.map((i) => ('ready' in i ? i.ready : form.step(i))),
  };
}

async function* live(request: WatchRequest, after: number, first: Item[]): AsyncGenerator<WatchBatch> {
  const { store, clock, target, query, selection, form } = request;
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const watch = store.watch({ prefix: watchPrefix(target, selection), after }, signal);
  const seconds = query.timeoutSeconds || MIN_TIMEOUT_SECONDS * (1 + Math.random());
  const ending = clock.after(seconds * 1000, () => stop.abort());
  // A reader that was told to stop may never come back to run the `finally` below.
  signal.addEventListener('abort', () => clock.clear(ending), { once: true });
  const changes = watch[Symbol.asyncIterator]();
  let next: ReturnType<typeof changes.next> | undefined;
  try {
    if (first.length > 0) yield batchOf(first, form);
    for (;;) {
      next ??= changes.next();
      const step = query.bookmarks ? await withBookmarks(next, clock) : await next;
      if (step === 'bookmark') {
        yield batchOf([bookmark(request, watch.progress, false)], form);
        continue;
      }
      next = undefined;
      if (step.done === true) return;
      const items = step.value.flatMap((change) => eventOf(target, change, selection));
      if (items.length > 0) yield batchOf(items, form);
    }
  } catch (error) {
    if (error instanceof CompactedError) {
      yield batchOf([errorItem(tooOldResourceVersion(after, error.compactedRevision).status)], form);
    } else if (error instanceof UnreadableValueError) yield batchOf([errorItem(internalError(error).status)], form);
    else throw error;
  } finally {
    clock.clear(ending);
    stop.abort();
  }
}

/** The next batch, or word that it is time for a bookmark. */
function withBookmarks<T>(next: Promise<T>, clock: Clock): Promise<T | 'bookmark'> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(BOOKMARK_MS, () => resolve('bookmark'));
    next.then(resolve, reject).finally(() => clock.clear(timer));
  });
}

function watchPrefix(target: WatchTarget, selection: Selection): string {
  const prefix = keyPrefix(target.resource, target.namespace);
  const inOnePlace = target.namespace !== '' || !target.resource.namespaced;
  return inOnePlace && selection.exactName !== undefined ? prefix + selection.exactName : prefix;
}

/** What a change means to somebody who sees only the selected objects. */
function eventOf({ resource }: WatchTarget, { entry, previous, revision }: Change, selection: Selection): WatchEvent[] {
  const now = entry === undefined ? undefined : servedObject(resource, entry);
  const before = previous === undefined ? undefined : servedObject(resource, previous);
  if (now?.unreadable !== undefined) throw now.unreadable;
  const isIn = now !== undefined && (selection.all || isSelected(selection, now));
  const wasIn =
    before !== undefined && before.unreadable === undefined && (selection.all || isSelected(selection, before));
  if (now !== undefined && isIn) return [{ type: wasIn ? 'MODIFIED' : 'ADDED', stored: now, revision }];
  // Gone, or changed so that it no longer matches: the client sees the last state that did, with the new revision.
  if (before !== undefined && wasIn) return [{ type: 'DELETED', stored: before, revision }];
  return [];
}

const isSelected = (selection: Selection, stored: StoredObject): boolean =>
  selection.mayMatch(stored.entry.value) && selection.matches(stored.object);
