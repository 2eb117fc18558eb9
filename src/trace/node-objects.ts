// Nodes and their pods as the network checks need them: what the objects say, and what can be read at the other end.
import type { Node } from '../api/objects.ts';
import { canonicalIp } from '../ip/index.ts';
import { openRtnl } from '../linux/index.ts';
import type { Link } from '../linux/index.ts';
import { nodeIps, podIps } from './cluster-view.ts';
import type { ClusterView, TraceEnvironment } from './cluster-view.ts';
import { POD_DEVICE } from './network-checks.ts';
import type { NodeObject, PodOnNode } from './network-checks.ts';

const OVERLAY_DEVICE = 'portico.vxlan';

export function nodeObject(view: ClusterView, node: Node): NodeObject {
  const { podCIDR, podCIDRs = podCIDR === undefined ? [] : [podCIDR] } = node.spec ?? {};
  const place = view.nodePlace(node.metadata.name);
  const overlayMac = place === undefined ? undefined : linkOf(place.netns, OVERLAY_DEVICE)?.mac;
  return {
    name: node.metadata.name,
    podCidrs: podCIDRs.filter((cidr) => canonicalIp(cidr.split('/')[0] ?? '') !== undefined),
    internalIps: nodeIps(node),
    ...(overlayMac === undefined ? {} : { overlayMac }),
  };
}

function linkOf(netns: string, name: string): Link | undefined {
  const rtnl = openRtnl(netns);
  try {
    return rtnl.link(name);
  } finally {
    rtnl.close();
  }
}

/** As the cluster was made, or when that is not known, whether any node has the device. */
export function usesOverlay(view: ClusterView, nodes: readonly NodeObject[], environment: TraceEnvironment): boolean {
  if (environment.network !== undefined) return environment.network === 'vxlan';
  return nodes.some((node) => node.overlayMac !== undefined);
}

export async function podsOnNode(view: ClusterView, node: string): Promise<PodOnNode[]> {
  const place = view.nodePlace(node);
  const links = place === undefined ? [] : linksOf(place.netns);
  const pods = (await view.pods({ node })).filter((pod) => pod.spec?.hostNetwork !== true);
  return pods.map((pod) => {
    const inside = view.podPlace(pod);
    const link = inside === undefined ? undefined : linkOf(inside.netns, POD_DEVICE);
    const device = links.find((candidate) => candidate.index === link?.lower && candidate.kind === 'veth')?.name;
    return {
      name: `${pod.metadata.namespace}/${pod.metadata.name}`,
      ips: podIps(pod),
      running: pod.status?.phase === 'Running' && pod.metadata.deletionTimestamp === undefined,
      ...(device === undefined ? {} : { device }),
      ...(link?.mac === undefined ? {} : { mac: link.mac }),
    };
  });
}

function linksOf(netns: string): Link[] {
  const rtnl = openRtnl(netns);
  try {
    return rtnl.links();
  } finally {
    rtnl.close();
  }
}
