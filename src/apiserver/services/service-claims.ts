// What a Service holds of the cluster's scarce things: addresses, node ports, load balancer addresses. Pure.
import type { Service } from '../../api/index.ts';
import { canonicalIp, formatIp, parseIp } from '../../ip/index.ts';

export type ServiceSpec = NonNullable<Service['spec']>;

export interface Claims {
  /** Canonical addresses. */
  readonly addresses: readonly string[];
  readonly nodePorts: readonly number[];
  readonly loadBalancerAddresses: readonly string[];
}

const NOTHING: Claims = { addresses: [], nodePorts: [], loadBalancerAddresses: [] };

/** The one spelling under which an address is booked; leading zeros are read as decimal, as Kubernetes reads them. */
export function bookedAddress(text: string): string {
  const ip = parseIp(text, { lenient: true });
  return ip === undefined ? text : formatIp(ip);
}

export const needsClusterIp = (spec: ServiceSpec): boolean =>
  spec.type !== 'ExternalName' && spec.clusterIPs?.[0] !== 'None' && spec.clusterIP !== 'None';

export const needsNodePorts = (spec: ServiceSpec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);

export const needsHealthCheckPort = (spec: ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';

export function claimsOf(service: Service | undefined): Claims {
  const spec = service?.spec;
  if (spec === undefined) return NOTHING;
  const addresses = needsClusterIp(spec) ? (spec.clusterIPs ?? []).filter((ip) => ip !== '').map(bookedAddress) : [];
  const ports = new Set<number>();
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') {
    for (const port of spec.ports ?? []) if ((port.nodePort ?? 0) !== 0) ports.add(port.nodePort ?? 0);
  }
  if (needsHealthCheckPort(spec) && (spec.healthCheckNodePort ?? 0) !== 0) ports.add(spec.healthCheckNodePort ?? 0);
  const ingress = spec.type === 'LoadBalancer' ? (service?.status?.loadBalancer?.ingress ?? []) : [];
  return {
    addresses,
    nodePorts: [...ports],
    loadBalancerAddresses: ingress.flatMap((i) => (i.ip === undefined ? [] : [canonicalIp(i.ip) ?? i.ip])),
  };
}
