// Which zones are answered by which chain of plugins.
import { formatName, isBelow, ROOT } from '../../dnswire/index.ts';
import type { QueryView, WireName } from '../../dnswire/index.ts';
import type { DnsPlugin } from '../plugin.ts';
import type { Resolve } from '../chain.ts';
import type { KubernetesPlugin } from '../plugins/kubernetes/kubernetes.ts';

/** Zones that are answered by one chain of plugins. */
export interface ServerBlock {
  readonly zones: readonly WireName[];
  readonly resolve: Resolve;
  /** Set when the short way may be taken, past `before` when none of those is concerned. */
  readonly kubernetes: KubernetesPlugin | undefined;
  readonly before: readonly DnsPlugin[];
}

/** The block with the longest zone that holds the name. */
export function blockOf(blocks: readonly ServerBlock[], key: WireName): ServerBlock | undefined {
  const only = blocks[0];
  if (blocks.length === 1 && only?.zones[0] === ROOT) return only;
  let best: ServerBlock | undefined;
  let longest = -1;
  for (const block of blocks)
    for (const zone of block.zones)
      if (zone.length > longest && (zone === ROOT || isBelow(key, zone))) {
        best = block;
        longest = zone.length;
      }
  return best;
}

/** True when a plugin may change the answer to this question. */
export function concerned(plugins: readonly DnsPlugin[], view: QueryView): boolean {
  for (const plugin of plugins) if (plugin.concerns === undefined || plugin.concerns(view.key, view.type)) return true;
  return false;
}

const zoneLabels = new WeakMap<ServerBlock, string>();
/** The block's first zone, as CoreDNS labels its metrics. */
export function zoneLabel(block: ServerBlock): string {
  let label = zoneLabels.get(block);
  if (label === undefined) zoneLabels.set(block, (label = formatName(block.zones[0] ?? ROOT)));
  return label;
}
