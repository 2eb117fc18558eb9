// What the proxy watches at the API server: Services and EndpointSlices, trimmed to what it reads, its own Node, and the
// ranges that cluster IPs come from.
import { endpointSlices, nodes, serviceCIDRs, services } from '../api/objects.ts';
import { createInformer, type Client } from '../client/index.ts';
import type { Clock } from '../clock/index.ts';
import { formatCidr, parseCidr } from '../ip/index.ts';
import type { Logger } from '../log/index.ts';
import type { ServiceKey } from './contract.ts';
import { nodeView, type NodeView } from './node-view.ts';
import { HEADLESS_LABEL, PROXY_NAME_LABEL, serviceView, sliceView, type ServiceView, type SliceView } from './views.ts';

export interface ClusterWatchOptions {
  readonly client: Client;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onService: (key: ServiceKey, view: ServiceView | undefined) => void;
  readonly onSlice: (before: SliceView | undefined, after: SliceView | undefined) => void;
  readonly onNode: (view: NodeView | undefined) => void;
  /** After the changes that came together. */
  readonly onBatch: () => void;
  /** Absent: the ranges are not watched. */
  readonly onServiceCidrs?: (cidrs: readonly string[]) => void;
}

export interface ClusterWatch {
  /** Resolves when Services, EndpointSlices and the Node were listed once. */
  synced(signal: AbortSignal): Promise<void>;
  stop(): void;
}

export function watchCluster(o: ClusterWatchOptions): ClusterWatch {
  const { client, clock, log } = o;
  const serviceInformer = createInformer(client, services, {
    clock,
    log,
    labelSelector: `!${PROXY_NAME_LABEL}`,
    transform: serviceView,
  });
  const sliceInformer = createInformer(client, endpointSlices, {
    clock,
    log,
    labelSelector: `!${HEADLESS_LABEL}`,
    transform: sliceView,
  });
  const nodeInformer = createInformer(client, nodes, {
    clock,
    log,
    fieldSelector: `metadata.name=${o.nodeName}`,
    transform: nodeView,
  });
  const informers = [serviceInformer, sliceInformer, nodeInformer];
  const watched: Disposable[] = [
    serviceInformer.onChange(({ key, after }) => o.onService(key, after)),
    sliceInformer.onChange(({ before, after }) => o.onSlice(before, after)),
    nodeInformer.onChange(({ after }) => o.onNode(after)),
    ...informers.map((i) => i.onBatch(o.onBatch)),
  ];
  const ranges = o.onServiceCidrs === undefined ? undefined : watchServiceCidrs(client, clock, o.onServiceCidrs);
  return {
    async synced(signal) {
      await Promise.all(informers.map((i) => i.synced(signal)));
    },
    stop() {
      for (const w of watched) w[Symbol.dispose]();
      for (const i of informers) i.stop();
      ranges?.stop();
    },
  };
}

/** Not waited for: servers before Kubernetes 1.31 do not have them, and then addresses of no service go their way. */
function watchServiceCidrs(client: Client, clock: Clock, changed: (cidrs: readonly string[]) => void) {
  const informer = createInformer(client, serviceCIDRs, { clock });
  const watched = informer.onBatch(() => {
    const cidrs = [...informer.items.values()].flatMap((c) => c.spec?.cidrs ?? []);
    changed([...new Set(cidrs.flatMap((c) => (parseCidr(c) === undefined ? [] : [formatCidr(c)])))]);
  });
  return {
    stop() {
      watched[Symbol.dispose]();
      informer.stop();
    },
  };
}
