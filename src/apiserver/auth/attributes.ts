// What is to be authorized: one verb on one resource or one path.
import type { User } from '../contract.ts';

export interface Attributes {
  readonly user: User;
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  /** '' for the cluster or all namespaces. */
  readonly namespace: string;
  /** Plural; '' when the request is for a plain path. */
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** The URL path of a request that is for no resource. */
  readonly path: string;
  /** Set for list, watch and deletecollection: they may be allowed for a selection only. */
  readonly fieldSelector?: string;
}

export interface Decision {
  readonly allowed: boolean;
  /** Why, for people. */
  readonly reason: string;
}

export interface Authorizer {
  authorize(attributes: Attributes): Promise<Decision>;
}
