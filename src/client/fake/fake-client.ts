// An API server's behaviour in memory, for tests of whatever uses a Client: versions, conflicts, finalizers,
// status apart from spec, graceful deletion of pods, watches that can be cut. Validation and defaults are not its job.
import { StatusError, apiVersionOf } from '../../api/objects.ts';
import type { KubeObject, Resource, Unstored } from '../../api/objects.ts';
import { systemClock } from '../../clock/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Client, DeleteOptions, ListOptions, PatchOptions, ResourceClient } from '../contract.ts';
import type { WatchEvent, WatchOptions, WriteOptions } from '../contract.ts';
import { keyOf, objectKey } from '../object-key.ts';
import { mergePatch } from './merge-patch.ts';
import { matchesSelectors } from './selectors.ts';

export interface FakeAction {
  verb: 'create' | 'update' | 'updateStatus' | 'patch' | 'delete' | 'createSubresource' | 'updateSubresource';
  plural: string;
  /** Of the object; for generateName the name that came out. */
  key: string;
}

export interface FakeClient extends Client {
  /** All objects of the resource, oldest first. */
  objects<T extends KubeObject>(resource: Resource<T>): T[];
  find<T extends KubeObject>(resource: Resource<T>, key: string): T | undefined;
  /** Every write that succeeded. */
  readonly actions: FakeAction[];
  /** Called before each request; throwing makes the request fail. */
  intercept: (verb: FakeAction['verb'] | 'get' | 'list' | 'watch', plural: string, key: string) => void;
  /** Ends all watches, as a restarting server does. */
  cutWatches(): void;
  /** Forgets the past: watches from an older version get 410. */
  compact(): void;
}

interface AnyObject extends KubeObject {
  spec?: Record<string, unknown>;
  status?: unknown;
}

interface LogEntry {
  version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: AnyObject;
  before?: AnyObject;
}

interface Table {
  resource: Resource;
  objects: Map<string, AnyObject>;
  log: LogEntry[];
  wake: Set<() => void>;
}

export function createFakeClient(clock: Clock = systemClock): FakeClient {
  const server = new FakeServer(clock);
  const clients = new Map<Resource, unknown>();
  const fake: FakeClient = {
    actions: server.actions,
    intercept: () => undefined,
    resource<T extends KubeObject>(resource: Resource<T>) {
      let client = clients.get(resource) as ResourceClient<T> | undefined;
      if (client === undefined) clients.set(resource, (client = clientOf<T>(server, resource, fake)));
      return client;
    },
    get: () => Promise.reject(new StatusError(404, 'NotFound', 'the fake serves no raw paths')),
    close: () => server.cutWatches(),
    objects: <T extends KubeObject>(resource: Resource<T>) =>
      [...server.table(resource).objects.values()] as unknown as T[],
    find: <T extends KubeObject>(resource: Resource<T>, key: string) =>
      server.table(resource).objects.get(key) as unknown as T | undefined,
    cutWatches: () => server.cutWatches(),
    compact: () => server.compact(),
  };
  return fake;
}

class FakeServer {
  readonly actions: FakeAction[] = [];
  readonly clock: Clock;
  #tables = new Map<string, Table>();
  #version = 1;
  #oldest = 0;
  #uids = 0;
  #cut = new AbortController();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get version(): string {
    return String(this.#version);
  }

  get oldest(): number {
    return this.#oldest;
  }

  get cut(): AbortSignal {
    return this.#cut.signal;
  }

  table(resource: Resource): Table {
    const id = `${resource.group}/${resource.plural}`;
    let table = this.#tables.get(id);
    if (table === undefined) {
      table = { resource, objects: new Map(), log: [], wake: new Set() };
      this.#tables.set(id, table);
    }
    return table;
  }

  cutWatches(): void {
    this.#cut.abort();
    this.#cut = new AbortController();
  }

  compact(): void {
    this.#oldest = this.#version;
    for (const table of this.#tables.values()) table.log = [];
  }

  /** As the admission of a real server does. */
  refuseInTerminating(namespace: string, label: string, name: string): void {
    const found = this.#tables.get('/namespaces')?.objects.get(namespace);
    if (found?.metadata.deletionTimestamp === undefined) return;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const cause = { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated` };
    throw new StatusError(403, 'Forbidden', `${label} "${name}" is forbidden: ${why}`, { name, causes: [cause] });
  }

  now(): string {
    return new Date(this.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  }

  uid(): string {
    return `00000000-0000-4000-8000-${String(++this.#uids).padStart(12, '0')}`;
  }

  /** Stores the object under a new version and tells the watchers. */
  write(table: Table, object: AnyObject): AnyObject {
    const key = keyOf(object);
    const before = table.objects.get(key);
    const next = this.#stamp(object);
    table.objects.set(key, next);
    this.#log(table, {
      version: this.#version,
      type: before === undefined ? 'ADDED' : 'MODIFIED',
      object: next,
      ...(before === undefined ? {} : { before }),
    });
    return next;
  }

  remove(table: Table, key: string): void {
    const before = table.objects.get(key);
    if (before === undefined) return;
    table.objects.delete(key);
    this.#log(table, { version: this.#version + 1, type: 'DELETED', object: this.#stamp(before) });
  }

  #stamp(object: AnyObject): AnyObject {
    this.#version++;
    return { ...object, metadata: { ...object.metadata, resourceVersion: this.version } };
  }

  #log(table: Table, entry: LogEntry): void {
    table.log.push(entry);
    for (const wake of table.wake) wake();
  }
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

function clientOf<T extends KubeObject>(server: FakeServer, resource: Resource<T>, fake: FakeClient) {
  const table = server.table(resource);
  const identity = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  const hasStatus = resource.subresources?.includes('status') === true;
  const details = (name: string) => ({ name, group: resource.group, kind: resource.plural });
  const label = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;

  const existing = (key: string, name: string): AnyObject => {
    const object = table.objects.get(key);
    if (object !== undefined) return object;
    throw new StatusError(404, 'NotFound', `${label} "${name}" not found`, details(name));
  };
  const conflict = (name: string, why: string) =>
    new StatusError(409, 'Conflict', `Operation cannot be fulfilled on ${label} "${name}": ${why}`, details(name));
  const record = (verb: FakeAction['verb'], key: string) =>
    void server.actions.push({ verb, plural: resource.plural, key });
  const giveBack = (object: AnyObject): T => structuredClone(object) as unknown as T;

  /** Stores a changed object; an object that waits for deletion goes when its last finalizer goes. */
  const replace = (before: AnyObject, after: AnyObject): AnyObject => {
    if (same(before, after)) return before;
    const held = [after.metadata.finalizers, after.spec?.['finalizers']].some((f) => Array.isArray(f) && f.length > 0);
    const doomed = after.metadata.deletionTimestamp !== undefined && !held;
    const generation = same(before.spec, after.spec)
      ? before.metadata.generation
      : (before.metadata.generation ?? 0) + 1;
    const next = { ...after, metadata: { ...after.metadata, ...(generation === undefined ? {} : { generation }) } };
    const key = keyOf(next);
    if (doomed && before.metadata.deletionGracePeriodSeconds === undefined) {
      server.remove(table, key);
      return next;
    }
    return server.write(table, next);
  };

  const put = (verb: 'update' | 'updateStatus', object: T): T => {
    const key = keyOf(object);
    fake.intercept(verb, resource.plural, key);
    const given = structuredClone(object) as unknown as AnyObject;
    const before = existing(key, given.metadata.name);
    const { resourceVersion, uid } = given.metadata;
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) {
      throw conflict(
        given.metadata.name,
        'the object has been modified; please apply your changes to the latest version and try again',
      );
    }
    if (uid !== undefined && uid !== before.metadata.uid) throw conflict(given.metadata.name, 'the UID differs');
    const { creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds } = before.metadata;
    const fixed = {
      uid: before.metadata.uid,
      resourceVersion: before.metadata.resourceVersion,
      creationTimestamp,
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
    };
    const metadata = { ...given.metadata, ...fixed };
    let after: AnyObject;
    if (verb === 'updateStatus') after = { ...before, status: given.status };
    else after = { ...given, metadata, ...(hasStatus && before.status !== undefined ? { status: before.status } : {}) };
    const stored = replace(before, after);
    record(verb, key);
    return giveBack(stored);
  };

  const remove = (name: string, o: DeleteOptions): void => {
    const key = objectKey(resource.namespaced ? o.namespace : undefined, name);
    fake.intercept('delete', resource.plural, key);
    const object = existing(key, name);
    const { uid, resourceVersion } = o.preconditions ?? {};
    if (uid !== undefined && uid !== object.metadata.uid) throw conflict(name, 'the UID in the precondition differs');
    if (resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion) {
      throw conflict(name, 'the ResourceVersion in the precondition differs');
    }
    record('delete', key);
    const finalizers = new Set(object.metadata.finalizers);
    if (o.propagationPolicy === 'Foreground') finalizers.add('foregroundDeletion');
    if (o.propagationPolicy === 'Orphan') finalizers.add('orphan');
    const seconds = gracePeriodOf(resource, object, o);
    const namespace = resource.plural === 'namespaces' && ((object.spec?.['finalizers'] as unknown[]) ?? []).length > 0;
    if (finalizers.size === 0 && seconds === 0 && !namespace) return server.remove(table, key);
    const metadata = {
      ...object.metadata,
      deletionTimestamp: object.metadata.deletionTimestamp ?? server.now(),
      ...(finalizers.size === 0 ? {} : { finalizers: [...finalizers] }),
      ...(seconds === 0 ? {} : { deletionGracePeriodSeconds: seconds }),
    };
    const status = namespace ? { status: { ...(object.status as object), phase: 'Terminating' } } : {};
    const after = { ...object, metadata, ...status };
    if (!same(object, after)) server.write(table, after);
  };

  const client: ResourceClient<T> = {
    async get(name, namespace) {
      const key = objectKey(resource.namespaced ? namespace : undefined, name);
      fake.intercept('get', resource.plural, key);
      return giveBack(existing(key, name));
    },
    async list(options: ListOptions = {}) {
      fake.intercept('list', resource.plural, options.namespace ?? '');
      const items = [...table.objects.values()].filter((o) => matchesSelectors(o, options));
      const start = options.continue === undefined ? 0 : Number(options.continue);
      const end = options.limit === undefined ? items.length : start + options.limit;
      const rest = end < items.length ? { continue: String(end) } : {};
      return { items: items.slice(start, end).map(giveBack), resourceVersion: server.version, ...rest };
    },
    watch: (options, signal) => watchTable<T>(server, table, options, signal, fake),
    async create(object: Unstored<T>, options: WriteOptions = {}) {
      const given = structuredClone(object) as unknown as AnyObject;
      const namespace = options.namespace ?? given.metadata.namespace;
      if (resource.namespaced && namespace === undefined) throw new Error(`${resource.kind} without a namespace`);
      const { generateName } = given.metadata;
      const uid = server.uid();
      const name = given.metadata.name ?? `${generateName ?? ''}${uid.slice(-5)}`;
      const key = objectKey(resource.namespaced ? namespace : undefined, name);
      fake.intercept('create', resource.plural, key);
      if (table.objects.has(key)) {
        throw new StatusError(409, 'AlreadyExists', `${label} "${name}" already exists`, details(name));
      }
      if (resource.namespaced && namespace !== undefined) server.refuseInTerminating(namespace, label, name);
      const stored = server.write(table, {
        ...given,
        ...identity,
        metadata: {
          ...given.metadata,
          ...(resource.namespaced && namespace !== undefined ? { namespace } : {}),
          name,
          uid: given.metadata.uid ?? uid,
          creationTimestamp: given.metadata.creationTimestamp ?? server.now(),
          ...(given.spec === undefined ? {} : { generation: 1 }),
        },
      });
      record('create', key);
      return giveBack(stored);
    },
    update: async (object) => put('update', object),
    updateStatus: async (object) => put('updateStatus', object),
    async patch(name: string, patch: unknown, options: PatchOptions) {
      const key = objectKey(resource.namespaced ? options.namespace : undefined, name);
      fake.intercept('patch', resource.plural, key);
      if (options.type !== 'merge') throw new Error(`the fake client knows merge patches only, not ${options.type}`);
      const before = existing(key, name);
      const merged = mergePatch(before, patch) as AnyObject;
      if (merged.metadata.resourceVersion !== before.metadata.resourceVersion) {
        throw conflict(name, 'the object has been modified');
      }
      if (merged.metadata.uid !== before.metadata.uid) throw conflict(name, 'the UID differs');
      const kept = hasStatus ? { status: before.status } : {};
      const after = options.subresource === 'status' ? { ...before, status: merged.status } : { ...merged, ...kept };
      const stored = replace(before, after);
      record('patch', key);
      return giveBack(stored);
    },
    delete: async (name, options = {}) => remove(name, options),
    async createSubresource<B, R>(name: string, subresource: string, body: B, options: WriteOptions = {}) {
      const key = objectKey(resource.namespaced ? options.namespace : undefined, name);
      fake.intercept('createSubresource', resource.plural, key);
      const before = existing(key, name);
      if (resource.plural !== 'pods' || subresource !== 'binding') {
        throw new Error(`the fake client does not know ${resource.plural}/${subresource}`);
      }
      if (before.spec?.['nodeName'] !== undefined) {
        throw conflict(name, `pod ${name} is already assigned to node ${JSON.stringify(before.spec['nodeName'])}`);
      }
      const { target } = body as { target?: { name?: string } };
      const condition = { type: 'PodScheduled', status: 'True', lastTransitionTime: server.now() };
      const status = before.status as { conditions?: { type: string }[] } | undefined;
      const others = (status?.conditions ?? []).filter((c) => c.type !== 'PodScheduled');
      server.write(table, {
        ...before,
        spec: { ...before.spec, nodeName: target?.name },
        status: { ...status, conditions: [...others, condition] },
      });
      record('createSubresource', key);
      return {} as R;
    },
    async updateSubresource<B, R>(name: string, subresource: string, body: B) {
      fake.intercept('updateSubresource', resource.plural, name);
      const before = existing(name, name);
      if (resource.plural !== 'namespaces' || subresource !== 'finalize') {
        throw new Error(`the fake client does not know ${resource.plural}/${subresource}`);
      }
      const spec = (body as unknown as AnyObject).spec ?? {};
      record('updateSubresource', name);
      const emptied = ((spec['finalizers'] as unknown[]) ?? []).length === 0;
      if (emptied && before.metadata.deletionTimestamp !== undefined) server.remove(table, name);
      else server.write(table, { ...before, spec });
      return {} as R;
    },
  };
  return client;
}

/** Pods that sit on a node get time to stop; everything else goes at once. */
function gracePeriodOf(resource: Resource, object: AnyObject, o: DeleteOptions): number {
  if (resource.plural !== 'pods' || object.spec?.['nodeName'] === undefined) return 0;
  return o.gracePeriodSeconds ?? (object.spec['terminationGracePeriodSeconds'] as number | undefined) ?? 30;
}

async function* watchTable<T extends KubeObject>(
  server: FakeServer,
  table: Table,
  options: WatchOptions,
  signal: AbortSignal,
  fake: FakeClient,
): AsyncGenerator<WatchEvent<T>> {
  fake.intercept('watch', table.resource.plural, options.namespace ?? '');
  let version = Number(options.resourceVersion ?? 0);
  if (version < server.oldest) {
    throw new StatusError(410, 'Expired', `too old resource version: ${version} (${server.oldest})`);
  }
  options.onOpen?.();
  const end = AbortSignal.any([signal, server.cut]);
  while (!end.aborted) {
    const entry = table.log.find((e) => e.version > version);
    if (entry === undefined) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          table.wake.delete(wake);
          end.removeEventListener('abort', wake);
          resolve();
        };
        table.wake.add(wake);
        end.addEventListener('abort', wake);
      });
      continue;
    }
    version = entry.version;
    const event = selected(entry, options);
    if (event !== undefined) yield event as unknown as WatchEvent<T>;
  }
}

/** An object that leaves the selection looks deleted to this watcher, one that enters it looks new. */
function selected(entry: LogEntry, options: WatchOptions): WatchEvent<AnyObject> | undefined {
  const is = matchesSelectors(entry.object, options);
  const was = entry.before !== undefined && matchesSelectors(entry.before, options);
  const object = structuredClone(entry.object);
  if (entry.type === 'DELETED') return is ? { type: 'DELETED', object } : undefined;
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object };
  return was ? { type: 'DELETED', object } : undefined;
}
