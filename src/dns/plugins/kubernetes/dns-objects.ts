// What DNS keeps of API objects. Informers apply these as transforms, so nothing else stays in memory; they also
// cross to worker threads and into the snapshot file, so they are plain values.
import type { EndpointSlice, KubeObject, Namespace, Pod, Service } from '../../../api/index.ts';
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
  readonly ports: readonly DnsPort[];
  readonly changedAtMs: number;
}

export interface DnsEndpoint {
  readonly address: string;
  readonly hostname: string;
  readonly pod: string;
  readonly zone: string;
}

export interface DnsSlice {
  readonly namespace: string;
  readonly name: string;
  readonly service: string;
  readonly revision: string;
  readonly ports: readonly DnsPort[];
  /** The ready ones only, an address each. */
  readonly endpoints: readonly DnsEndpoint[];
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
const NO_ENDPOINTS: readonly DnsEndpoint[] = [];

export function serviceOf(service: Service): DnsService {
  const spec = service.spec ?? {};
  const ips = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  const external = spec.type === 'ExternalName';
  const type = external ? 'ExternalName' : ips[0] === 'None' ? 'Headless' : 'ClusterIP';
  return {
    namespace: service.metadata.namespace ?? '',
    name: service.metadata.name,
    revision: service.metadata.resourceVersion,
    type,
    clusterIps: type === 'ClusterIP' ? ips.filter(isAddress).map(canonical) : [],
    externalName: external ? (spec.externalName ?? '') : '',
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

export function sliceOf(slice: EndpointSlice): DnsSlice {
  const endpoints: DnsEndpoint[] = [];
  let notReady = 0;
  for (const endpoint of slice.endpoints ?? []) {
    // An unknown condition counts as ready (EndpointSlice API).
    if (endpoint.conditions?.ready === false) {
      notReady += 1;
      continue;
    }
    const shared = {
      hostname: (endpoint.hostname ?? '').toLowerCase(),
      pod: endpoint.targetRef?.kind === 'Pod' ? (endpoint.targetRef.name ?? '') : '',
      zone: endpoint.zone ?? '',
    };
    for (const address of endpoint.addresses)
      if (isAddress(address)) endpoints.push({ address: canonical(address), ...shared });
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
    endpoints: slice.addressType === 'FQDN' ? NO_ENDPOINTS : endpoints,
    notReady,
    changedAtMs: Date.parse(slice.metadata.annotations?.[TRIGGER] ?? '') || 0,
  };
}

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
