// What the proxy reads of its own Node object, and what follows from it: how this node's pods are told from others. Pure.
import type { Node } from '../api/objects.ts';
import { canonicalIp } from '../ip/index.ts';
import type { ProxyConfig } from './config.ts';
import type { Family, LocalDetector } from './contract.ts';
import { familyOf } from './views.ts';

/** What of a Node object the proxy needs. */
export interface NodeView {
  readonly zone: string | undefined;
  /** Internal ones first. */
  readonly ips: readonly string[];
  /** For the detector NodeCIDR. */
  readonly podCidrs: readonly string[];
  /** False while it goes away: load balancers should stop sending. */
  readonly eligible: boolean;
}

export const UNKNOWN_NODE: NodeView = { zone: undefined, ips: [], podCidrs: [], eligible: false };

const LEAVING_TAINT = 'ToBeDeletedByClusterAutoscaler';

export function nodeView(node: Node): NodeView {
  const wanted = ['InternalIP', 'ExternalIP'];
  const addresses = (node.status?.addresses ?? []).filter((a) => wanted.includes(a.type));
  const ips = addresses
    .toSorted((a, b) => wanted.indexOf(a.type) - wanted.indexOf(b.type))
    .flatMap((a) => canonicalIp(a.address) ?? []);
  const { podCIDRs, podCIDR, taints } = node.spec ?? {};
  return {
    zone: node.metadata.labels?.['topology.kubernetes.io/zone'],
    ips,
    podCidrs: podCIDRs ?? (podCIDR === undefined ? [] : [podCIDR]),
    eligible: node.metadata.deletionTimestamp === undefined && !(taints ?? []).some((t) => t.key === LEAVING_TAINT),
  };
}

/** How this node's pods are told from others, for one family. */
export function localDetector(
  config: Pick<ProxyConfig, 'detectLocalMode' | 'bridgeInterface' | 'interfaceNamePrefix' | 'clusterCidrs'>,
  family: Family,
  podCidrs: readonly string[],
): LocalDetector {
  switch (config.detectLocalMode) {
    case 'BridgeInterface':
      return { kind: 'bridge', name: config.bridgeInterface };
    case 'InterfaceNamePrefix':
      return { kind: 'prefix', prefix: config.interfaceNamePrefix };
    case 'ClusterCIDR':
    case 'NodeCIDR': {
      const cidrs = config.detectLocalMode === 'NodeCIDR' ? podCidrs : config.clusterCidrs;
      const cidr = cidrs.find((c) => familyOf(c) === family);
      return cidr === undefined ? { kind: 'none' } : { kind: 'cidr', cidr };
    }
  }
}
