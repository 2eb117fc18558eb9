// Learns where all API servers of a cluster are: from the endpoints of `default/kubernetes`, which the servers keep.
import { endpointSlices, type EndpointSlice } from '../api/objects.ts';
import { joinHostPort } from '../ip/index.ts';
import type { Client, InformerOptions } from './contract.ts';
import { createInformer } from './informer.ts';

const NAMESPACE = 'default';
const SELECTOR = 'kubernetes.io/service-name=kubernetes';

/** The URLs that a slice of `default/kubernetes` stands for, ready endpoints first. */
export function serverUrls({ endpoints, ports }: Pick<EndpointSlice, 'endpoints' | 'ports'>): string[] {
  const port = (ports ?? []).find((p) => p.name === 'https')?.port;
  if (port === undefined) return [];
  const isReady = (e: EndpointSlice['endpoints'][number]) => e.conditions?.ready !== false;
  const ordered = [...endpoints.filter(isReady), ...endpoints.filter((e) => !isReady(e))];
  return ordered.flatMap((e) => e.addresses).map((address) => `https://${joinHostPort(address, port)}`);
}

/** Calls with every list that is not empty: of a cluster without servers nobody can tell. */
export function followServers(
  client: Client,
  onServers: (urls: readonly string[]) => void,
  options: Pick<InformerOptions<EndpointSlice>, 'log' | 'clock'> = {},
): { stop(): void } {
  const informer = createInformer(client, endpointSlices, {
    ...options,
    namespace: NAMESPACE,
    labelSelector: SELECTOR,
    transform: serverUrls,
  });
  informer.onBatch(() => {
    const urls = [...informer.items.values()].flat();
    if (urls.length > 0) onServers(urls);
  });
  return { stop: () => informer.stop() };
}
