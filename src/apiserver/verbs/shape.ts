// Answers in another shape than the objects' own, for clients that ask for it: tables (kubectl get) and bare metadata
// (controllers that only need to know what there is).
import { badRequest, renderTable, type KubeObject } from '../../api/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { StoredObject } from '../objects/stored-object.ts';
import { acceptedOf } from '../request/accept.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import type { EventForm, WatchEvent } from '../watch/watch-batches.ts';

/** What a list says of itself. */
export interface ListMetadata {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface Shape {
  one(object: KubeObject): unknown;
  list(objects: readonly KubeObject[], metadata: ListMetadata): unknown;
  /** How the events of one watch look. */
  events(): EventForm;
}

/** The shape that the Accept header asks for; undefined: the objects' own. @throws StatusError 400 */
export function shapeOf(
  request: Pick<ResourceRequest, 'headers' | 'query' | 'resource'>,
  clock: Clock,
): Shape | undefined {
  const accepted = acceptedOf(request.headers['accept'] ?? '');
  if (accepted?.as === undefined) return undefined;
  const { as, version } = accepted;
  const apiVersion = version === 'v1beta1' ? 'meta.k8s.io/v1beta1' : 'meta.k8s.io/v1';
  if (as === 'Table') return tableShape(request, apiVersion, clock);
  if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return metadataShape(apiVersion);
  return undefined;
}

function tableShape(request: Pick<ResourceRequest, 'query' | 'resource'>, apiVersion: string, clock: Clock): Shape {
  const includeObject = readIncludeObject(request.query.get('includeObject') ?? '');
  const table = (objects: readonly KubeObject[], metadata: ListMetadata) =>
    renderTable(request.resource, objects, { now: clock.now(), includeObject, apiVersion, metadata });
  const one = (object: KubeObject) => table([object], { resourceVersion: object.metadata.resourceVersion });
  return {
    one,
    list: table,
    events() {
      // Only the first event of a watch carries the columns.
      let first = true;
      return formOf((object) => {
        const value = one(object);
        if (!first) return { ...value, columnDefinitions: null };
        first = false;
        return value;
      });
    },
  };
}

function readIncludeObject(text: string): 'None' | 'Metadata' | 'Object' {
  if (text === '') return 'Metadata';
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(text)}`);
}

function metadataShape(apiVersion: string): Shape {
  const one = ({ metadata }: KubeObject) => ({ kind: 'PartialObjectMetadata', apiVersion, metadata });
  return {
    one,
    list: (objects, metadata) => ({ kind: 'PartialObjectMetadataList', apiVersion, metadata, items: objects.map(one) }),
    events: () => formOf(one),
  };
}

function formOf(shape: (object: KubeObject) => unknown): EventForm {
  const objectAt = (stored: StoredObject, revision: number) =>
    revision === stored.entry.revision ? stored.object : stored.objectDeletedAt(revision);
  const step = ({ type, stored, revision }: WatchEvent) => ({ type, object: shape(objectAt(stored, revision)) });
  return { step, line: (event) => `${JSON.stringify(step(event))}\n` };
}
