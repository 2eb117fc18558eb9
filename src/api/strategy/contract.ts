// What the API server asks about a kind. Drafts are changed in place: the server owns them and has decoded them
// freshly; `previous` is the stored object and is never changed.
import type { FieldError } from '../field-error.ts';
import type { Resource } from '../resources.ts';
import type { Writable, meta } from '../types.ts';

/** Metadata that may still be changed. */
export type DraftMeta = Writable<meta.ObjectMeta>;

/** Any object on its way through the server. */
export interface ApiObject {
  apiVersion?: string;
  kind?: string;
  metadata: DraftMeta;
  spec?: unknown;
  status?: unknown;
  [field: string]: unknown;
}

export interface KindStrategy {
  readonly resource: Resource;
  /** Qualified name of the schema: `core.Service`. */
  readonly schema: string;
  /** PUT and PATCH without resourceVersion are allowed. */
  readonly allowsUnconditionalUpdate: boolean;
  /** PUT of an absent name creates it. */
  readonly allowsCreateOnUpdate: boolean;
  /** DELETE answers with the object instead of a Status. */
  readonly returnsObjectOnDelete: boolean;
  /** Fills what the client left out, required fields with Go's zero values. Idempotent. Not for what is to be applied. */
  applyDefaults(draft: ApiObject): void;
  /** Clears what a client may not set on create; generation 1. */
  prepareForCreate(draft: ApiObject): void;
  /** Keeps identity and status of `previous`; generation + 1 when the desired state changed. */
  prepareForUpdate(draft: ApiObject, previous: ApiObject): void;
  /** Keeps everything but status (and metadata that status writers may touch). */
  prepareForStatusUpdate(draft: ApiObject, previous: ApiObject): void;
  validateCreate(object: ApiObject): FieldError[];
  validateUpdate(next: ApiObject, previous: ApiObject): FieldError[];
  validateStatusUpdate(next: ApiObject, previous: ApiObject): FieldError[];
  /** Texts for Warning headers. */
  warnings(object: ApiObject, previous?: ApiObject): string[];
  /** What field selectors see; its keys are the supported fields. */
  selectableFields(object: ApiObject): Record<string, string>;
  /** Seconds of grace before a deleted object may go; 0: at once. `asked` is the client's gracePeriodSeconds. */
  gracePeriodSeconds(object: ApiObject, asked: number | undefined): number;
  /** Finalizers a delete adds when the client does not say how dependents are treated. */
  readonly defaultPropagation: 'Background' | 'Orphan';
}

/** A kind's own rules; everything left out has the usual behaviour. T is the draft's shape. */
export interface KindRules<T> {
  readonly resource: Resource;
  readonly schema: string;
  readonly name?: (name: string, prefix: boolean) => string[];
  readonly allowsUnconditionalUpdate?: boolean;
  readonly allowsCreateOnUpdate?: boolean;
  readonly returnsObjectOnDelete?: boolean;
  readonly defaultPropagation?: 'Background' | 'Orphan';
  /** metadata.generation counts changes of everything but metadata and status. */
  readonly hasGeneration?: boolean;
  /** Status is written by its own subresource only. Default: the resource has a status subresource. */
  readonly hasStatus?: boolean;
  /** Status sent with a create is kept (nodes register themselves complete). */
  readonly keepsStatusOnCreate?: boolean;
  applyDefaults?(draft: Writable<T>): void;
  prepareForCreate?(draft: Writable<T>): void;
  prepareForUpdate?(draft: Writable<T>, previous: T): void;
  prepareForStatusUpdate?(draft: Writable<T>, previous: T): void;
  validate?(object: T): FieldError[];
  /** Only the rules about change; `validate` runs as well. */
  validateUpdate?(next: T, previous: T): FieldError[];
  validateStatusUpdate?(next: T, previous: T): FieldError[];
  warnings?(object: T, previous?: T): string[];
  selectableFields?(object: T): Record<string, string>;
  gracePeriodSeconds?(object: T, asked: number | undefined): number;
}
