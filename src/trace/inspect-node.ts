// One page of truth about a node: the object and why it is not ready, its pods, its network and the rules of every
// service read back from its kernel, and what was counted.
import type { Node } from '../api/objects.ts';
import { UserError } from '../errors/index.ts';
import { parseCidr } from '../ip/index.ts';
import { readSysctl } from '../linux/index.ts';
import { clusterIps, ClusterView, externalIps, podIps } from './cluster-view.ts';
import type { Place } from './contract.ts';
import type { InspectOptions } from './inspect-service.ts';
import { checkNodeNetwork, commandIn } from './network-checks.ts';
import type { NetworkCheck } from './network-checks.ts';
import { readNetwork } from './network-held.ts';
import type { DeviceCounters } from './network-held.ts';
import { nodeObject, podsOnNode, usesOverlay } from './node-objects.ts';
import { recentEvents } from './object-events.ts';
import { whyNotReady } from './readiness.ts';
import { addressText, EVERY_SERVICE, inspectRules, primaryIps, readNodeRules } from './service-rules.ts';
import type { InspectedRule } from './service-rules.ts';
import { settled } from './settled.ts';

export interface NodeInspection {
  readonly node: {
    readonly name: string;
    readonly addresses: readonly string[];
    readonly podCidrs: readonly string[];
    readonly conditions: readonly string[];
    readonly ready: boolean;
    readonly why?: string;
    readonly unschedulable: boolean;
  };
  readonly pods: readonly {
    readonly name: string;
    readonly addresses: readonly string[];
    readonly phase: string;
    readonly ready: boolean;
    readonly why?: string;
  }[];
  readonly network: readonly NetworkCheck[];
  /** Rules of services that differ; how many were compared is in `rulesCompared`. */
  readonly rules: readonly InspectedRule[];
  readonly rulesCompared: number;
  readonly mode: InspectedRule['mode'];
  readonly counters: {
    readonly devices: Readonly<Record<string, DeviceCounters>>;
    readonly connections: number;
    readonly connectionsMax: number;
  };
  readonly events: readonly string[];
  readonly notes: readonly string[];
  readonly drift: boolean;
}

export const inspectNode = (options: InspectOptions): Promise<NodeInspection> =>
  settled(() => inspectNodeOnce(options));

async function inspectNodeOnce(options: InspectOptions): Promise<NodeInspection> {
  const view = new ClusterView(options.client, options.environment);
  const node = await view.node(options.name);
  if (node === undefined) throw new UserError(`there is no node ${options.name}`);
  const [place] = view.nodePlaces([options.name]);
  const pods = await view.pods({ node: options.name });
  const held = place === undefined ? undefined : readNetwork(place.netns);
  const [network, rules, events] = await Promise.all([
    place === undefined ? [] : inspectNetwork(view, options, place),
    place === undefined ? undefined : inspectServices(view, node, place),
    recentEvents(options.client, { kinds: ['Node'], name: options.name }),
  ]);
  const count = (key: string) => Number((place && readSysctl(place.netns, `net.netfilter.${key}`)) ?? 0);
  const wrong = rules?.all.filter((rule) => !rule.ok) ?? [];
  return {
    node: nodeSummary(node),
    pods: pods.map((pod) => {
      const why = whyNotReady(pod);
      return {
        name: `${pod.metadata.namespace}/${pod.metadata.name}`,
        addresses: podIps(pod),
        phase: pod.status?.phase ?? 'Unknown',
        ready: why === undefined,
        ...(why === undefined ? {} : { why }),
      };
    }),
    network,
    rules: wrong,
    rulesCompared: rules?.all.length ?? 0,
    mode: rules?.mode ?? 'none',
    counters: {
      devices: held?.counters ?? {},
      connections: count('nf_conntrack_count'),
      connectionsMax: count('nf_conntrack_max'),
    },
    events,
    notes: view.notes,
    drift: wrong.length > 0 || network.some((check) => !check.ok),
  };
}

function nodeSummary(node: Node): NodeInspection['node'] {
  const { podCIDR, podCIDRs = podCIDR === undefined ? [] : [podCIDR], unschedulable = false } = node.spec ?? {};
  const ready = node.status?.conditions?.find((c) => c.type === 'Ready');
  const why = [ready?.reason, ready?.message].filter(Boolean).join(': ') || 'the node has not reported yet';
  return {
    name: node.metadata.name,
    addresses: (node.status?.addresses ?? []).map((a) => `${a.type} ${a.address}`),
    podCidrs: podCIDRs,
    conditions: (node.status?.conditions ?? []).map((c) => `${c.type}=${c.status}`),
    ready: ready?.status === 'True',
    ...(ready?.status === 'True' ? {} : { why }),
    unschedulable,
  };
}

async function inspectNetwork(view: ClusterView, options: InspectOptions, place: Place): Promise<NetworkCheck[]> {
  const nodes = (await view.nodes()).map((node) => nodeObject(view, node));
  const self = nodes.find((node) => node.name === place.name);
  if (self === undefined) return [];
  const pods = await podsOnNode(view, place.name);
  const virtualIps = (await view.services()).flatMap(clusterIps);
  const families = new Set(self.podCidrs.map((cidr) => parseCidr(cidr)?.family));
  return [
    ...[...families].map((family) =>
      checkForwarding(place, family === 6 ? 'net.ipv6.conf.all.forwarding' : 'net.ipv4.ip_forward'),
    ),
    ...checkNodeNetwork({
      self,
      netns: place.netns,
      held: readNetwork(place.netns),
      peers: nodes.filter((node) => node.name !== self.name),
      pods,
      virtualIps,
      overlay: usesOverlay(view, nodes, options.environment),
    }),
  ];
}

/** The rules of every service, and those of none. */
async function inspectServices(view: ClusterView, node: Node, place: Place) {
  const rules = await readNodeRules(place, new Set([4, 6] as const));
  const services = (await view.services()).filter((service) => service.spec?.type !== 'ExternalName');
  const slices = Map.groupBy(
    await view.allSlices(),
    (slice) => `${slice.metadata.namespace}/${slice.metadata.labels?.['kubernetes.io/service-name'] ?? ''}`,
  );
  const side = { rules, ips: primaryIps(node) };
  const rows = services.flatMap((service) =>
    inspectRules(service, slices.get(`${service.metadata.namespace}/${service.metadata.name}`) ?? [], [side]),
  );
  const own = rows.filter(
    (row, i) => row.address !== EVERY_SERVICE || rows.findIndex((r) => r.address === EVERY_SERVICE) === i,
  );
  const known = new Set(services.flatMap((service) => [...clusterIps(service), ...externalIps(service)]));
  const nobodys = rules.held
    .filter((address) => !known.has(address.ip))
    .map((address): InspectedRule => {
      const found = rules.about(address);
      return {
        node: place.name,
        mode: rules.mode,
        address: addressText(address),
        expected: 'no rule',
        found: found.kind === 'translate' ? found.targets.join(' ') : 'a rule',
        ok: false,
        problems: ['no Service has this address'],
        command: commandIn(place.netns, rules.list(address)),
        connections: rules.connections(address),
      };
    });
  return { mode: rules.mode, all: [...own, ...nobodys] };
}

function checkForwarding({ name, netns }: Place, sysctl: string): NetworkCheck {
  const found = readSysctl(netns, sysctl) ?? 'not there';
  return {
    layer: 'device',
    where: name,
    what: `${sysctl}: packets of pods leave the node`,
    expected: '1',
    found,
    ok: found === '1',
    command: commandIn(netns, `sysctl ${sysctl}`),
  };
}
