// What a node's and a pod's namespace should hold, against what was read back. Pure. What should be follows from the
// Node and Pod objects and from the other end of each link, not from the agent's own plan, which would repeat its errors.
import { canonicalIp, cidrContains, formatCidr, formatIp, isIpv6, nthAddress } from '../ip/index.ts';
import type { HeldForwarding, HeldNeighbor, HeldNetwork, HeldRoute } from './network-held.ts';

export interface NetworkCheck {
  readonly layer: 'device' | 'address' | 'route' | 'neighbour' | 'forwarding' | 'rule';
  /** Pod or node whose namespace was read. */
  readonly where: string;
  /** What it is for. */
  readonly what: string;
  readonly expected: string;
  readonly found: string;
  readonly ok: boolean;
  /** Shows the same to a person. */
  readonly command: string;
}

export interface NodeObject {
  readonly name: string;
  readonly podCidrs: readonly string[];
  readonly internalIps: readonly string[];
  /** Hardware address of its overlay device, when its namespace can be read. */
  readonly overlayMac?: string;
}

export interface PodOnNode {
  readonly name: string;
  readonly ips: readonly string[];
  readonly running: boolean;
  /** The node's end of the pod's link and the pod's own hardware address, when its namespace can be read. */
  readonly device?: string;
  readonly mac?: string;
}

export interface NodeNetworkInput {
  readonly self: NodeObject;
  readonly netns: string;
  readonly held: HeldNetwork;
  readonly peers: readonly NodeObject[];
  readonly pods: readonly PodOnNode[];
  /** Virtual addresses of all Services: a route that covers them is no stale one. */
  readonly virtualIps: readonly string[];
  readonly overlay: boolean;
}

/** Marks the routes of the pod network: `ip route show proto 99`. */
const POD_NETWORK_PROTOCOL = 99;
const OVERLAY_DEVICE = 'portico.vxlan';
const OVERLAY_OVERHEAD = { v4: 50, v6: 70 };
export const POD_DEVICE = 'eth0';
const NOTHING = 'nothing';

/** A command as a person would type it to look into the same namespace. */
export function commandIn(netns: string, command: string): string {
  if (netns.includes('/')) return command;
  return /^(ip|bridge) /.test(command)
    ? command.replace(/^(ip|bridge) /, `$1 -n ${netns} `)
    : `ip netns exec ${netns} ${command}`;
}

const sameFamily = (a: string, b: string) => isIpv6(a.split('/')[0] ?? a) === isIpv6(b.split('/')[0] ?? b);
const hostPrefix = (ip: string) => `${ip}/${isIpv6(ip) ? 128 : 32}`;
const firstAddress = (cidr: string) => formatIp(nthAddress(cidr, 0));
const inFamily = (ip: string, command: string) => (isIpv6(ip) ? command.replace(/^ip /, 'ip -6 ') : command);

function routeText(route: HeldRoute | undefined): string {
  if (route === undefined) return NOTHING;
  if (route.type !== 'unicast') return route.type;
  const via = route.via === undefined ? [] : [`via ${route.via}`];
  const device = route.device === undefined ? [] : [`dev ${route.device}`];
  return [...via, ...device, ...(route.onlink ? ['onlink'] : [])].join(' ');
}

/** Of several routes to the same destination the kernel takes the one with the smallest metric. */
function bestRoute(held: HeldNetwork, destination: string): HeldRoute | undefined {
  return held.routes.filter((r) => r.destination === destination).toSorted((a, b) => a.metric - b.metric)[0];
}

type Row = Omit<NetworkCheck, 'ok' | 'where'>;

export function checkNodeNetwork(input: NodeNetworkInput): NetworkCheck[] {
  const rows: Row[] = [
    ...uplinkRows(input),
    ...(input.overlay ? overlayRows(input) : []),
    ...input.self.podCidrs.map((cidr) => routeRow(input, formatCidr(cidr), 'unreachable', 'addresses that no pod has')),
    ...input.peers.flatMap((peer) => peerRows(input, peer)),
    ...input.pods.flatMap((pod) => podRows(input, pod)),
    ...staleRows(input),
  ];
  return rows.map((row) => ({ ...row, where: input.self.name, ok: row.expected === row.found }));
}

function routeRow({ netns, held }: NodeNetworkInput, destination: string, expected: string, what: string): Row {
  const found = routeText(bestRoute(held, destination));
  const command = commandIn(netns, inFamily(destination, `ip route show ${destination}`));
  return { layer: 'route', what: `${destination}: ${what}`, expected, found, command };
}

function uplinkRows({ self, netns, held }: NodeNetworkInput): Row[] {
  return self.internalIps.map((ip) => {
    const holder = held.addresses.find(({ address }) => address.split('/')[0] === ip);
    const link = held.links.find(({ name }) => name === holder?.device);
    return {
      layer: 'address',
      what: `${ip}: the node's InternalIP`,
      expected: 'on a device that is up',
      found: link === undefined ? NOTHING : link.up ? 'on a device that is up' : `on ${link.name}, which is down`,
      command: commandIn(netns, 'ip address show'),
    };
  });
}

function overlayRows({ self, netns, held }: NodeNetworkInput): Row[] {
  const command = commandIn(netns, `ip -d link show ${OVERLAY_DEVICE}`);
  const link = held.links.find(({ name }) => name === OVERLAY_DEVICE);
  const base = { layer: 'device', command } as const;
  if (link === undefined) {
    return [{ ...base, what: `${OVERLAY_DEVICE}: the overlay`, expected: 'up', found: NOTHING }];
  }
  const local = link.vxlan?.local ?? NOTHING;
  const known = self.internalIps.includes(local);
  const lower = held.links.find(({ index }) => index === link.vxlan?.device);
  const overhead = isIpv6(local) ? OVERLAY_OVERHEAD.v6 : OVERLAY_OVERHEAD.v4;
  const most = lower === undefined ? undefined : lower.mtu - overhead;
  return [
    { ...base, what: `${OVERLAY_DEVICE}: the overlay`, expected: 'up', found: link.up ? 'up' : 'down' },
    {
      ...base,
      what: `${OVERLAY_DEVICE}: address of its envelopes`,
      expected: known ? local : (self.internalIps[0] ?? NOTHING),
      found: local,
    },
    ...(most === undefined
      ? []
      : [
          {
            ...base,
            what: `${OVERLAY_DEVICE}: MTU, ${lower?.name} less the envelope`,
            expected: String(most),
            found: String(link.mtu),
          },
        ]),
  ];
}

/** The way to the pods of another node. */
function peerRows(input: NodeNetworkInput, peer: NodeObject): Row[] {
  return peer.podCidrs.flatMap((text) => {
    const cidr = formatCidr(text);
    const what = `pods of ${peer.name}`;
    if (input.overlay) {
      const gateway = firstAddress(cidr);
      return [
        routeRow(input, cidr, `via ${gateway} dev ${OVERLAY_DEVICE} onlink`, what),
        ...tunnelRows(input, peer, gateway),
      ];
    }
    const via = peer.internalIps.find((ip) => sameFamily(ip, cidr));
    const device = input.held.addresses.find(({ address }) => via !== undefined && cidrContains(address, via))?.device;
    // A node behind a router is the router's to lead to.
    return via === undefined || device === undefined ? [] : [routeRow(input, cidr, `via ${via} dev ${device}`, what)];
  });
}

function tunnelRows({ held, netns }: NodeNetworkInput, peer: NodeObject, gateway: string): Row[] {
  const neighbor = held.neighbors.find((n) => n.device === OVERLAY_DEVICE && n.address === gateway);
  const mac = neighbor?.mac;
  const entry = held.forwarding.find((f) => f.mac === mac);
  return [
    {
      layer: 'neighbour',
      what: `${gateway}: overlay device of ${peer.name}`,
      // Without a look into that node any address will do here, and the forwarding entry decides.
      expected: peer.overlayMac ?? mac ?? 'a hardware address',
      found: mac ?? NOTHING,
      command: commandIn(netns, inFamily(gateway, `ip neigh show ${gateway} dev ${OVERLAY_DEVICE}`)),
    },
    {
      layer: 'forwarding',
      what: `${mac ?? peer.overlayMac ?? 'the hardware address'}: envelopes to ${peer.name}`,
      expected:
        peer.internalIps.find((ip) => entry !== undefined && sameFamily(ip, entry.destination)) ??
        peer.internalIps[0] ??
        NOTHING,
      found: entry?.destination ?? NOTHING,
      command: commandIn(netns, `bridge fdb show dev ${OVERLAY_DEVICE}`),
    },
  ];
}

function podRows(input: NodeNetworkInput, pod: PodOnNode): Row[] {
  if (!pod.running) return [];
  const { held, netns } = input;
  return pod.ips.flatMap((ip): Row[] => {
    const destination = hostPrefix(ip);
    const route = bestRoute(held, destination);
    const device = pod.device ?? route?.device ?? 'its link';
    const rows = [routeRow(input, destination, `dev ${device}`, `pod ${pod.name}`)];
    const link = held.links.find(({ name }) => name === device);
    if (link !== undefined && !link.up) {
      const command = commandIn(netns, `ip link show ${device}`);
      rows.push({ layer: 'device', what: `${device}: pod ${pod.name}`, expected: 'up', found: 'down', command });
    }
    if (pod.mac !== undefined && pod.device !== undefined) {
      const found = held.neighbors.find((n) => n.device === pod.device && n.address === ip)?.mac ?? NOTHING;
      const command = commandIn(netns, inFamily(ip, `ip neigh show ${ip} dev ${pod.device}`));
      rows.push({ layer: 'neighbour', what: `${ip}: pod ${pod.name}`, expected: pod.mac, found, command });
    }
    return rows;
  });
}

/** What stands for a node or a pod that is no more, and routes of others that take what is the pods'. */
function staleRows(input: NodeNetworkInput): Row[] {
  const { held, netns, self, peers, pods } = input;
  const cidrs = [...self.podCidrs, ...peers.flatMap((peer) => peer.podCidrs)];
  const known = new Set([...cidrs.map((cidr) => formatCidr(cidr)), ...pods.flatMap((pod) => pod.ips.map(hostPrefix))]);
  const routes = held.routes.filter(({ destination, protocol }) => {
    if (known.has(destination)) return false;
    if (protocol === POD_NETWORK_PROTOCOL) return !input.virtualIps.some((ip) => cidrContains(destination, ip));
    const inside = destination.split('/')[0] ?? '';
    return cidrs.some((cidr) => cidrContains(cidr, inside)) && canonicalIp(inside) !== undefined;
  });
  const overlay = input.overlay ? staleOverlayRows(input) : [];
  return [
    ...routes.map((route): Row => {
      const mine = route.protocol === POD_NETWORK_PROTOCOL;
      return {
        layer: 'route',
        what: `${route.destination}: ${mine ? 'no node and no pod has this' : 'takes what belongs to pods, and is not of the pod network'}`,
        expected: NOTHING,
        found: routeText(route),
        command: commandIn(netns, inFamily(route.destination, `ip route show ${route.destination}`)),
      };
    }),
    ...overlay,
  ];
}

function staleOverlayRows({ held, netns, peers }: NodeNetworkInput): Row[] {
  const gateways = new Set(peers.flatMap((peer) => peer.podCidrs.map(firstAddress)));
  const nodes = new Set(peers.flatMap((peer) => peer.internalIps));
  const neighbors = held.neighbors.filter(
    (n: HeldNeighbor) => n.device === OVERLAY_DEVICE && n.state === 'permanent' && !gateways.has(n.address),
  );
  const forwarding = held.forwarding.filter(
    (f: HeldForwarding) => f.device === OVERLAY_DEVICE && !nodes.has(f.destination),
  );
  return [
    ...neighbors.map((n): Row => {
      const command = commandIn(netns, inFamily(n.address, `ip neigh show ${n.address} dev ${n.device}`));
      const what = `${n.address}: no node has this`;
      return { layer: 'neighbour', what, expected: NOTHING, found: n.mac ?? n.state, command };
    }),
    ...forwarding.map((f): Row => {
      const command = commandIn(netns, `bridge fdb show dev ${f.device}`);
      const what = `${f.mac}: envelopes to an address of no node`;
      return { layer: 'forwarding', what, expected: NOTHING, found: f.destination, command };
    }),
  ];
}

export interface PodNetworkInput {
  readonly name: string;
  readonly ips: readonly string[];
  readonly netns: string;
  readonly held: HeldNetwork;
  /** The node's end of the pod's link, when the node can be read. */
  readonly outside?: { readonly device: string; readonly mac?: string; readonly mtu: number };
}

/** Inside the pod: its device and addresses, and a way out through the node. */
export function checkPodNetwork({ name, ips, netns, held, outside }: PodNetworkInput): NetworkCheck[] {
  const link = held.links.find((l) => l.name === POD_DEVICE);
  const state = link === undefined ? NOTHING : link.up ? 'up' : 'down';
  const show = commandIn(netns, `ip link show ${POD_DEVICE}`);
  const rows: Row[] = [{ layer: 'device', what: `${POD_DEVICE}`, expected: 'up', found: state, command: show }];
  if (link !== undefined && outside !== undefined) {
    const what = `${POD_DEVICE}: MTU, as ${outside.device} on the node has it`;
    rows.push({ layer: 'device', what, expected: String(outside.mtu), found: String(link.mtu), command: show });
  }
  for (const ip of ips) {
    const address = held.addresses.find((a) => a.device === POD_DEVICE && a.address.split('/')[0] === ip);
    const family = isIpv6(ip) ? '::/0' : '0.0.0.0/0';
    const out = bestRoute(held, family);
    const gateway = out?.via;
    rows.push(
      {
        layer: 'address',
        what: `${ip}: the address in the pod's status`,
        expected: `on ${POD_DEVICE}`,
        found: address === undefined ? NOTHING : `on ${address.device}`,
        command: commandIn(netns, `ip address show ${POD_DEVICE}`),
      },
      {
        layer: 'route',
        what: 'default: the way out',
        expected: `via ${gateway ?? 'the node'} dev ${POD_DEVICE}`,
        found: routeText(out).replace(/ onlink$/, ''),
        command: commandIn(netns, inFamily(ip, 'ip route show default')),
      },
    );
    if (gateway !== undefined && outside?.mac !== undefined) {
      const found = held.neighbors.find((n) => n.device === POD_DEVICE && n.address === gateway)?.mac ?? NOTHING;
      const command = commandIn(netns, inFamily(ip, `ip neigh show ${gateway} dev ${POD_DEVICE}`));
      const what = `${gateway}: ${outside.device} on the node`;
      rows.push({ layer: 'neighbour', what, expected: outside.mac, found, command });
    }
  }
  return rows.map((row) => ({ ...row, where: name, ok: row.expected === row.found }));
}
