// What a trace needs of the API: services with their endpoints, pods and nodes, and where each lives on this machine.
import {
  endpointSlices,
  isNotFound,
  namespaces as namespaceResource,
  nodes as nodeResource,
  pods as podResource,
  services as serviceResource,
} from '../api/objects.ts';
import type { EndpointSlice, Node, Pod, Service } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { canonicalIp } from '../ip/index.ts';
import type { Place } from './contract.ts';
import type { PossibleEndpoint } from './walk-connection.ts';

/** Where the places of the cluster are on this machine. Each answer may be undefined: not here, so not to be seen. */
export interface TraceEnvironment {
  nodeNetns(node: string): string | undefined;
  podNetns(pod: PodIdentity): string | undefined;
  /** A namespace outside the cluster that reaches the nodes. */
  externalNetns(): string | undefined;
  readonly clusterDomain: string;
  /** @default 4789 */
  readonly vxlanPort?: number;
  /** How pods of different nodes reach each other; without it, what the nodes hold says so. */
  readonly network?: 'native' | 'vxlan';
}

export interface PodIdentity {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Name of its node, where that is known. */
  readonly node?: string;
  readonly ips: readonly string[];
}

export type ServicePort = NonNullable<NonNullable<Service['spec']>['ports']>[number];

export class ClusterView {
  readonly #client: Client;
  readonly #environment: TraceEnvironment;
  readonly notes: string[] = [];

  constructor(client: Client, environment: TraceEnvironment) {
    this.#client = client;
    this.#environment = environment;
  }

  pod(namespace: string, name: string): Promise<Pod | undefined> {
    return found(this.#client.resource(podResource).get(name, namespace));
  }

  node(name: string): Promise<Node | undefined> {
    return found(this.#client.resource(nodeResource).get(name));
  }

  service(namespace: string, name: string): Promise<Service | undefined> {
    return found(this.#client.resource(serviceResource).get(name, namespace));
  }

  async namespaceExists(name: string): Promise<boolean> {
    return (await found(this.#client.resource(namespaceResource).get(name))) !== undefined;
  }

  /** What to say of an object that is not there: its namespace may not be there either. */
  async missing(kind: 'pod' | 'Service', namespace: string, name: string): Promise<string> {
    if (await this.namespaceExists(namespace)) return `there is no ${kind} ${namespace}/${name}`;
    return `there is no namespace ${namespace}, so there is no ${kind} ${name} in it`;
  }

  async services(): Promise<Service[]> {
    return (await this.#client.resource(serviceResource).list()).items;
  }

  async nodes(): Promise<Node[]> {
    return (await this.#client.resource(nodeResource).list()).items;
  }

  /** Of one namespace, or of one node. */
  async pods(of: { readonly namespace?: string; readonly node?: string }): Promise<Pod[]> {
    const { items } = await this.#client.resource(podResource).list({
      ...(of.namespace === undefined ? {} : { namespace: of.namespace }),
      ...(of.node === undefined ? {} : { fieldSelector: `spec.nodeName=${of.node}` }),
    });
    return items;
  }

  /** The EndpointSlices of a service. */
  async slices(namespace: string, name: string): Promise<EndpointSlice[]> {
    const { items } = await this.#client
      .resource(endpointSlices)
      .list({ namespace, labelSelector: `kubernetes.io/service-name=${name}` });
    return items;
  }

  async allSlices(): Promise<EndpointSlice[]> {
    return (await this.#client.resource(endpointSlices).list()).items;
  }

  async podByIp(ip: string): Promise<Pod | undefined> {
    const { items } = await this.#client.resource(podResource).list();
    return items.find((pod) => pod.spec?.hostNetwork !== true && podIps(pod).includes(ip));
  }

  /** The place of a pod: its own namespace, or its node's when it uses the host's network. */
  podPlace(pod: Pod): Place | undefined {
    const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
    if (pod.spec?.hostNetwork === true) return this.nodePlace(pod.spec.nodeName ?? '');
    const netns = this.#environment.podNetns({
      uid: pod.metadata.uid,
      namespace: pod.metadata.namespace ?? '',
      name: pod.metadata.name,
      ips: podIps(pod),
      ...(pod.spec?.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
    });
    return netns === undefined ? undefined : { kind: 'pod', name, netns };
  }

  nodePlace(name: string): Place | undefined {
    const netns = this.#environment.nodeNetns(name);
    return netns === undefined ? undefined : { kind: 'node', name, netns };
  }

  /** Places of these nodes; those that are not on this machine are noted. */
  nodePlaces(names: Iterable<string>): Place[] {
    return [...new Set(names)].flatMap((name) => {
      const place = this.nodePlace(name);
      if (place === undefined) this.note(`node ${name} is not on this machine: what happens there is not seen`);
      return place ?? [];
    });
  }

  /** Keeps a sentence for the report, once. */
  note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }

  /** Every address behind one port of a service. */
  async endpoints(service: Service, port: ServicePort): Promise<PossibleEndpoint[]> {
    const slices = await this.slices(service.metadata.namespace ?? 'default', service.metadata.name);
    const all = slices.flatMap((slice) => this.#sliceEndpoints(slice, port));
    return [...new Map(all.map((endpoint) => [`${endpoint.address} ${endpoint.port}`, endpoint])).values()];
  }

  #sliceEndpoints(slice: EndpointSlice, port: ServicePort): PossibleEndpoint[] {
    const number = slice.ports?.find(
      (p) => (p.name ?? '') === (port.name ?? '') && (p.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    )?.port;
    if (number === undefined || slice.addressType === 'FQDN') return [];
    // Kubernetes writes null for none.
    return (slice.endpoints ?? []).flatMap((endpoint) => {
      const place = this.#endpointPlace(slice, endpoint);
      return endpoint.addresses.flatMap((text): PossibleEndpoint[] => {
        const address = canonicalIp(text);
        if (address === undefined) return [];
        const usable = endpoint.conditions?.ready !== false;
        const node = endpoint.nodeName;
        return [{ address, port: number, usable, ...(place && { place }), ...(node === undefined ? {} : { node }) }];
      });
    });
  }

  #endpointPlace(slice: EndpointSlice, endpoint: EndpointSlice['endpoints'][number]): Place | undefined {
    const { targetRef } = endpoint;
    if (targetRef?.kind !== 'Pod' || targetRef.uid === undefined || targetRef.name === undefined) return undefined;
    const namespace = targetRef.namespace ?? slice.metadata.namespace ?? '';
    const netns = this.#environment.podNetns({
      uid: targetRef.uid,
      namespace,
      name: targetRef.name,
      ips: endpoint.addresses,
      ...(endpoint.nodeName === undefined ? {} : { node: endpoint.nodeName }),
    });
    return netns === undefined ? undefined : { kind: 'pod', name: `${namespace}/${targetRef.name}`, netns };
  }
}

export const podIps = (pod: Pod): string[] =>
  (pod.status?.podIPs ?? [{ ip: pod.status?.podIP ?? '' }]).flatMap(({ ip }) => canonicalIp(ip ?? '') ?? []);

export const nodeIps = (node: Node): string[] =>
  (node.status?.addresses ?? []).flatMap((a) => (a.type === 'InternalIP' ? (canonicalIp(a.address) ?? []) : []));

/** Virtual addresses of a service, canonical; a headless one has none. */
export const clusterIps = (service: Service): string[] =>
  (service.spec?.clusterIPs ?? [service.spec?.clusterIP ?? '']).flatMap((ip) => canonicalIp(ip) ?? []);

/** Addresses of a service that clients outside the cluster use. */
export function externalIps(service: Service): string[] {
  const balancer = service.status?.loadBalancer?.ingress?.map((ingress) => ingress.ip) ?? [];
  const all = [...(service.spec?.externalIPs ?? []), ...balancer].flatMap((ip) => canonicalIp(ip ?? '') ?? []);
  return [...new Set(all)];
}

async function found<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
