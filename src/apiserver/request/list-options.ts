// The query parameters of list and watch, read once.
import {
  badRequest,
  forbidden,
  invalid,
  notSupported,
  parseFieldSelector,
  parseLabelSelector,
  type FieldError,
  type FieldSelector,
  type LabelSelectorMatcher,
} from '../../api/index.ts';

export interface ListQuery {
  readonly labels: LabelSelectorMatcher | undefined;
  readonly fields: FieldSelector | undefined;
  /** 0: no limit. */
  readonly limit: number;
  readonly continueToken: string;
  /** '' when not given. */
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
}

export interface WatchQuery extends ListQuery {
  readonly bookmarks: boolean;
  readonly initialEvents: boolean | undefined;
  /** 0: not given. */
  readonly timeoutSeconds: number;
}

function integer(query: URLSearchParams, name: string): number {
  const text = query.get(name);
  if (text === null || text === '') return 0;
  if (!/^-?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Math.max(0, Number(text));
}

export function flag(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  return text !== '0' && text.toLowerCase() !== 'false';
}

export function listQuery(query: URLSearchParams): ListQuery {
  const labelText = query.get('labelSelector') ?? '';
  const fieldText = query.get('fieldSelector') ?? '';
  return {
    labels: labelText === '' ? undefined : parseLabelSelector(labelText),
    fields: fieldText === '' ? undefined : parseFieldSelector(fieldText),
    limit: integer(query, 'limit'),
    continueToken: query.get('continue') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
  };
}

export function watchQuery(query: URLSearchParams): WatchQuery {
  return {
    ...listQuery(query),
    bookmarks: flag(query, 'allowWatchBookmarks') ?? false,
    initialEvents: flag(query, 'sendInitialEvents'),
    timeoutSeconds: integer(query, 'timeoutSeconds'),
  };
}

const MATCH = 'resourceVersionMatch';

function refuse(problems: readonly FieldError[]): void {
  if (problems.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', problems);
}

/** @throws StatusError 422 */
export function checkListQuery({ resourceVersion, resourceVersionMatch: match, continueToken }: ListQuery): void {
  if (match === '') return;
  const problems: FieldError[] = [];
  if (resourceVersion === '')
    problems.push(forbidden(MATCH, `${MATCH} is forbidden unless resourceVersion is provided`));
  if (continueToken !== '') problems.push(forbidden(MATCH, `${MATCH} is forbidden when continue is provided`));
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    problems.push(notSupported(MATCH, match, ['Exact', 'NotOlderThan']));
  }
  if (match === 'Exact' && resourceVersion === '0') {
    problems.push(forbidden(MATCH, `${MATCH} "exact" is forbidden for resourceVersion "0"`));
  }
  refuse(problems);
}

/** @throws StatusError 422 */
export function checkWatchQuery({ initialEvents, resourceVersionMatch: match }: WatchQuery): void {
  const problems: FieldError[] = [];
  if (initialEvents !== undefined && match !== 'NotOlderThan') {
    problems.push(forbidden(MATCH, `sendInitialEvents requires setting ${MATCH} to NotOlderThan`));
  }
  if (initialEvents === undefined && match !== '') {
    problems.push(forbidden(MATCH, `${MATCH} is forbidden for watch unless sendInitialEvents is provided`));
  }
  refuse(problems);
}

/** @throws StatusError 400 when the text is no resource version. */
export function parseRevision(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw badRequest(
    `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}
