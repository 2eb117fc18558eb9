// Does the network that a host has already share addresses with the ranges of the cluster? Pure.
import { cidrContains, cidrsOverlap, toCidr } from '../ip/index.ts';
import { ROUTE_PROTOCOL, VXLAN_DEVICE } from '../podnet/index.ts';

export interface HostNetwork {
  /** With prefix length; `scope` as the kernel has it. */
  readonly addresses: readonly { readonly device: string; readonly address: string; readonly scope: string }[];
  readonly routes: readonly { readonly device: string; readonly destination: string; readonly protocol: number }[];
}

export interface ClusterRanges {
  readonly podCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
}

/** Devices of ours that stand in the ranges by design. */
const OWN = new Set([VXLAN_DEVICE, 'kube-ipvs0']);
/** What other pod networks call theirs; a host that was a node of something else still has them. */
const OF_POD_NETWORKS = /^(?:cni\d+|cni-podman\d+|flannel\S*|kube-bridge|weave|cilium\S*|vxlan\.calico|tunl0)$/;

const remedy = (device: string, what: 'pod' | 'service', otherwise: string): string =>
  `${OF_POD_NETWORKS.test(device) ? `if another pod network left it, take it away ('ip link delete ${device}'); else ` : ''}` +
  `give the cluster another range ('portico server --${what}-cidr'), or ${otherwise}`;

/** One sentence: packets of pods would go to the host's own link, or the host's to pods. */
export function overlapProblem(host: HostNetwork, cluster: ClusterRanges): string | undefined {
  const ranges = [
    ...cluster.podCidrs.map((cidr) => ['pod', cidr] as const),
    ...cluster.serviceCidrs.map((cidr) => ['service', cidr] as const),
  ];
  for (const { device, address, scope } of host.addresses) {
    if (scope !== 'global' || OWN.has(device)) continue;
    for (const [what, cidr] of ranges) {
      if (!cidrsOverlap(cidr, address)) continue;
      return `${device} of this host has ${address}, which lies in the ${what} range ${cidr} of the cluster: ${remedy(device, what, 'the host another address')}`;
    }
  }
  for (const { device, destination, protocol } of host.routes) {
    // A wider route, such as a VPN's to 10.0.0.0/8, gives way to the nodes' own.
    if (protocol === ROUTE_PROTOCOL || OWN.has(device)) continue;
    const range = cluster.podCidrs.find((cidr) => isWithin(cidr, destination));
    if (range === undefined) continue;
    return `the route to ${destination} by ${device} of this host lies in the pod range ${range} of the cluster: ${remedy(device, 'pod', `remove it ('ip route delete ${destination}')`)}`;
  }
  return undefined;
}

const isWithin = (range: string, cidr: string): boolean =>
  toCidr(cidr).prefix >= toCidr(range).prefix && cidrContains(range, cidr.slice(0, cidr.indexOf('/')));
