// One page of truth about a pod: the object, its network inside and on its node, the way to it from the other nodes,
// the services that lead to it, its names, and what was counted.
import type { EndpointSlice, Pod, Service } from '../api/objects.ts';
import { UserError } from '../errors/index.ts';
import { cidrContains, isIpv6, joinHostPort } from '../ip/index.ts';
import { openConntrack } from '../linux/index.ts';
import { clusterIps, ClusterView, podIps } from './cluster-view.ts';
import type { Place } from './contract.ts';
import { checkDns, clusterDnsServer } from './dns-check.ts';
import type { DnsCheck } from './dns-check.ts';
import { addressesInDns } from './inspect-service.ts';
import type { InspectOptions } from './inspect-service.ts';
import { checkNodeNetwork, checkPodNetwork, POD_DEVICE } from './network-checks.ts';
import type { NetworkCheck } from './network-checks.ts';
import { readNetwork } from './network-held.ts';
import type { DeviceCounters, HeldNetwork } from './network-held.ts';
import { nodeObject, podsOnNode, usesOverlay } from './node-objects.ts';
import { recentEvents } from './object-events.ts';
import { whyNotReady } from './readiness.ts';
import { inspectRules, primaryIps, readNodeRules } from './service-rules.ts';
import { settled } from './settled.ts';

export interface PodService {
  readonly name: string;
  readonly ready: boolean;
  /** Why its connections do not all find the way here, a sentence a node. */
  readonly problems: readonly string[];
  /** Connections to this pod that the nodes remember. */
  readonly connections: number;
}

export interface PodInspection {
  readonly pod: {
    readonly namespace: string;
    readonly name: string;
    readonly node?: string;
    readonly phase: string;
    readonly addresses: readonly string[];
    readonly hostNetwork: boolean;
    readonly conditions: readonly string[];
    readonly containers: readonly string[];
    readonly ready: boolean;
    /** Why it is not ready. */
    readonly why?: string;
  };
  readonly network: readonly NetworkCheck[];
  readonly services: readonly PodService[];
  readonly dns: readonly DnsCheck[];
  readonly counters: {
    readonly device?: DeviceCounters;
    /** Connections from and to the pod that its node remembers. */
    readonly connectionsFrom: number;
    readonly connectionsTo: number;
  };
  readonly events: readonly string[];
  readonly notes: readonly string[];
  readonly drift: boolean;
}

export const inspectPod = (options: InspectOptions): Promise<PodInspection> => settled(() => inspectPodOnce(options));

async function inspectPodOnce(options: InspectOptions): Promise<PodInspection> {
  const view = new ClusterView(options.client, options.environment);
  const pod = await view.pod(options.namespace, options.name);
  if (pod === undefined) throw new UserError(await view.missing('pod', options.namespace, options.name));
  const place = view.podPlace(pod);
  const why = whyNotReady(pod);
  const services = await servicesOf(view, pod);
  const [network, inspectedServices, dns, events] = await Promise.all([
    inspectNetwork(view, options, pod),
    inspectServices(view, options, pod, services),
    inspectNames(view, options, pod, services, place),
    recentEvents(options.client, { namespace: options.namespace, kinds: ['Pod'], name: options.name }),
  ]);
  return {
    pod: {
      namespace: options.namespace,
      name: options.name,
      phase: pod.status?.phase ?? 'Unknown',
      addresses: podIps(pod),
      hostNetwork: pod.spec?.hostNetwork === true,
      conditions: (pod.status?.conditions ?? []).map((c) => `${c.type}=${c.status}`),
      containers: (pod.status?.containerStatuses ?? []).map(
        (c) => `${c.name} ${Object.keys(c.state ?? {})[0] ?? 'unknown'}, restarted ${c.restartCount} times`,
      ),
      ready: why === undefined,
      ...(pod.spec?.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
      ...(why === undefined ? {} : { why }),
    },
    network: network.checks,
    services: inspectedServices,
    dns,
    counters: network.counters,
    events,
    notes: view.notes,
    drift:
      network.checks.some((check) => !check.ok) ||
      inspectedServices.some((service) => service.problems.length > 0) ||
      dns.some((answer) => !answer.ok),
  };
}

interface Network {
  readonly checks: readonly NetworkCheck[];
  readonly counters: PodInspection['counters'];
}

async function inspectNetwork(view: ClusterView, options: InspectOptions, pod: Pod): Promise<Network> {
  const name = `${options.namespace}/${options.name}`;
  const none: Network = { checks: [], counters: { connectionsFrom: 0, connectionsTo: 0 } };
  const home = pod.spec?.nodeName;
  if (home === undefined || pod.status?.phase !== 'Running' || pod.metadata.deletionTimestamp !== undefined)
    return none;
  const ips = podIps(pod);
  const place = pod.spec?.hostNetwork === true ? undefined : view.podPlace(pod);
  const homePlace = view.nodePlaces([home])[0];
  if (pod.spec?.hostNetwork === true) {
    view.notes.push(`the pod uses the network of ${home}: 'portico inspect node ${home}' shows it`);
    return none;
  }
  const inside = place === undefined ? undefined : readNetwork(place.netns);
  if (place === undefined && homePlace !== undefined) {
    view.notes.push('the namespace of the pod is not known here: what it holds inside is not seen');
  }
  const checks = await nodeChecks(view, options, ips);
  if (place === undefined || inside === undefined) return { ...none, checks };
  const outside = homePlace === undefined ? undefined : hostEnd(readNetwork(homePlace.netns), inside);
  const within = checkPodNetwork({
    name: place.name,
    ips,
    netns: place.netns,
    held: inside,
    ...(outside === undefined ? {} : { outside }),
  });
  if (homePlace !== undefined && outside === undefined) {
    view.notes.push(`no device on ${home} is the other end of the link of pod ${name}`);
  }
  const device = inside.counters[POD_DEVICE];
  const connections = homePlace === undefined ? none.counters : countConnections(homePlace, ips);
  return { checks: [...within, ...checks], counters: { ...connections, ...(device === undefined ? {} : { device }) } };
}

/** The node's end of a pod's link. */
function hostEnd(node: HeldNetwork, inside: HeldNetwork) {
  const index = inside.links.find((link) => link.name === POD_DEVICE)?.lower;
  const link = node.links.find((candidate) => candidate.index === index && candidate.kind === 'veth');
  if (link === undefined) return undefined;
  return { device: link.name, mtu: link.mtu, ...(link.mac === undefined ? {} : { mac: link.mac }) };
}

/** What the nodes hold that leads to the pod: its own rows on its node, the way to its node on the others. */
async function nodeChecks(view: ClusterView, options: InspectOptions, ips: readonly string[]): Promise<NetworkCheck[]> {
  const nodes = (await view.nodes()).map((node) => nodeObject(view, node));
  const overlay = usesOverlay(view, nodes, options.environment);
  const results = await Promise.all(
    view.nodePlaces(options.nodes).map(async (place) => {
      const self = nodes.find((node) => node.name === place.name);
      if (self === undefined) return [];
      return checkNodeNetwork({
        self,
        netns: place.netns,
        held: readNetwork(place.netns),
        peers: nodes.filter((node) => node.name !== self.name),
        pods: await podsOnNode(view, self.name),
        virtualIps: (await view.services()).flatMap(clusterIps),
        overlay,
      }).filter((check) => concerns(check, nodes, ips));
    }),
  );
  return results.flat();
}

/** Rows about the pod's address or about a range that holds it, and the tunnel to its node. */
function concerns(
  check: NetworkCheck,
  nodes: readonly { name: string; podCidrs: readonly string[] }[],
  ips: readonly string[],
): boolean {
  const subject = check.what.split(': ')[0] ?? '';
  if (ips.some((ip) => subject === ip || (subject.includes('/') && cidrContains(subject, ip)))) {
    return check.expected !== 'unreachable';
  }
  const home = nodes.find((node) => node.podCidrs.some((cidr) => ips.some((ip) => cidrContains(cidr, ip))));
  return home !== undefined && (check.what.endsWith(` of ${home.name}`) || check.what.endsWith(` to ${home.name}`));
}

function countConnections(node: Place, ips: readonly string[]) {
  const conntrack = openConntrack(node.netns);
  try {
    const families = new Set(ips.map((ip) => (isIpv6(ip) ? (6 as const) : (4 as const))));
    const entries = [...families].flatMap((family) => conntrack.entries({ family }));
    return {
      connectionsFrom: entries.filter((entry) => ips.includes(entry.original.source)).length,
      connectionsTo: entries.filter((entry) => ips.includes(entry.reply.source)).length,
    };
  } finally {
    conntrack.close();
  }
}

interface SelectingService {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
}

/** Services whose selector fits, and those that name the pod in their EndpointSlices without one. */
async function servicesOf(view: ClusterView, pod: Pod): Promise<SelectingService[]> {
  const namespace = pod.metadata.namespace ?? 'default';
  const labels = pod.metadata.labels ?? {};
  const own = (await view.services()).filter((service) => service.metadata.namespace === namespace);
  const all = await Promise.all(
    own.map(async (service) => ({ service, slices: await view.slices(namespace, service.metadata.name) })),
  );
  return all.filter(({ service, slices }) => {
    const selector = Object.entries(service.spec?.selector ?? {});
    const selected = selector.length > 0 && selector.every(([key, value]) => labels[key] === value);
    return (
      selected || slices.some((slice) => (slice.endpoints ?? []).some((e) => e.targetRef?.uid === pod.metadata.uid))
    );
  });
}

async function inspectServices(
  view: ClusterView,
  options: InspectOptions,
  pod: Pod,
  services: readonly SelectingService[],
): Promise<PodService[]> {
  if (services.length === 0) return [];
  const ips = podIps(pod);
  const nodes = await Promise.all(
    view.nodePlaces(options.nodes).map(async (place) => {
      const node = await view.node(place.name);
      return {
        rules: await readNodeRules(place, new Set([4, 6] as const)),
        ips: node === undefined ? [] : primaryIps(node),
      };
    }),
  );
  return services.map(({ service, slices }) => {
    const endpoints = slices.flatMap((slice) =>
      (slice.endpoints ?? []).filter((e) => e.targetRef?.uid === pod.metadata.uid),
    );
    const ready = endpoints.some((e) => e.conditions?.ready !== false);
    const problems = endpoints.length > 0 || whyNotReady(pod) !== undefined ? [] : ['no EndpointSlice names this pod'];
    const rules = inspectRules(service, slices, nodes);
    const mine = (target: string) => ips.some((ip) => target.startsWith(joinHostPort(ip, '')));
    for (const rule of rules) {
      const own = rule.problems.filter((problem) => problem.split(' ').some(mine));
      problems.push(...own.map((problem) => `${rule.node} ${rule.address}: ${problem}; see: ${rule.command}`));
    }
    const counts = rules.flatMap((rule) => Object.entries(rule.connections)).filter(([target]) => mine(target));
    return {
      name: `${service.metadata.namespace}/${service.metadata.name}`,
      ready,
      problems,
      connections: counts.reduce((sum, [, n]) => sum + n, 0),
    };
  });
}

/** The pod's own names: under a headless service that is its subdomain, and under the services that lead to it. */
async function inspectNames(
  view: ClusterView,
  { environment }: InspectOptions,
  pod: Pod,
  services: readonly SelectingService[],
  place: Place | undefined,
): Promise<DnsCheck[]> {
  const server = await clusterDnsServer(view);
  const from = place ?? view.nodePlace(pod.spec?.nodeName ?? '');
  if (server === undefined || from === undefined) return [];
  const zone = `${pod.metadata.namespace}.svc.${environment.clusterDomain}`;
  const checks = services.flatMap(({ service, slices }) => {
    if (service.spec?.type === 'ExternalName') return [];
    const name = `${service.metadata.name}.${zone}`;
    const list = [checkDns(from, server, name, addressesInDns(service, slices))];
    const hostname = pod.spec?.hostname;
    if (clusterIps(service).length === 0 && hostname !== undefined && pod.spec?.subdomain === service.metadata.name) {
      const usable = whyNotReady(pod) === undefined || service.spec?.publishNotReadyAddresses === true;
      list.push(checkDns(from, server, `${hostname}.${name}`, usable ? podIps(pod) : []));
    }
    return list;
  });
  return (await Promise.all(checks)).flat();
}
