// What a client connects to: a service's address, a pod, a node, or any other address, with everything behind it that
// is to be watched.
import type { Pod, Service } from '../api/objects.ts';
import { UserError } from '../errors/index.ts';
import { isIpv6 } from '../ip/index.ts';
import { clusterIps, externalIps, nodeIps, podIps } from './cluster-view.ts';
import type { ClusterView, ServicePort } from './cluster-view.ts';
import { choosePort } from './service-port.ts';
import type { PossibleEndpoint } from './walk-connection.ts';

export interface Goal {
  readonly host: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly endpoints: readonly PossibleEndpoint[];
  readonly nodes: readonly string[];
  readonly targetName?: string;
  readonly http: boolean;
}

export type Protocol = 'tcp' | 'udp';

/** What the command line says beside the target. */
export interface Wanted {
  readonly view: ClusterView;
  /** Undefined: what the target's port is. */
  readonly protocol: Protocol | undefined;
  readonly port: number | undefined;
}

const nameOf = ({ metadata }: Pod | Service) => `${metadata.namespace}/${metadata.name}`;

/** `host` is a virtual address of the service, an address it has outside, or one of its endpoints (headless). */
export async function serviceGoal(wanted: Wanted, service: Service, host: string): Promise<Goal> {
  const chosen = choosePort(service, wanted.protocol, wanted.port);
  const endpoints = await wanted.view.endpoints(service, chosen);
  const virtual = [...clusterIps(service), ...externalIps(service)].includes(host);
  return {
    ...goalOf(service, chosen, endpoints),
    host,
    // A headless name leads straight to a pod, whose port is the target's.
    port: virtual ? chosen.port : (endpoints.find((endpoint) => endpoint.address === host)?.port ?? chosen.port),
  };
}

function goalOf(
  service: Service,
  port: ServicePort,
  endpoints: readonly PossibleEndpoint[],
): Omit<Goal, 'host' | 'port'> {
  const protocol = port.protocol === 'UDP' ? 'udp' : 'tcp';
  return {
    protocol,
    endpoints,
    nodes: endpoints.flatMap((endpoint) => endpoint.node ?? []),
    targetName: `Service ${nameOf(service)}`,
    http:
      protocol === 'tcp' &&
      (port.appProtocol === 'http' || /^http(-|$)/.test(port.name ?? '') || port.port === 80 || port.port === 8080),
  };
}

/** Without DNS: the address that a process on a node, or a client outside the cluster, would use for the service. */
export async function undiscoveredGoal(wanted: Wanted, service: Service, client: 'node' | 'external'): Promise<Goal> {
  const { view } = wanted;
  const name = nameOf(service);
  if (service.spec?.type === 'ExternalName') {
    throw new UserError(
      `Service ${name} is another name for ${service.spec.externalName}, which only DNS resolves: trace from a pod, or name an address`,
    );
  }
  const [virtual] = clusterIps(service);
  if (client === 'external') {
    const published = await publishedGoal(wanted, service);
    if (published !== undefined) return published;
    view.note(`Service ${name} has no address outside the cluster: its virtual address is tried`);
  }
  if (virtual !== undefined) {
    if (client === 'node') view.note(`a node does not ask the cluster's DNS: the address is the one the API gives`);
    return serviceGoal(wanted, service, virtual);
  }
  const endpoints = await view.endpoints(service, choosePort(service, wanted.protocol, wanted.port));
  const first = endpoints.find((endpoint) => endpoint.usable);
  if (first === undefined) throw new UserError(`Service ${name} has no virtual address and no ready endpoint`);
  view.note(`Service ${name} has no virtual address: the first of its endpoints is taken`);
  return serviceGoal(wanted, service, first.address);
}

/** A load balancer's address, an external one, or a node port. */
async function publishedGoal(wanted: Wanted, service: Service): Promise<Goal | undefined> {
  const { view } = wanted;
  const [outside] = externalIps(service);
  if (outside !== undefined) {
    view.note(`a client outside the cluster does not ask its DNS: ${outside} is where the Service is published`);
    return serviceGoal(wanted, service, outside);
  }
  const port = service.spec?.ports?.some((p) => p.nodePort)
    ? choosePort(service, wanted.protocol, wanted.port)
    : undefined;
  if (port?.nodePort === undefined) return undefined;
  const endpoints = await view.endpoints(service, port);
  const nodes = (await view.nodes()).map((node) => node.metadata.name);
  // With policy Local only a node that has an endpoint answers.
  const local = service.spec?.externalTrafficPolicy === 'Local';
  const node = (local ? endpoints.find((e) => e.usable)?.node : undefined) ?? nodes[0];
  if (node === undefined) return undefined;
  view.note(`a client outside the cluster does not ask its DNS: node port ${port.nodePort} of ${node} is taken`);
  return nodeGoal({ ...wanted, port: port.nodePort }, node);
}

export async function addressGoal(wanted: Wanted, host: string): Promise<Goal> {
  const { view, port, protocol } = wanted;
  const service = (await view.services()).find((s) => [...clusterIps(s), ...externalIps(s)].includes(host));
  if (service !== undefined) {
    const known = (service.spec?.ports ?? []).some((p) => port === undefined || p.port === port);
    if (known) return serviceGoal(wanted, service, host);
  }
  const pod = await view.podByIp(host);
  if (pod !== undefined) return podGoal(wanted, pod, host);
  const node = (await view.nodes()).find((candidate) => nodeIps(candidate).includes(host));
  if (node !== undefined) return { ...(await nodeGoal(wanted, node.metadata.name)), host };
  if (port === undefined)
    throw new UserError(`no service, pod or node has the address ${host}: say which port, as in ${host}:80`);
  return { host, port, protocol: protocol ?? 'tcp', endpoints: [], nodes: [], http: port === 80 };
}

/** `address`: which of the pod's; the first one if not given. */
export function podGoal({ view, protocol: asked, port }: Wanted, pod: Pod, address?: string): Goal {
  const name = nameOf(pod);
  const host = address ?? podIps(pod)[0];
  const declared = pod.spec?.containers.flatMap((container) => container.ports ?? [])[0];
  const number = port ?? declared?.containerPort;
  if (host === undefined) throw new UserError(`pod ${name} has no address yet`);
  if (number === undefined)
    throw new UserError(`pod ${name} declares no port: say which one, as in pod/${pod.metadata.name}:80`);
  const protocol = asked ?? (port === undefined && declared?.protocol === 'UDP' ? 'udp' : 'tcp');
  const place = view.podPlace(pod);
  const node = pod.spec?.nodeName;
  const endpoint = {
    address: host,
    port: number,
    usable: true,
    ...(place && { place }),
    ...(node === undefined ? {} : { node }),
  };
  return {
    host,
    port: number,
    protocol,
    endpoints: [endpoint],
    nodes: node === undefined ? [] : [node],
    http: protocol === 'tcp' && number === 80,
  };
}

/** A node's own address; with a node port, the service behind it. */
export async function nodeGoal(wanted: Wanted, name: string): Promise<Goal> {
  const { view, port, protocol } = wanted;
  const node = await view.node(name);
  if (node === undefined) throw new UserError(`there is no node ${name}`);
  if (port === undefined) throw new UserError(`say which port of node ${name}, as in node/${name}:30080`);
  const service = (await view.services()).find((s) => s.spec?.ports?.some((p) => p.nodePort === port));
  const all = nodeIps(node);
  // A node port answers in the families of its service.
  const v6 = service !== undefined && clusterIps(service).every((ip) => isIpv6(ip));
  const host = all.find((ip) => isIpv6(ip) === v6) ?? all[0];
  if (host === undefined) throw new UserError(`node ${name} has no InternalIP`);
  if (service === undefined) {
    return { host, port, protocol: protocol ?? 'tcp', endpoints: [], nodes: [name], http: port === 80 };
  }
  const chosen = choosePort(service, protocol, port, 'nodePort');
  const goal = goalOf(service, chosen, await view.endpoints(service, chosen));
  return { ...goal, host, port, nodes: [...goal.nodes, name] };
}
