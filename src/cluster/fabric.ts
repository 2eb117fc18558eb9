// The wiring between the nodes of a local cluster: a namespace with the bridge that joins them, one for the control
// plane, one a node. The root namespace is not touched. Idempotent: run again, it mends what is missing.
import { createNetns, listNetns, netnsExists, openRtnl, readSysctl, writeSysctl, type Rtnl } from '../linux/index.ts';
import { addressPlan, namespaceNames, nodeNames, type ClusterSpec } from './spec.ts';

const UPLINK = 'eth0';

export interface FabricHost {
  readonly netns: string;
  /** Name of the bridge's port in the fabric. */
  readonly port: string;
  readonly address: string;
}

/** A bridge, the hosts on it, and the fabric's own address there, which is the hosts' router. */
export interface FabricLink {
  readonly bridge: string;
  readonly address: string;
  readonly prefix: number;
  readonly hosts: readonly FabricHost[];
}

export interface FabricPlan {
  readonly netns: string;
  /** Hosts of two links reach each other through the fabric, which routes. */
  readonly links: readonly FabricLink[];
}

function fabricOf(spec: ClusterSpec): FabricPlan {
  const names = namespaceNames(spec.name);
  const plan = addressPlan(spec);
  const hosts = [
    { netns: names.controlPlane, port: 'control-plane', address: plan.controlPlane },
    ...nodeNames(spec).map((node, i) => ({ netns: names.node(node), port: node, address: plan.node(i + 1) })),
  ];
  return { netns: names.fabric, links: [{ bridge: 'br0', address: plan.fabric, prefix: plan.prefix, hosts }] };
}

/** Runs `use` with a netlink socket of the namespace, and closes it. */
function withRtnl<T>(netns: string, use: (rtnl: Rtnl) => T): T {
  const rtnl = openRtnl(netns);
  try {
    return use(rtnl);
  } finally {
    rtnl.close();
  }
}

export const ensureFabric = (spec: ClusterSpec): void => layFabric(fabricOf(spec));

export function layFabric(plan: FabricPlan): void {
  if (!netnsExists(plan.netns)) createNetns(plan.netns);
  withRtnl(plan.netns, (rtnl) => {
    for (const link of plan.links) layLink(rtnl, link);
  });
  // Frames between nodes are switched, not filtered: bridge netfilter would run them through the fabric's own tables.
  for (const key of ['net.bridge.bridge-nf-call-iptables', 'net.bridge.bridge-nf-call-ip6tables']) {
    if (readSysctl(plan.netns, key) !== undefined) writeSysctl(plan.netns, key, '0');
  }
  // As a router it also answers at once that the world outside cannot be reached.
  writeSysctl(plan.netns, 'net.ipv4.ip_forward', '1');
  for (const { hosts, address, prefix } of plan.links) {
    for (const host of hosts) {
      withRtnl(host.netns, (rtnl) => {
        rtnl.addAddress(UPLINK, `${host.address}/${prefix}`);
        rtnl.setLink(UPLINK, { up: true });
        rtnl.replaceRoute({ destination: 'default', family: 4, via: address });
      });
    }
  }
}

function layLink(rtnl: Rtnl, { bridge, address, prefix, hosts }: FabricLink): void {
  if (rtnl.link(bridge) === undefined) rtnl.addLink({ kind: 'bridge', name: bridge });
  rtnl.setLink(bridge, { up: true });
  rtnl.addAddress(bridge, `${address}/${prefix}`);
  for (const host of hosts) {
    if (!netnsExists(host.netns)) createNetns(host.netns);
    const hasUplink = withRtnl(host.netns, (inside) => inside.link(UPLINK) !== undefined);
    // The cable still hangs in a namespace that somebody deleted by name and whose processes live on.
    if (!hasUplink && rtnl.link(host.port) !== undefined) rtnl.deleteLink(host.port);
    if (!hasUplink) {
      rtnl.addLink({ kind: 'veth', name: host.port, master: bridge, peer: { name: UPLINK, netns: host.netns } });
    }
    rtnl.setLink(host.port, { up: true });
  }
}

/** Namespaces of exactly this cluster: another cluster's name may begin with ours. */
export function clusterNamespaces(name: string): string[] {
  const pattern = new RegExp(`^${name}-(fabric|control-plane|node-\\d+|pod-[0-9a-f]+)$`);
  return listNetns().filter((n) => pattern.test(n));
}
