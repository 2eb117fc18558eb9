// One pod's network namespace and the veth pair that joins it to the node. Routed, not bridged: the pod sees one
// gateway with a fixed neighbour entry, the node sees one host route, and no ARP or neighbour discovery takes place.
import { isIpv6 } from '../ip/index.ts';
import { createNetns, deleteNetns, netnsExists, openRtnl, writeSysctl } from '../linux/index.ts';
import type { Rtnl } from '../linux/index.ts';
import type { PodRef } from './contract.ts';
import {
  GATEWAY_V4,
  GATEWAY_V6,
  HOST_MAC,
  hostLinkAlias,
  hostLinkName,
  POD_DEVICE,
  podMac,
  ROUTE_PROTOCOL,
} from './names.ts';

/** The node's side: its network namespace (undefined: that of the process) and a socket into it. */
export interface NodeSide {
  readonly netns: string | undefined;
  readonly rtnl: Rtnl;
}

export interface Sandbox extends PodRef {
  readonly netns: string;
  readonly ips: readonly string[];
  readonly mtu: number;
  /** Set when the namespace was made by somebody else, who will remove it too: the device's name in it. */
  readonly device?: string;
}

const deviceOf = (sandbox: Pick<Sandbox, 'device'>) => sandbox.device ?? POD_DEVICE;

const hostPrefix = (ip: string) => `${ip}/${isIpv6(ip) ? 128 : 32}`;

/** Makes what is missing of the sandbox; doing it again changes nothing. */
export function ensureSandbox(node: NodeSide, sandbox: Sandbox): void {
  const host = node.rtnl;
  const link = hostLinkName(sandbox.uid);
  if (sandbox.device !== undefined) prepareForeign(host, sandbox, sandbox.device);
  else if (!netnsExists(sandbox.netns)) {
    // A plain file under the name is what a creation leaves that was cut short; a link that outlived its other end is
    // already being taken down by the kernel.
    deleteNetns(sandbox.netns);
    host.deleteLink(link);
    createNetns(sandbox.netns);
  }
  if (host.link(link) === undefined) {
    if (sandbox.device === undefined) dropOrphan(sandbox.netns);
    host.addLink({
      kind: 'veth',
      name: link,
      mac: HOST_MAC,
      mtu: sandbox.mtu,
      alias: hostLinkAlias(sandbox.namespace, sandbox.name),
      peer: { name: deviceOf(sandbox), netns: sandbox.netns, mac: podMac(sandbox.uid), mtu: sandbox.mtu },
    });
  }
  setLinkSysctls(node, sandbox, link);
  host.setLink(link, { up: true });
  configurePodSide(sandbox);
  for (const ip of sandbox.ips) {
    host.replaceNeighbor({ device: link, address: ip, mac: podMac(sandbox.uid) });
    host.replaceRoute({ destination: hostPrefix(ip), device: link, protocol: ROUTE_PROTOCOL });
  }
}

/** A link of ours may hang in another namespace of the same pod; a device of that name may be somebody else's. */
function prepareForeign(host: Rtnl, sandbox: Sandbox, device: string): void {
  if (!netnsExists(sandbox.netns)) throw new Error(`there is no network namespace ${sandbox.netns}`);
  const there = podLink(sandbox.netns, device);
  if (there !== undefined && there.mac !== podMac(sandbox.uid)) {
    throw new Error(`the network namespace ${sandbox.netns} has a device ${device} already`);
  }
  if (there === undefined) host.deleteLink(hostLinkName(sandbox.uid));
}

function podLink(netns: string, device: string) {
  const pod = openRtnl(netns);
  try {
    return pod.link(device);
  } finally {
    pod.close();
  }
}

/** The pod's end of a link whose other end hangs in a namespace that was once the node's. */
function dropOrphan(netns: string): void {
  const pod = openRtnl(netns);
  try {
    pod.deleteLink(POD_DEVICE);
  } finally {
    pod.close();
  }
}

function setLinkSysctls(node: NodeSide, sandbox: Sandbox, link: string): void {
  // A pod sends from its own addresses only.
  writeSysctl(node.netns, `net.ipv4.conf.${link}.rp_filter`, '1');
  if (sandbox.ips.some((ip) => isIpv6(ip))) {
    // Addresses here are unique by construction: duplicate detection would cost each pod a second.
    writeSysctl(sandbox.netns, `net.ipv6.conf.${deviceOf(sandbox)}.accept_dad`, '0');
    writeSysctl(sandbox.netns, `net.ipv6.conf.${deviceOf(sandbox)}.accept_ra`, '0');
    writeSysctl(node.netns, `net.ipv6.conf.${link}.accept_dad`, '0');
    writeSysctl(node.netns, `net.ipv6.conf.${link}.accept_ra`, '0');
  } else {
    // No link-local addresses, no router solicitations: the wire carries what the pod sends and nothing else.
    disableIpv6(sandbox.netns, deviceOf(sandbox));
    disableIpv6(node.netns, link);
  }
  // As container runtimes do: low ports and ping are no privilege inside a namespace of one's own.
  writeSysctl(sandbox.netns, 'net.ipv4.ip_unprivileged_port_start', '0');
  writeSysctl(sandbox.netns, 'net.ipv4.ping_group_range', '0 2147483647');
}

function disableIpv6(netns: string | undefined, device: string): void {
  try {
    writeSysctl(netns, `net.ipv6.conf.${device}.disable_ipv6`, '1');
  } catch (error) {
    // A kernel without IPv6 has no such key, which is as good.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

function configurePodSide(sandbox: Sandbox): void {
  const device = deviceOf(sandbox);
  const pod = openRtnl(sandbox.netns);
  try {
    for (const ip of sandbox.ips) pod.addAddress(device, hostPrefix(ip), { noDad: true });
    pod.setLink(device, { up: true });
    for (const v6 of new Set(sandbox.ips.map((ip) => isIpv6(ip)))) {
      const gateway = v6 ? GATEWAY_V6 : GATEWAY_V4;
      if (!v6) pod.replaceRoute({ destination: hostPrefix(gateway), device });
      pod.replaceRoute({ destination: 'default', family: v6 ? 6 : 4, via: gateway, device });
      pod.replaceNeighbor({ device, address: gateway, mac: HOST_MAC });
    }
  } finally {
    pod.close();
  }
}

/** Sets the MTU of both ends; a pod whose namespace is gone is left alone. */
export function setSandboxMtu(host: Rtnl, sandbox: Pick<Sandbox, 'uid' | 'netns' | 'device'>, mtu: number): void {
  host.setLink(hostLinkName(sandbox.uid), { mtu });
  if (!netnsExists(sandbox.netns)) return;
  const pod = openRtnl(sandbox.netns);
  try {
    pod.setLink(deviceOf(sandbox), { mtu });
  } finally {
    pod.close();
  }
}

/**
 * Takes the sandbox away, whatever is left of it. The route goes at once; the veth pair goes with the namespace, which
 * the kernel takes down in the background and many at a time (deleting a link ourselves would block for 30 ms). While a
 * process still holds the namespace the link stays: the caller looks again later. A namespace of somebody else stays, so
 * there the link is ours to delete.
 */
export function removeSandbox(host: Rtnl, sandbox: Pick<Sandbox, 'uid' | 'netns' | 'ips' | 'device'>): void {
  for (const ip of sandbox.ips) host.deleteRoute({ destination: hostPrefix(ip), protocol: ROUTE_PROTOCOL });
  if (sandbox.device === undefined) deleteNetns(sandbox.netns);
  else host.deleteLink(hostLinkName(sandbox.uid));
}

/** What is missing of a sandbox in the kernel, a sentence each. */
export function sandboxFaults(host: Rtnl, sandbox: Omit<Sandbox, 'mtu'>): string[] {
  const link = hostLinkName(sandbox.uid);
  const device = deviceOf(sandbox);
  const faults: string[] = [];
  if (host.link(link)?.up !== true) faults.push(`the node's device ${link} is gone or down`);
  for (const ip of sandbox.ips) {
    const isThere = host.routes({ protocol: ROUTE_PROTOCOL }).some((r) => r.destination === hostPrefix(ip));
    if (!isThere) faults.push(`the node has no route to ${ip}`);
  }
  if (!netnsExists(sandbox.netns)) return [...faults, `the network namespace ${sandbox.netns} is gone`];
  const pod = openRtnl(sandbox.netns);
  try {
    if (pod.link(device)?.up !== true) return [...faults, `the pod's device ${device} is gone or down`];
    const addresses = new Set(pod.addresses({ device }).map((a) => a.address));
    for (const ip of sandbox.ips) {
      if (!addresses.has(hostPrefix(ip))) faults.push(`the pod's device ${device} lacks the address ${ip}`);
    }
    for (const v6 of new Set(sandbox.ips.map((ip) => isIpv6(ip)))) {
      const all = v6 ? '::/0' : '0.0.0.0/0';
      if (!pod.routes({}).some((r) => r.destination === all)) faults.push(`the pod has no default route ${all}`);
    }
    return faults;
  } finally {
    pod.close();
  }
}
