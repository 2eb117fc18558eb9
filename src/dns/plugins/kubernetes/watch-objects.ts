// From informers to the index: every batch of changes becomes answers in the same turn.
import { endpointSlices, namespaces, pods, services } from '../../../api/objects.ts';
import { createInformer } from '../../../client/index.ts';
import type { Client, Informer } from '../../../client/index.ts';
import type { Clock } from '../../../clock/index.ts';
import type { Logger } from '../../../log/index.ts';
import { namespaceOf, podOf, serviceOf, sliceOf } from './dns-objects.ts';
import type { DnsNamespace, DnsPod, DnsService, DnsSlice } from './dns-objects.ts';

/** Objects as they change; `commit` ends a batch. Implemented by ClusterRecords and by the feed to worker threads. */
export interface ObjectSink {
  service(key: string, before: DnsService | undefined, after: DnsService | undefined): void;
  slice(key: string, before: DnsSlice | undefined, after: DnsSlice | undefined): void;
  namespace(key: string, after: DnsNamespace | undefined): void;
  pod(key: string, before: DnsPod | undefined, after: DnsPod | undefined): void;
  commit(): void;
}

export interface WatchOptions {
  readonly client: Client;
  readonly log: Logger;
  readonly clock: Clock;
  /** Pods are watched only for `pods verified`. */
  readonly withPods: boolean;
  /** Keep pod names and zones of endpoints. */
  readonly endpointPodNames: boolean;
  readonly zonal: boolean;
  /** Endpoints are not wanted: no headless records (`noendpoints`). */
  readonly withEndpoints: boolean;
  readonly labelSelector?: string;
  readonly namespaceLabelSelector?: string;
}

export interface ObjectWatch {
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** Resource to milliseconds since the server last gave a sign of life. */
  idleMs(): ReadonlyMap<string, number>;
  items(): { services: DnsService[]; slices: DnsSlice[]; namespaces: DnsNamespace[]; pods: DnsPod[] };
  stop(): void;
}

export function watchObjects(options: WatchOptions, sink: ObjectSink): ObjectWatch {
  const { client, log, clock } = options;
  const selector = options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector };
  const nsSelector =
    options.namespaceLabelSelector === undefined ? {} : { labelSelector: options.namespaceLabelSelector };
  const sliceOptions = { withPods: options.endpointPodNames, withZones: options.zonal };
  const service = createInformer(client, services, { transform: serviceOf, log, clock, ...selector });
  const namespace = createInformer(client, namespaces, { transform: namespaceOf, log, clock, ...nsSelector });
  const slice = options.withEndpoints
    ? createInformer(client, endpointSlices, { transform: (s) => sliceOf(s, sliceOptions), log, clock, ...selector })
    : undefined;
  const pod = options.withPods
    ? createInformer(client, pods, { transform: podOf, log, clock, ...selector })
    : undefined;

  service.onChange((c) => sink.service(c.key, c.before, c.after));
  namespace.onChange((c) => sink.namespace(c.key, c.after));
  slice?.onChange((c) => sink.slice(c.key, c.before, c.after));
  pod?.onChange((c) => sink.pod(c.key, c.before, c.after));

  const named: [string, Informer<unknown>][] = [
    ['services', service],
    ['namespaces', namespace],
  ];
  if (slice !== undefined) named.push(['endpointslices', slice]);
  if (pod !== undefined) named.push(['pods', pod]);
  for (const [, informer] of named) informer.onBatch(() => sink.commit());

  return {
    synced: Promise.all(named.map(([, informer]) => informer.synced())).then(() => undefined),
    get hasSynced() {
      return named.every(([, informer]) => informer.hasSynced);
    },
    idleMs: () => new Map(named.map(([name, informer]) => [name, informer.idleMs])),
    items: () => ({
      services: [...service.items.values()],
      slices: [...(slice?.items.values() ?? [])],
      namespaces: [...namespace.items.values()],
      pods: [...(pod?.items.values() ?? [])],
    }),
    stop: () => {
      for (const [, informer] of named) informer.stop();
    },
  };
}
