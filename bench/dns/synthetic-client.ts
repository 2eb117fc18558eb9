// A Kubernetes API with so many services and endpoints, made up while it is listed, so that the server's memory is its
// own. Every tenth service is headless. Changes are pushed into its watches.
import { StatusError } from '../../src/api/objects.ts';
import type { KubeObject, Resource } from '../../src/api/objects.ts';
import type { Client, ListOptions, WatchEvent, WatchOptions } from '../../src/client/index.ts';

export interface SyntheticCluster {
  readonly client: Client;
  /** Gives one headless service the endpoint address. */
  change(index: number, address: string): void;
  /** Ends all watches with "too old", so that everything is listed again. */
  relist(): void;
}

const meta = (namespace: string | undefined, name: string, version: number) => ({
  ...(namespace === undefined ? {} : { namespace }),
  name,
  uid: `uid-${namespace ?? ''}-${name}`,
  resourceVersion: String(version),
  creationTimestamp: '2026-01-01T00:00:00Z',
});

export const namespaceOf = (i: number): string => `ns-${i % 50}`;
export const serviceName = (i: number): string => `service-${i}`;
const isHeadless = (i: number): boolean => i % 10 === 0;
const addressAt = (base: number, i: number): string => `${base}.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;

export function syntheticCluster(services: number, endpointsEach: number): SyntheticCluster {
  let version = 1;
  let gone = new AbortController();
  const pushed = new Map<number, string>();
  const queues = new Set<{ plural: string; events: WatchEvent<KubeObject>[]; wake: () => void }>();

  const service = (i: number): KubeObject => {
    const ip = isHeadless(i) ? 'None' : addressAt(10, 0x600000 + i);
    const spec = {
      type: 'ClusterIP',
      clusterIP: ip,
      clusterIPs: [ip],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    };
    return { apiVersion: 'v1', kind: 'Service', metadata: meta(namespaceOf(i), serviceName(i), 1), spec } as KubeObject;
  };
  const slice = (i: number): KubeObject => {
    const own = pushed.get(i);
    const addresses =
      own === undefined ? Array.from({ length: endpointsEach }, (_, n) => addressAt(11, i * endpointsEach + n)) : [own];
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        ...meta(namespaceOf(i), `${serviceName(i)}-x`, own === undefined ? 1 : version),
        labels: { 'kubernetes.io/service-name': serviceName(i) },
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: addresses.map((address) => ({
        addresses: [address],
        conditions: { ready: true },
        nodeName: 'node-1',
      })),
    } as KubeObject;
  };
  const makers: Readonly<Record<string, { count: number; make: (i: number) => KubeObject }>> = {
    services: { count: services, make: service },
    endpointslices: { count: services, make: slice },
    namespaces: {
      count: 50,
      make: (i) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: meta(undefined, `ns-${i}`, 1) }),
    },
  };

  const resourceClient = (resource: Resource) => ({
    list(options: ListOptions = {}) {
      const { count, make } = makers[resource.plural] ?? { count: 0, make: service };
      const start = Number(options.continue ?? 0);
      const end = Math.min(count, start + (options.limit ?? count));
      const items = Array.from({ length: end - start }, (_, i) => make(start + i));
      const more = end < count ? { continue: String(end) } : {};
      return Promise.resolve({ items, resourceVersion: String(version), ...more });
    },
    async *watch(_options: WatchOptions, signal: AbortSignal): AsyncGenerator<WatchEvent<KubeObject>> {
      let wake: () => void = () => undefined;
      const queue = { plural: resource.plural, events: [] as WatchEvent<KubeObject>[], wake: () => wake() };
      queues.add(queue);
      const until = AbortSignal.any([signal, gone.signal]);
      until.addEventListener('abort', () => wake());
      try {
        while (!until.aborted) {
          yield* queue.events.splice(0);
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (queue.events.length > 0 || until.aborted) resolve();
          });
        }
        if (until.aborted && !signal.aborted) throw new StatusError(410, 'Expired', 'too old resource version');
      } finally {
        queues.delete(queue);
      }
    },
  });
  const client = { resource: resourceClient, get: () => Promise.resolve({}), close: () => gone.abort() };
  return {
    client: client as unknown as Client,
    change(index, address) {
      version += 1;
      pushed.set(index, address);
      for (const queue of queues)
        if (queue.plural === 'endpointslices') {
          queue.events.push({ type: 'MODIFIED', object: slice(index) });
          queue.wake();
        }
    },
    relist() {
      gone.abort();
      gone = new AbortController();
    },
  };
}
