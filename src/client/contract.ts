// What every component uses to talk to an API server: ours, over HTTP or in process, or any Kubernetes one.
// Types only.
import type { KubeObject, Resource, Unstored } from '../api/objects.ts';
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';

/** How to reach and whom to be at an API server. */
export interface ClientConfig {
  /** Base URL, e.g. `https://127.0.0.1:6443`. */
  server: string;
  /**
   * Further servers of the same cluster, asked for whenever `server` or the one in its place does not answer or is not
   * ready: the next one that is takes over, for everything that is open and for what follows.
   */
  others?: () => readonly string[];
  /** With `others`: told of each server that takes over. */
  onServer?: (server: string) => void;
  caPem?: string;
  certPem?: string;
  keyPem?: string;
  /** Instead of certPem and keyPem: asked before each connection, so that a renewed certificate is picked up. */
  credentials?: () => { certPem: string; keyPem: string };
  /** Bearer token; a function is asked before each request, so that a rotated token is picked up. */
  token?: string | (() => string);
  insecureSkipVerify?: boolean;
  /** Name to check the server's certificate against, if not the URL's host. */
  tlsServerName?: string;
  /** Names the program in the audit log, and the field manager of its writes. @default 'portico' */
  userAgent?: string;
}

export interface ListOptions {
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
}

export interface ListResult<T> {
  items: T[];
  resourceVersion: string;
  continue?: string;
}

export interface WatchOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  resourceVersion?: string;
  allowBookmarks?: boolean;
  timeoutSeconds?: number;
  /** Called once when the server has accepted the watch, before the first event. */
  onOpen?: () => void;
}

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; resourceVersion: string };

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface WriteOptions {
  namespace?: string;
  dryRun?: boolean;
  fieldManager?: string;
}

export interface PatchOptions extends WriteOptions {
  type: PatchType;
  subresource?: string;
  force?: boolean;
}

export interface DeleteOptions {
  namespace?: string;
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
}

/** Typed access to one resource. Every call throws StatusError for an answer that is a failure. */
export interface ResourceClient<T extends KubeObject> {
  get(name: string, namespace?: string): Promise<T>;
  list(options?: ListOptions, signal?: AbortSignal): Promise<ListResult<T>>;
  /** Ends when the server closes the watch; throws StatusError 410 when the version is gone. */
  watch(options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent<T>>;
  create(object: Unstored<T>, options?: WriteOptions): Promise<T>;
  /** The namespace is the object's own. `metadata.resourceVersion` makes the update conditional. */
  update(object: T, options?: WriteOptions): Promise<T>;
  updateStatus(object: T, options?: WriteOptions): Promise<T>;
  /** `patch` is the JSON value of the patch document. */
  patch(name: string, patch: unknown, options: PatchOptions): Promise<T>;
  delete(name: string, options?: DeleteOptions): Promise<void>;
  /** POST to NAME/SUBRESOURCE, e.g. binding, eviction, token. */
  createSubresource<B, R>(name: string, subresource: string, body: B, options?: WriteOptions): Promise<R>;
  /** PUT to NAME/SUBRESOURCE, e.g. finalize, scale. */
  updateSubresource<B, R>(name: string, subresource: string, body: B, options?: WriteOptions): Promise<R>;
}

export interface Client {
  resource<T extends KubeObject>(resource: Resource<T>): ResourceClient<T>;
  /** Raw GET, parsed as JSON when the answer is JSON, else as text: /version, /readyz. */
  get(path: string): Promise<unknown>;
  close(): void;
}

/** `namespace/name`, or `name` for a cluster-scoped object. */
export type Key = string;

export interface InformerChange<T> {
  key: Key;
  before?: T;
  after?: T;
}

export interface InformerOptions<T, U = T> {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Keeps of each object only what the component needs (memory). */
  transform?: (object: T) => U;
  log?: Logger;
  clock?: Clock;
  /** 0 ≤ n < 1; spreads retries of many clients. */
  random?: () => number;
  /** Objects a page of the list. */
  pageSize?: number;
  /** A watch without event or bookmark for this long is opened again; servers send a bookmark about every minute. */
  silentAfterMs?: number;
  /** First and longest wait between attempts while the server fails. */
  backoffMs?: { first: number; longest: number };
}

/**
 * A local copy of a resource, kept by list and watch. Survives any failure of the server: it goes on with
 * what it has and relists. After a relist it reports exactly the differences.
 */
export interface Informer<T> {
  readonly items: ReadonlyMap<Key, T>;
  /** Handlers run synchronously, in the order of the events; objects are shared values: never change them. */
  onChange(handler: (change: InformerChange<T>) => void): Disposable;
  /** Called after each batch of events that arrived together, also after a relist: the moment to plan. */
  onBatch(handler: () => void): Disposable;
  readonly hasSynced: boolean;
  /** Resolves when the first list is in. */
  synced(signal?: AbortSignal): Promise<void>;
  /** Milliseconds (monotonic clock) since the server last gave a sign of life on the watch. */
  readonly idleMs: number;
  stop(): void;
}
