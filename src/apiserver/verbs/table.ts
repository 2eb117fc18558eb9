// Answers as tables, for clients that ask for them (kubectl get).
import { badRequest, notAcceptable, renderTable, type KubeObject, type Resource } from '../../api/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Answer } from '../request/answer.ts';
import type { EventForm } from '../watch/watch-batches.ts';
import type { StoredObject } from '../objects/stored-object.ts';

export interface TableWish {
  readonly apiVersion: 'meta.k8s.io/v1' | 'meta.k8s.io/v1beta1';
  readonly includeObject: 'None' | 'Metadata' | 'Object';
}

/** What the Accept header and the query ask for; undefined: plain objects. */
export function tableWish(accept: string, query: URLSearchParams): TableWish | undefined {
  for (const media of accept.split(',')) {
    const parts = media
      .trim()
      .split(';')
      .map((p) => p.trim());
    const type = parts[0] ?? '';
    const as = parts.find((p) => p.startsWith('as='))?.slice(3);
    if (as === 'Table' && type === 'application/json') {
      const version = parts.find((p) => p.startsWith('v='))?.slice(2);
      return {
        apiVersion: version === 'v1beta1' ? 'meta.k8s.io/v1beta1' : 'meta.k8s.io/v1',
        includeObject: includeObject(query.get('includeObject') ?? ''),
      };
    }
    if (
      as === undefined &&
      (type === 'application/json' || type === '*/*' || type === 'application/*' || type === '')
    ) {
      return undefined;
    }
  }
  return undefined;
}

function includeObject(text: string): TableWish['includeObject'] {
  if (text === '') return 'Metadata';
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(text)}`);
}

/** @throws StatusError 406 when the client can read nothing that this server writes. */
export function checkAccept(accept: string): void {
  if (accept === '') return;
  const readable = accept.split(',').some((media) => {
    const type = media.split(';')[0]?.trim() ?? '';
    return type === '*/*' || type === 'application/*' || type === 'application/json';
  });
  if (!readable) throw notAcceptable(['application/json']);
}

export interface TableMetadata {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export function tableAnswer(
  resource: Resource,
  objects: readonly KubeObject[],
  metadata: TableMetadata,
  wish: TableWish,
  clock: Clock,
): Answer {
  const value = renderTable(resource, objects, {
    now: clock.now(),
    includeObject: wish.includeObject,
    apiVersion: wish.apiVersion,
    metadata,
  });
  return { status: 200, body: { form: 'value', value } };
}

/** Watch events as one-row tables; only the first carries the columns. */
export function tableForm(resource: Resource, wish: TableWish, clock: Clock): EventForm {
  let first = true;
  const table = (stored: StoredObject, revision: number) => {
    const object = revision === stored.entry.revision ? stored.object : stored.objectDeletedAt(revision);
    const value = renderTable(resource, [object], {
      now: clock.now(),
      includeObject: wish.includeObject,
      apiVersion: wish.apiVersion,
      metadata: { resourceVersion: String(revision) },
    });
    if (first) {
      first = false;
      return value;
    }
    return { ...value, columnDefinitions: null };
  };
  return {
    line: ({ type, stored, revision }) => `${JSON.stringify({ type, object: table(stored, revision) })}\n`,
    step: ({ type, stored, revision }) => ({ type, object: table(stored, revision) }),
  };
}
