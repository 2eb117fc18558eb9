// Removes the proxy's rules from a node: what `portico proxy --cleanup` and the end of a cluster call.
import { detectIptables, openRtnl, type IptablesVariant } from '../linux/index.ts';
import type { ProxyMode } from './config.ts';
import { removeIptablesRules, type RulesOf } from './iptables/cleanup.ts';
import { openIptablesKernel } from './iptables/kernel.ts';
import { KUBE_PROXY_TABLE, removeNftTables } from './nftables/cleanup.ts';
import { TABLE } from './nftables/objects.ts';

export interface CleanupOptions {
  /** The mode whose rules go; absent: all of them. */
  readonly mode?: ProxyMode;
  readonly netns?: string;
}

async function removeFromIptables(netns: string | undefined, which?: RulesOf): Promise<boolean> {
  const variant: IptablesVariant | undefined = await detectIptables(netns === undefined ? {} : { netns });
  if (variant === undefined) return false;
  let removed = false;
  for (const family of ['IPv4', 'IPv6'] as const) {
    if (await removeIptablesRules(openIptablesKernel(family, { variant, netns }), which)) removed = true;
  }
  return removed;
}

/** kube-proxy's ipvs mode puts every virtual address on this device. */
const IPVS_DEVICE = 'kube-ipvs0';

/** Without it no packet comes to IPVS any more; its own table is left, since it may have entries of somebody else. */
function removeIpvsDevice(netns: string | undefined): boolean {
  const rtnl = openRtnl(netns);
  try {
    return rtnl.deleteLink(IPVS_DEVICE);
  } finally {
    rtnl.close();
  }
}

/** True when there was something to remove. */
export async function cleanupProxyRules(options: CleanupOptions = {}): Promise<boolean> {
  const { mode, netns } = options;
  let removed = false;
  if (mode !== 'nftables') {
    if (await removeFromIptables(netns)) removed = true;
    if (removeIpvsDevice(netns)) removed = true;
  }
  if (mode !== 'iptables') {
    for (const family of ['IPv4', 'IPv6'] as const) {
      const tables = [TABLE, KUBE_PROXY_TABLE];
      if (await removeNftTables(family, { netns, tables })) removed = true;
    }
  }
  return removed;
}

/** What another proxy left on this node: the other mode's rules, kube-proxy's own table, and what its ipvs mode had. */
export async function removeForeignRules(ours: ProxyMode, netns: string | undefined): Promise<boolean> {
  const where = netns === undefined ? {} : { netns };
  if (ours === 'iptables') {
    const ipvs = removeIpvsDevice(netns);
    if (ipvs) await removeFromIptables(netns, 'ipvs');
    return (await cleanupProxyRules({ mode: 'nftables', ...where })) || ipvs;
  }
  let removed = await cleanupProxyRules({ mode: 'iptables', ...where });
  for (const family of ['IPv4', 'IPv6'] as const) {
    if (await removeNftTables(family, { netns, tables: [KUBE_PROXY_TABLE] })) removed = true;
  }
  return removed;
}
