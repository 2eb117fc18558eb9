// The edge to the kernel: reads the node's network as a NetworkState, and carries out the steps of a diff.
import { writeSysctl } from '../linux/index.ts';
import type { Link, Route as KernelRoute, Rtnl } from '../linux/index.ts';
import type { Step } from './diff.ts';
import { isHostLinkName, ROUTE_PROTOCOL, VXLAN_DEVICE } from './names.ts';
import type { NetworkState, Route, VxlanLink } from './network-state.ts';
import type { Uplink } from './plan.ts';
import type { NodeSide } from './sandbox.ts';

export interface KernelNetwork {
  readonly uplink: Uplink | undefined;
  /** Links of pods that are there and down. */
  readonly downPodLinks: readonly string[];
  readonly state: NetworkState;
}

export function readKernelNetwork(rtnl: Rtnl, uplinkName: string): KernelNetwork {
  const links = rtnl.links();
  const names = new Map(links.map((link) => [link.index, link.name]));
  const podLinks = links.filter((link) => link.kind === 'veth' && isHostLinkName(link.name));
  const vxlan = links.find((link) => link.kind === 'vxlan' && link.name === VXLAN_DEVICE);
  const ours = new Set([...podLinks, ...(vxlan === undefined ? [] : [vxlan])].map((link) => link.index));
  const uplink = links.find((link) => link.name === uplinkName);
  const addresses = rtnl.addresses();
  const globalAddresses = (device: number) =>
    addresses.filter((a) => a.device === device && a.scope === 'global').map((a) => a.address);
  const routes = rtnl.routes();
  const nameOf = (device: number) => names.get(device) ?? '';
  return {
    uplink: uplink && {
      name: uplink.name,
      mtu: uplink.mtu,
      addresses: globalAddresses(uplink.index),
      hasDefaultRoute: {
        v4: routes.some((route) => route.destination === '0.0.0.0/0'),
        v6: routes.some((route) => route.destination === '::/0'),
      },
    },
    downPodLinks: podLinks.filter((link) => !link.up).map((link) => link.name),
    state: {
      vxlan: vxlan && vxlanState(vxlan, nameOf),
      podLinks: podLinks.map(({ name, mtu }) => ({ name, mtu })),
      addresses:
        vxlan === undefined ? [] : globalAddresses(vxlan.index).map((address) => ({ device: vxlan.name, address })),
      neighbors: rtnl.neighbors().flatMap((n) => {
        if (!ours.has(n.device) || n.state !== 'permanent' || n.mac === undefined) return [];
        return [{ device: nameOf(n.device), address: n.address, mac: n.mac }];
      }),
      forwarding:
        vxlan === undefined
          ? []
          : rtnl.fdb({ device: vxlan.index }).flatMap(({ mac, destination }) => {
              return destination === undefined ? [] : [{ device: vxlan.name, mac, destination }];
            }),
      routes: routes.filter((route) => route.protocol === ROUTE_PROTOCOL).flatMap((route) => routeState(route, nameOf)),
    },
  };
}

function vxlanState(link: Link, nameOf: (device: number) => string): VxlanLink {
  return {
    name: link.name,
    vni: link.vxlan?.vni ?? 0,
    port: link.vxlan?.port ?? 0,
    local: link.vxlan?.local ?? '',
    device: nameOf(link.vxlan?.device ?? 0),
    mac: link.mac ?? '',
    mtu: link.mtu,
  };
}

/** The kernel reports an IPv6 unreachable route with the loopback device: it means nothing. */
function routeState(route: KernelRoute, nameOf: (device: number) => string): Route[] {
  if (route.type === 'unreachable') return [{ destination: route.destination, type: 'unreachable' }];
  if (route.type !== 'unicast') return [];
  return [
    {
      destination: route.destination,
      type: 'unicast',
      ...(route.via === undefined ? {} : { via: route.via }),
      ...(route.device === undefined ? {} : { device: nameOf(route.device) }),
      ...(route.onlink ? { onlink: true } : {}),
      ...(route.source === undefined ? {} : { source: route.source }),
    },
  ];
}

/** Carries out one step; throws KernelError. `setPodMtu` knows the namespaces of the pods. */
export function applyStep(
  { netns, rtnl }: NodeSide,
  step: Step,
  setPodMtu: (linkName: string, mtu: number) => void,
): void {
  switch (step.do) {
    case 'create-vxlan':
      createVxlan({ netns, rtnl }, step.link);
      break;
    case 'set-vxlan':
      rtnl.setLink(step.link.name, { mtu: step.link.mtu, mac: step.link.mac, up: true });
      break;
    case 'delete-vxlan':
      rtnl.deleteLink(step.name);
      break;
    case 'set-pod-mtu':
      setPodMtu(step.link.name, step.link.mtu);
      break;
    case 'add-address':
      rtnl.addAddress(step.address.device, step.address.address, { noDad: true });
      break;
    case 'delete-address':
      rtnl.deleteAddress(step.address.device, step.address.address);
      break;
    case 'replace-neighbor':
      rtnl.replaceNeighbor(step.neighbor);
      break;
    case 'delete-neighbor':
      rtnl.deleteNeighbor(step.neighbor);
      break;
    case 'replace-forwarding':
      rtnl.replaceFdb(step.entry);
      break;
    case 'delete-forwarding':
      rtnl.deleteFdb(step.entry);
      break;
    case 'replace-route':
      rtnl.replaceRoute({ ...step.route, protocol: ROUTE_PROTOCOL });
      break;
    case 'delete-route':
      rtnl.deleteRoute({ ...step.route, protocol: ROUTE_PROTOCOL });
      break;
  }
}

function createVxlan({ netns, rtnl }: NodeSide, link: VxlanLink): void {
  rtnl.addLink({
    kind: 'vxlan',
    name: link.name,
    vni: link.vni,
    port: link.port,
    local: link.local,
    device: link.device,
    mac: link.mac,
    mtu: link.mtu,
    learning: false,
  });
  // The overlay needs no link-local address and no solicitations: every entry is static.
  writeSysctl(netns, `net.ipv6.conf.${link.name.replaceAll('.', '/')}.accept_ra`, '0');
  rtnl.setLink(link.name, { up: true });
}
