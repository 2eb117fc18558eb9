// What DNS keeps of API objects. Informers apply these as transforms, so nothing else stays in memory; they also
// cross to worker threads and into the snapshot file, so they are plain values.
import type { EndpointSlice, KubeObject, Namespace, Pod, Service } from '../../../api/objects.ts';
import { formatAddress, packAddress } from '../../../dnswire/index.ts';

export interface DnsPort {
  /** Lower case, '' for an unnamed port. */
  readonly name: string;
  /** Lower case: tcp, udp, sctp. */
  readonly protocol: string;
  readonly port: number;
}

export interface DnsService {
  readonly namespace: string;
  readonly name: string;
  readonly revision: string;
  readonly type: 'ClusterIP' | 'Headless' | 'ExternalName';
  readonly clusterIps: readonly string[];
  readonly externalName: string;
  /** externalIPs and what the load balancer has: addresses, or names of hosts. Undefined: none. */
  readonly external: readonly string[] | undefined;
  readonly ports: readonly DnsPort[];
  readonly changedAtMs: number;
}

/** Ready endpoints of a slice, one address each, in arrays side by side: a cluster has many thousands of them. */
export interface DnsEndpoints {
  readonly addresses: readonly string[];
  /** Undefined when no endpoint has one. */
  readonly hostnames: readonly string[] | undefined;
  readonly pods: readonly string[] | undefined;
  readonly zones: readonly string[] | undefined;
}

export interface DnsSlice {
  readonly namespace: string;
  readonly name: string;
  readonly service: string;
  readonly revision: string;
  readonly ports: readonly DnsPort[];
  /** The ready ones only, an address each. */
  readonly endpoints: DnsEndpoints;
  /** How many are left out because they are not ready. */
  readonly notReady: number;
  /** When the change behind this version happened, 0 when unknown. */
  readonly changedAtMs: number;
}

export interface DnsNamespace {
  readonly name: string;
  readonly revision: string;
}

export interface DnsPod {
  readonly namespace: string;
  readonly name: string;
  readonly revision: string;
  readonly addresses: readonly string[];
}

function canonical(address: string): string {
  if (!address.includes(':')) return address;
  const packed = packAddress(address);
  return packed === undefined ? address : formatAddress(packed);
}

const isAddress = (text: string | undefined): text is string => text !== undefined && packAddress(text) !== undefined;

export function serviceOf(service: Service): DnsService {
  const spec = service.spec ?? {};
  const ips = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  const external = spec.type === 'ExternalName';
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const outside = [...(spec.externalIPs ?? []), ...ingress.map((at) => at.ip ?? at.hostname ?? '')].filter(
    (to) => to !== '',
  );
  const type = external ? 'ExternalName' : ips[0] === 'None' ? 'Headless' : 'ClusterIP';
  return {
    namespace: service.metadata.namespace ?? '',
    name: service.metadata.name,
    revision: service.metadata.resourceVersion,
    type,
    clusterIps: type === 'ClusterIP' ? ips.filter(isAddress).map(canonical) : [],
    externalName: external ? (spec.externalName ?? '') : '',
    external: outside.length === 0 ? undefined : outside.map(canonical),
    ports: (spec.ports ?? []).map((p) => ({
      name: (p.name ?? '').toLowerCase(),
      protocol: (p.protocol ?? 'TCP').toLowerCase(),
      port: p.port,
    })),
    changedAtMs: Date.parse(service.metadata.creationTimestamp) || 0,
  };
}

const SERVICE_LABEL = 'kubernetes.io/service-name';
const TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time';

/** What of an endpoint is kept besides address and hostname; each costs memory for every endpoint of the cluster. */
export interface SliceOptions {
  readonly withPods: boolean;
  readonly withZones: boolean;
}

export function sliceOf(slice: EndpointSlice, options: SliceOptions = { withPods: false, withZones: false }): DnsSlice {
  const addresses: string[] = [];
  const hostnames: string[] = [];
  const pods: string[] = [];
  const zones: string[] = [];
  let notReady = 0;
  for (const endpoint of slice.addressType === 'FQDN' ? [] : (slice.endpoints ?? [])) {
    // An unknown condition counts as ready (EndpointSlice API).
    if (endpoint.conditions?.ready === false) {
      notReady += 1;
      continue;
    }
    for (const address of endpoint.addresses) {
      if (!isAddress(address)) continue;
      addresses.push(canonical(address));
      hostnames.push((endpoint.hostname ?? '').toLowerCase());
      if (options.withPods) pods.push(endpoint.targetRef?.kind === 'Pod' ? (endpoint.targetRef.name ?? '') : '');
      if (options.withZones) zones.push(endpoint.zone ?? '');
    }
  }
  return {
    namespace: slice.metadata.namespace ?? '',
    name: slice.metadata.name,
    service: slice.metadata.labels?.[SERVICE_LABEL] ?? '',
    revision: slice.metadata.resourceVersion,
    ports: (slice.ports ?? []).flatMap((p) =>
      p.port === undefined || p.port === null
        ? []
        : [{ name: (p.name ?? '').toLowerCase(), protocol: (p.protocol ?? 'TCP').toLowerCase(), port: p.port }],
    ),
    endpoints: { addresses, hostnames: someOf(hostnames), pods: someOf(pods), zones: someOf(zones) },
    notReady,
    changedAtMs: Date.parse(slice.metadata.annotations?.[TRIGGER] ?? '') || 0,
  };
}

const someOf = (texts: string[]): string[] | undefined => (texts.some((t) => t !== '') ? texts : undefined);

export function namespaceOf(namespace: Namespace | KubeObject): DnsNamespace {
  return { name: namespace.metadata.name, revision: namespace.metadata.resourceVersion };
}

export function podOf(pod: Pod): DnsPod {
  const { status, metadata } = pod;
  const over = metadata.deletionTimestamp !== undefined || status?.phase === 'Succeeded' || status?.phase === 'Failed';
  const ips = status?.podIPs?.map((p) => p.ip) ?? [status?.podIP];
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    revision: metadata.resourceVersion,
    addresses: over ? [] : ips.filter(isAddress).map(canonical),
  };
}
