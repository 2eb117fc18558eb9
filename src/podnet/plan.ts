// From the nodes of the cluster and the pods of this node to the network state its kernel should hold. Pure.
import { cidrContains, cidrsOverlap, formatCidr, formatIp, isIpv6, nthAddress, toCidr } from '../ip/index.ts';
import type { NetworkMode } from './contract.ts';
import { hostLinkName, podMac, VXLAN_DEVICE, vtepMac } from './names.ts';
import type {
  DeviceAddress,
  ForwardingEntry,
  Neighbor,
  NetworkState,
  PodLink,
  Route,
  VxlanLink,
} from './network-state.ts';

/** What the plan needs to know of a Node object. */
export interface NodeFacts {
  readonly name: string;
  readonly podCidrs: readonly string[];
  readonly internalIps: readonly string[];
}

/** The device that leads to the other nodes, as the kernel has it now. */
export interface Uplink {
  readonly name: string;
  readonly mtu: number;
  /** With prefix length: 172.30.0.11/24. */
  readonly addresses: readonly string[];
  /** Whether the node has a default route of its own. */
  readonly hasDefaultRoute: { readonly v4: boolean; readonly v6: boolean };
}

export interface PlanInput {
  readonly mode: NetworkMode;
  readonly uplink: Uplink;
  readonly self: NodeFacts;
  readonly others: readonly NodeFacts[];
  readonly serviceCidrs: readonly string[];
  readonly pods: readonly { readonly uid: string; readonly ips: readonly string[] }[];
  readonly vxlanPort: number;
  readonly vxlanVni: number;
}

/** A node whose pods are reached over an end of the pod network that has an address: it can be asked. */
export interface PlannedPeer {
  readonly name: string;
  /** Of its host. */
  readonly ip: string;
  readonly podCidr: string;
  /** Its own address in the pod network. */
  readonly gateway: string;
  readonly way: 'route' | 'vxlan';
}

export interface Plan {
  readonly state: NetworkState;
  readonly podMtu: number;
  readonly peers: readonly PlannedPeer[];
  /** What could not be planned, each a sentence that names the node and the reason. */
  readonly problems: readonly string[];
}

/** Outer Ethernet, IP, UDP and VXLAN headers (RFC 7348). */
const VXLAN_OVERHEAD = { v4: 50, v6: 70 };

const sameFamily = (a: string, b: string) => isIpv6(a.split('/')[0] ?? a) === isIpv6(b.split('/')[0] ?? b);
const hostPrefix = (ip: string) => `${ip}/${isIpv6(ip) ? 128 : 32}`;

export function planNetwork(input: PlanInput): Plan {
  const problems: string[] = [];
  const accepted = acceptedPeers(input, problems);
  const vxlan = input.mode !== 'native' ? planVxlan(input, problems) : undefined;
  const podMtu = vxlan?.mtu ?? input.uplink.mtu;

  const addresses: DeviceAddress[] = [];
  const neighbors: Neighbor[] = [];
  const forwarding: ForwardingEntry[] = [];
  const routes: Route[] = [];
  const podLinks: PodLink[] = [];

  // Without it a packet to an unassigned pod address would travel between two nodes until its TTL is used up.
  for (const cidr of input.self.podCidrs) routes.push({ destination: formatCidr(cidr), type: 'unreachable' });
  routes.push(...serviceRoutes(input));

  for (const pod of input.pods) {
    const device = hostLinkName(pod.uid);
    podLinks.push({ name: device, mtu: podMtu });
    for (const ip of pod.ips) {
      neighbors.push({ device, address: ip, mac: podMac(pod.uid) });
      routes.push({ destination: hostPrefix(ip), type: 'unicast', device });
    }
  }

  if (vxlan !== undefined) {
    for (const cidr of input.self.podCidrs) addresses.push({ device: vxlan.name, address: hostPrefix(base(cidr)) });
  }
  const isRouted = (peer: NodeFacts) =>
    input.mode === 'native' || (input.mode === 'auto' && isOnLink(peer, input.uplink));
  for (const peer of accepted) {
    if (isRouted(peer)) {
      routes.push(...nativeRoutes(peer, input.uplink, problems));
    } else if (vxlan !== undefined) {
      planOverlayPeer(peer, vxlan, { neighbors, forwarding, routes, problems });
    }
  }
  const peers = vxlan === undefined ? [] : accepted.flatMap((peer) => plannedPeer(peer, vxlan, isRouted(peer)));
  return { state: { vxlan, podLinks, addresses, neighbors, forwarding, routes }, podMtu, peers, problems };
}

function plannedPeer(peer: NodeFacts, vxlan: VxlanLink, routed: boolean): PlannedPeer[] {
  const [podCidr] = peer.podCidrs;
  const ip = peer.internalIps.find((each) => sameFamily(each, vxlan.local));
  if (podCidr === undefined || ip === undefined) return [];
  return [{ name: peer.name, ip, podCidr, gateway: base(podCidr), way: routed ? 'route' : 'vxlan' }];
}

const base = (cidr: string) => formatIp(nthAddress(cidr, 0));

/** Nodes whose pod CIDRs clash with ours or with each other's would steal traffic: the first by name keeps it. */
function acceptedPeers(input: PlanInput, problems: string[]): NodeFacts[] {
  const taken: { cidr: string; node: string }[] = input.self.podCidrs.map((cidr) => ({ cidr, node: input.self.name }));
  const peers: NodeFacts[] = [];
  for (const node of input.others.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const podCidrs = node.podCidrs.filter((cidr) => {
      const clash = taken.find((other) => cidrsOverlap(other.cidr, cidr));
      if (clash === undefined) return true;
      problems.push(
        `pod CIDR ${cidr} of node ${node.name} overlaps ${clash.cidr} of node ${clash.node}: no route to it`,
      );
      return false;
    });
    taken.push(...podCidrs.map((cidr) => ({ cidr, node: node.name })));
    if (podCidrs.length > 0 && node.internalIps.length === 0) {
      problems.push(`node ${node.name} has no InternalIP in its status: its pods cannot be reached`);
    } else if (podCidrs.length > 0) {
      peers.push({ ...node, podCidrs });
    }
  }
  return peers;
}

/**
 * connect() of a process on the node looks up a route before any rule can translate a virtual address. A default
 * route is enough, and better: its router answers for addresses that no rule translates. Without one there must be a
 * route that a neighbour lookup can follow; an unreachable or blackhole route would refuse the connection.
 */
function serviceRoutes({ serviceCidrs, uplink }: PlanInput): Route[] {
  return serviceCidrs.flatMap((cidr) => {
    const covered = toCidr(cidr).family === 6 ? uplink.hasDefaultRoute.v6 : uplink.hasDefaultRoute.v4;
    const source = uplink.addresses.find((address) => sameFamily(address, cidr));
    if (covered || source === undefined) return [];
    const ip = source.slice(0, source.indexOf('/'));
    return [{ destination: formatCidr(cidr), type: 'unicast' as const, device: uplink.name, source: ip }];
  });
}

/** Is the node a neighbour, for every family of its pods? Between such two no packet needs wrapping. */
function isOnLink(peer: NodeFacts, uplink: Uplink): boolean {
  return peer.podCidrs.every((cidr) => {
    const via = peer.internalIps.find((ip) => sameFamily(ip, cidr));
    return via !== undefined && uplink.addresses.some((address) => cidrContains(address, via));
  });
}

function nativeRoutes(peer: NodeFacts, uplink: Uplink, problems: string[]): Route[] {
  return peer.podCidrs.flatMap((cidr) => {
    const via = peer.internalIps.find((ip) => sameFamily(ip, cidr));
    if (via === undefined) {
      problems.push(`node ${peer.name} has no InternalIP of the family of its pod CIDR ${cidr}: no route to it`);
      return [];
    }
    if (!uplink.addresses.some((address) => cidrContains(address, via))) {
      problems.push(
        `node ${peer.name} (${via}) is not on the link ${uplink.name} (${uplink.addresses.join(', ')}): ` +
          'native routing leaves it to your router; use the network auto or vxlan to reach it from here',
      );
      return [];
    }
    return [{ destination: formatCidr(cidr), type: 'unicast' as const, via, device: uplink.name }];
  });
}

function planVxlan(input: PlanInput, problems: string[]): VxlanLink | undefined {
  const [firstCidr] = input.self.podCidrs;
  const mine = input.uplink.addresses.map((address) => address.slice(0, address.indexOf('/')));
  // The address other nodes know us by goes first; without one, any of the uplink's.
  const local = input.self.internalIps.find((ip) => mine.includes(ip)) ?? mine[0];
  if (firstCidr === undefined) return undefined;
  if (local === undefined) {
    problems.push(`the device ${input.uplink.name} has no address: no overlay can start from it`);
    return undefined;
  }
  return {
    name: VXLAN_DEVICE,
    vni: input.vxlanVni,
    port: input.vxlanPort,
    local,
    device: input.uplink.name,
    mac: vtepMac(firstCidr),
    mtu: input.uplink.mtu - (isIpv6(local) ? VXLAN_OVERHEAD.v6 : VXLAN_OVERHEAD.v4),
  };
}

/** Three entries a remote node and family: where its gateway's frame goes, who that is, which addresses lie behind. */
function planOverlayPeer(
  peer: NodeFacts,
  vxlan: VxlanLink,
  into: { neighbors: Neighbor[]; forwarding: ForwardingEntry[]; routes: Route[]; problems: string[] },
): void {
  const [firstCidr] = peer.podCidrs;
  const destination = peer.internalIps.find((ip) => sameFamily(ip, vxlan.local));
  if (firstCidr === undefined) return;
  if (destination === undefined) {
    into.problems.push(
      `node ${peer.name} has no InternalIP of the family of ${vxlan.local}: the overlay cannot reach it`,
    );
    return;
  }
  const mac = vtepMac(firstCidr);
  into.forwarding.push({ device: vxlan.name, mac, destination });
  for (const cidr of peer.podCidrs) {
    const gateway = base(cidr);
    into.neighbors.push({ device: vxlan.name, address: gateway, mac });
    into.routes.push({
      destination: formatCidr(toCidr(cidr)),
      type: 'unicast',
      via: gateway,
      device: vxlan.name,
      onlink: true,
    });
  }
}
