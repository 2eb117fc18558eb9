// The typed client over any transport: paths, options, failures. Knows nothing of sockets.
import { StatusError, apiVersionOf } from '../api/objects.ts';
import type { KubeObject, Resource, Status } from '../api/objects.ts';
import { systemClock } from '../clock/index.ts';
import type { Clock } from '../clock/index.ts';
import type { Client, PatchType, ResourceClient, WatchEvent, WatchOptions, WriteOptions } from './contract.ts';
import { resourcePath } from './resource-path.ts';
import { errorOfResponse } from './response-error.ts';
import type { RawWatchEvent, Transport, TransportRequest, TransportResponse } from './transport.ts';

const PATCH_TYPES: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** A busy server is asked again at most this often before its 429 becomes the caller's. */
const BUSY_ATTEMPTS = 8;
const LONGEST_BUSY_WAIT_MS = 10_000;

/** The wait that a "too many requests" answer asks for; undefined if it is not one. */
function busyWaitMs(response: TransportResponse): number | undefined {
  // The server did not start on such a request, so every method may be repeated.
  if (response.status !== 429) return undefined;
  const seconds = Number(response.headers['retry-after'] ?? '1');
  return Math.min(Number.isFinite(seconds) ? seconds * 1000 : 1000, LONGEST_BUSY_WAIT_MS);
}

const writeQuery = (o: WriteOptions | undefined) => ({
  dryRun: o?.dryRun === true ? 'All' : undefined,
  fieldManager: o?.fieldManager,
});

export function clientOver(transport: Transport, clock: Clock = systemClock): Client {
  const call = async <R>(request: TransportRequest): Promise<R> => {
    for (let attempt = 1; ; attempt++) {
      const response = await transport.send(request);
      if (response.status < 300) return response.body as R;
      const wait = busyWaitMs(response);
      if (wait === undefined || attempt >= BUSY_ATTEMPTS) {
        throw errorOfResponse(request.method, request.path, response);
      }
      await new Promise<void>((resolve) => void clock.after(wait, resolve));
    }
  };
  const clients = new Map<Resource, unknown>();
  return {
    resource<T extends KubeObject>(resource: Resource<T>): ResourceClient<T> {
      let client = clients.get(resource) as ResourceClient<T> | undefined;
      if (client === undefined) {
        client = resourceClient(transport, call, resource);
        clients.set(resource, client);
      }
      return client;
    },
    get: (path) => call({ method: 'GET', path }),
    close: () => transport.close(),
  };
}

type Call = <R>(request: TransportRequest) => Promise<R>;

function resourceClient<T extends KubeObject>(
  transport: Transport,
  call: Call,
  resource: Resource<T>,
): ResourceClient<T> {
  // Items of a list carry neither kind nor apiVersion in Kubernetes' answers.
  const identity = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  const complete = (object: T): T => (object.kind === undefined ? { ...object, ...identity } : object);
  const put = async (object: T, subresource: string | undefined, options: WriteOptions | undefined) => {
    const { name } = object.metadata;
    const namespace = object.metadata.namespace ?? options?.namespace;
    const target = { namespace, name, ...(subresource === undefined ? {} : { subresource }) };
    return call<T>({ method: 'PUT', path: resourcePath(resource, target, writeQuery(options)), body: object });
  };
  return {
    get: async (name, namespace) => call<T>({ method: 'GET', path: resourcePath(resource, { namespace, name }) }),
    async list(o = {}, signal) {
      const { namespace, ...query } = o;
      const path = resourcePath(resource, { namespace }, query);
      const body = await call<{ metadata: { resourceVersion: string; continue?: string }; items: T[] | null }>({
        method: 'GET',
        path,
        ...(signal === undefined ? {} : { signal }),
      });
      const { resourceVersion, continue: more } = body.metadata;
      const items = (body.items ?? []).map(complete);
      return { items, resourceVersion, ...(more === undefined || more === '' ? {} : { continue: more }) };
    },
    watch: (options, signal) => watch<T>(transport, resource, options, signal),
    async create(object, options) {
      const namespace = options?.namespace ?? object.metadata.namespace;
      if (resource.namespaced && namespace === undefined) {
        throw new Error(`cannot create ${resource.kind} "${object.metadata.name}": it has no namespace`);
      }
      const path = resourcePath(resource, { namespace }, writeQuery(options));
      return call({ method: 'POST', path, body: { ...object, ...identity } });
    },
    update: (object, options) => put(object, undefined, options),
    updateStatus: (object, options) => put(object, 'status', options),
    async patch(name, patch, o) {
      const { namespace, subresource } = o;
      const target = { namespace, name, ...(subresource === undefined ? {} : { subresource }) };
      const path = resourcePath(resource, target, { ...writeQuery(o), force: o.force });
      return call({ method: 'PATCH', path, body: patch, contentType: PATCH_TYPES[o.type] });
    },
    async delete(name, o = {}) {
      const { namespace, ...rest } = o;
      const body = { kind: 'DeleteOptions', apiVersion: 'v1', ...rest };
      await call({ method: 'DELETE', path: resourcePath(resource, { namespace, name }), body });
    },
    async createSubresource(name, subresource, body, o) {
      const path = resourcePath(resource, { namespace: o?.namespace, name, subresource }, writeQuery(o));
      return call({ method: 'POST', path, body });
    },
    async updateSubresource(name, subresource, body, o) {
      const path = resourcePath(resource, { namespace: o?.namespace, name, subresource }, writeQuery(o));
      return call({ method: 'PUT', path, body });
    },
  };
}

async function* watch<T extends KubeObject>(
  transport: Transport,
  resource: Resource<T>,
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  const path = resourcePath(
    resource,
    { namespace: options.namespace },
    {
      watch: true,
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
      resourceVersion: options.resourceVersion,
      allowWatchBookmarks: options.allowBookmarks,
      timeoutSeconds: options.timeoutSeconds,
    },
  );
  const { response, events } = await transport.watch({ method: 'GET', path, signal });
  if (events === undefined) throw errorOfResponse('GET', path, response);
  options.onOpen?.();
  for await (const event of events) {
    if (signal.aborted) return;
    yield watchEvent<T>(event);
  }
}

function watchEvent<T extends KubeObject>(event: RawWatchEvent): WatchEvent<T> {
  const { type, object } = event;
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object: object as T };
    case 'BOOKMARK':
      return { type, resourceVersion: (object as KubeObject).metadata.resourceVersion };
    case 'ERROR':
      throw StatusError.of(object as Status);
    default:
      throw new Error(`the server sent a watch event of unknown type ${JSON.stringify(type)}`);
  }
}
