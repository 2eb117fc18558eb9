// What the verbs stand on.
import type { ApiObject, Resource } from '../../api/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Compare, Op, Store } from '../../store/index.ts';
import type { ResourceRequest } from '../request/resource-request.ts';

/** Further keys that must be written in the same commit as an object: a Service's addresses and node ports. */
export interface Attachment {
  readonly compares: readonly Compare[];
  readonly ops: readonly Op[];
  /** The keys' reservation ends, whether the commit went through or not. */
  release(): void;
  /**
   * Called when a comparison of this attachment failed: somebody else was faster.
   * @throws StatusError when trying again cannot help.
   */
  lost(key: string): void;
}

export interface Admission {
  /** May change the draft. @throws StatusError when it is refused. */
  create(request: ResourceRequest, draft: ApiObject): Promise<void>;
  update(request: ResourceRequest, next: ApiObject, previous: ApiObject): Promise<void>;
  remove(request: ResourceRequest, current: ApiObject): Promise<void>;
}

export interface Attachments {
  /** Runs first: defaults that depend on the cluster. @throws StatusError */
  prepare(resource: Resource, next: ApiObject, previous: ApiObject | undefined): void;
  /** Does the kind hold anything beside itself? */
  concern(resource: Resource): boolean;
  /** Runs before validation, which sees what was allocated. Undefined when the kind has none. @throws StatusError */
  allocate(
    resource: Resource,
    next: ApiObject | undefined,
    previous: ApiObject | undefined,
  ): Promise<Attachment | undefined>;
}

export interface VerbDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly admission: Admission;
  readonly attachments: Attachments;
}

/** `2026-01-31T12:00:00Z`: times in metadata have whole seconds. */
export const timestamp = (clock: Clock, aheadSeconds = 0): string =>
  `${new Date(clock.now() + aheadSeconds * 1000).toISOString().slice(0, 19)}Z`;
