// Removes the proxy's rules from a node: what `portico proxy --cleanup` and the end of a cluster call.
import { detectIptables, type IptablesVariant } from '../linux/index.ts';
import type { ProxyMode } from './config.ts';
import { removeIptablesRules } from './iptables/cleanup.ts';
import { openIptablesKernel } from './iptables/kernel.ts';
import { KUBE_PROXY_TABLE, removeNftTables } from './nftables/cleanup.ts';
import { TABLE } from './nftables/objects.ts';

export interface CleanupOptions {
  /** The mode whose rules go; absent: all of them. */
  readonly mode?: ProxyMode;
  readonly netns?: string;
}

/** True when there was something to remove. */
export async function cleanupProxyRules(options: CleanupOptions = {}): Promise<boolean> {
  const { mode, netns } = options;
  let removed = false;
  if (mode !== 'nftables') {
    const variant: IptablesVariant | undefined = await detectIptables(netns === undefined ? {} : { netns });
    if (variant !== undefined) {
      for (const family of ['IPv4', 'IPv6'] as const) {
        if (await removeIptablesRules(openIptablesKernel(family, { variant, netns }))) removed = true;
      }
    }
  }
  if (mode !== 'iptables') {
    for (const family of ['IPv4', 'IPv6'] as const) {
      const tables = [TABLE, KUBE_PROXY_TABLE];
      if (await removeNftTables(family, { netns, tables })) removed = true;
    }
  }
  return removed;
}

/** What another proxy left on this node: the other mode's rules, and in nftables mode kube-proxy's own table. */
export async function removeForeignRules(ours: ProxyMode, netns: string | undefined): Promise<boolean> {
  const where = netns === undefined ? {} : { netns };
  if (ours === 'iptables') return cleanupProxyRules({ mode: 'nftables', ...where });
  let removed = await cleanupProxyRules({ mode: 'iptables', ...where });
  for (const family of ['IPv4', 'IPv6'] as const) {
    if (await removeNftTables(family, { netns, tables: [KUBE_PROXY_TABLE] })) removed = true;
  }
  return removed;
}
