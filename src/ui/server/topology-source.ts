// The cluster's topology as it changes: four informers, one value. Changes that come together are told together.
import { endpointSlices, nodes, pods, services } from '../../api/objects.ts';
import { createInformer } from '../../client/index.ts';
import type { Client, Informer } from '../../client/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import type { Topology, TopologyChange } from '../contract.ts';
import { diffTopology, EMPTY_TOPOLOGY } from '../topology-change.ts';
import { nodeView, podView, serviceView, sliceView } from './views.ts';

/** Long enough to gather the parts of one change, short enough to look immediate. */
const GATHER_MS = 80;

export interface TopologySource {
  readonly current: Topology;
  /** Called with each change from now on. */
  onChange(listener: (change: TopologyChange) => void): Disposable;
  synced(signal?: AbortSignal): Promise<void>;
  stop(): void;
}

export function createTopologySource(options: { client: Client; clock: Clock; log: Logger }): TopologySource {
  const { client, clock, log } = options;
  const copies = {
    nodes: createInformer(client, nodes, { log, transform: nodeView }),
    pods: createInformer(client, pods, { log, transform: podView }),
    services: createInformer(client, services, { log, transform: serviceView }),
    slices: createInformer(client, endpointSlices, { log, transform: sliceView }),
  };
  const all: readonly Informer<unknown>[] = Object.values(copies);
  const listeners = new Set<(change: TopologyChange) => void>();
  let current = EMPTY_TOPOLOGY;
  let timer: unknown;

  const gather = () => {
    timer = undefined;
    const next: Topology = {
      nodes: Object.fromEntries(copies.nodes.items),
      pods: Object.fromEntries(copies.pods.items),
      services: Object.fromEntries(copies.services.items),
      slices: Object.fromEntries(copies.slices.items),
    };
    const change = diffTopology(current, next);
    current = next;
    if (change !== undefined) for (const listener of listeners) listener(change);
  };
  for (const copy of all) copy.onBatch(() => (timer ??= clock.after(GATHER_MS, gather)));

  return {
    get current() {
      return current;
    },
    onChange(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    async synced(signal) {
      await Promise.all(all.map((copy) => copy.synced(signal)));
      gather();
    },
    stop() {
      if (timer !== undefined) clock.clear(timer);
      for (const copy of all) copy.stop();
    },
  };
}
