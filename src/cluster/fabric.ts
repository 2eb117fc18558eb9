// The wiring between the nodes of a local cluster: a namespace with the bridge that joins them, one for the control
// plane, one a node. The root namespace is not touched. Idempotent: run again, it mends what is missing.
import {
  createNetns,
  deleteNetns,
  listNetns,
  netnsExists,
  openRtnl,
  readSysctl,
  writeSysctl,
  type Rtnl,
} from '../linux/index.ts';
import { addressPlan, namespaceNames, nodeNames, type ClusterSpec } from './spec.ts';

const BRIDGE = 'br0';
const UPLINK = 'eth0';

interface Host {
  netns: string;
  /** Name of the bridge's port in the fabric. */
  port: string;
  address: string;
}

function hostsOf(spec: ClusterSpec): Host[] {
  const names = namespaceNames(spec.name);
  const plan = addressPlan(spec);
  return [
    { netns: names.controlPlane, port: 'control-plane', address: plan.controlPlane },
    ...nodeNames(spec).map((node, i) => ({ netns: names.node(node), port: node, address: plan.node(i + 1) })),
  ];
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

export function ensureFabric(spec: ClusterSpec): void {
  const names = namespaceNames(spec.name);
  const plan = addressPlan(spec);
  if (!netnsExists(names.fabric)) createNetns(names.fabric);
  withRtnl(names.fabric, (rtnl) => {
    if (rtnl.link(BRIDGE) === undefined) rtnl.addLink({ kind: 'bridge', name: BRIDGE });
    rtnl.setLink(BRIDGE, { up: true });
    rtnl.addAddress(BRIDGE, `${plan.fabric}/${plan.prefix}`);
    for (const host of hostsOf(spec)) {
      if (!netnsExists(host.netns)) createNetns(host.netns);
      const hasUplink = withRtnl(host.netns, (inside) => inside.link(UPLINK) !== undefined);
      // The cable still hangs in a namespace that somebody deleted by name and whose processes live on.
      if (!hasUplink && rtnl.link(host.port) !== undefined) rtnl.deleteLink(host.port);
      if (!hasUplink) {
        rtnl.addLink({ kind: 'veth', name: host.port, master: BRIDGE, peer: { name: UPLINK, netns: host.netns } });
      }
      rtnl.setLink(host.port, { up: true });
    }
  });
  // Frames between nodes are switched, not filtered: bridge netfilter would run them through the fabric's own tables.
  for (const key of ['net.bridge.bridge-nf-call-iptables', 'net.bridge.bridge-nf-call-ip6tables']) {
    if (readSysctl(names.fabric, key) !== undefined) writeSysctl(names.fabric, key, '0');
  }
  // The fabric routes nowhere; as a router it answers at once that the world outside cannot be reached.
  writeSysctl(names.fabric, 'net.ipv4.ip_forward', '1');
  for (const host of hostsOf(spec)) {
    withRtnl(host.netns, (rtnl) => {
      rtnl.addAddress(UPLINK, `${host.address}/${plan.prefix}`);
      rtnl.setLink(UPLINK, { up: true });
      rtnl.replaceRoute({ destination: 'default', family: 4, via: plan.fabric });
    });
  }
}

/** Namespaces of exactly this cluster: another cluster's name may begin with ours. */
export function clusterNamespaces(name: string): string[] {
  const pattern = new RegExp(`^${name}-(fabric|control-plane|node-\\d+|pod-[0-9a-f]+)$`);
  return listNetns().filter((n) => pattern.test(n));
}

/** Removes every namespace of the cluster, and with them its links, routes and rules. */
export function removeFabric(name: string): void {
  for (const netns of clusterNamespaces(name)) deleteNetns(netns);
}
