// The values of the proxy: what the API objects mean for this node, before any kernel word is spoken.
// Types only. Everything here is immutable and comparable.

export type Family = 'IPv4' | 'IPv6';
export type Protocol = 'tcp' | 'udp' | 'sctp';

/** `namespace/name` of a Service. */
export type ServiceKey = string;

/** What the proxy knows about its own node. */
export interface NodeFacts {
  readonly name: string;
  /** Label `topology.kubernetes.io/zone`. */
  readonly zone?: string;
}

/** One address and port behind a service port, as seen from this node. */
export interface EndpointState {
  readonly ip: string;
  readonly port: number;
  /** `10.0.0.1:80` or `[fd00::1]:80`: the sort key, the DNAT target and part of chain names. */
  readonly text: string;
  readonly local: boolean;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** One port of one Service in one address family, with the endpoints this node would use. */
export interface PortState {
  /** Kubernetes' service port name: `ns/name`, or `ns/name:port` for a named port. */
  readonly id: string;
  readonly namespace: string;
  readonly service: string;
  readonly portName: string;
  readonly protocol: Protocol;
  readonly clusterIp: string;
  readonly port: number;
  /** 0: none. */
  readonly nodePort: number;
  readonly externalIps: readonly string[];
  /** Addresses of `status.loadBalancer` whose ipMode is VIP. */
  readonly loadBalancerIps: readonly string[];
  /** Empty: everybody may use the load-balancer addresses. */
  readonly sourceRanges: readonly string[];
  /** 0: none. */
  readonly healthCheckNodePort: number;
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  /** Session affinity by client address; 0: none. */
  readonly affinitySeconds: number;
  /** Whether the cluster-wide, or the node-local, list of endpoints is in use at all. */
  readonly usesCluster: boolean;
  readonly usesLocal: boolean;
  /** Endpoints for policy Cluster and for policy Local, each sorted by `text`. */
  readonly cluster: readonly EndpointState[];
  readonly local: readonly EndpointState[];
  /** Whether any endpoint anywhere could take traffic. */
  readonly hasEndpoints: boolean;
  /** Every known endpoint of the port, whatever its condition, sorted by `text`. */
  readonly all: readonly EndpointState[];
}

/** What one Service means for one family on this node. A Service without ports in the family has no state. */
export interface ServiceState {
  readonly key: ServiceKey;
  readonly family: Family;
  readonly ports: readonly PortState[];
}

/** How a state came to be another; `before` is what the kernel holds, `after` what it should hold. */
export interface StateChange {
  readonly before?: ServiceState;
  readonly after?: ServiceState;
}

export type StateChanges = ReadonlyMap<ServiceKey, StateChange>;

/** How traffic of this node's own pods is told from traffic that comes from outside the cluster. */
export type LocalDetector =
  | { readonly kind: 'none' }
  | { readonly kind: 'cidr'; readonly cidr: string }
  | { readonly kind: 'bridge'; readonly name: string }
  | { readonly kind: 'prefix'; readonly prefix: string };

export const isExternallyAccessible = (p: PortState): boolean =>
  p.nodePort !== 0 || p.externalIps.length > 0 || p.loadBalancerIps.length > 0;
