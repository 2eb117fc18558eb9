// Removes the proxy's rules from a node: what `portico proxy --cleanup` and the end of a cluster call.
import { detectIptables, type IptablesVariant } from '../linux/index.ts';
import type { ProxyMode } from './config.ts';
import { removeIptablesRules } from './iptables/cleanup.ts';
import { openIptablesKernel } from './iptables/kernel.ts';
import { removeNftTable } from './nftables/cleanup.ts';

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
      if (await removeNftTable(family, netns)) removed = true;
    }
  }
  return removed;
}
