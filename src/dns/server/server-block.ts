// Which zones are answered by which chain of plugins.
import { isBelow, ROOT } from '../../dnswire/index.ts';
import type { QueryView, WireName } from '../../dnswire/index.ts';
import type { DnsPlugin } from '../plugin.ts';
import type { Resolve } from '../chain.ts';
import type { QuestionFacts } from '../view/view.ts';
import type { KubernetesPlugin } from '../plugins/kubernetes/kubernetes.ts';

/** Zones that are answered by one chain of plugins. */
export interface ServerBlock {
  readonly zones: readonly WireName[];
  readonly resolve: Resolve;
  /** Set when the short way may be taken, past `before` when none of those is concerned. */
  readonly kubernetes: KubernetesPlugin | undefined;
  readonly before: readonly DnsPlugin[];
  /** Set for a block with a view: whether it is for the question. */
  readonly takes?: (facts: QuestionFacts) => boolean;
  /** The first zone and the view, as CoreDNS labels its metrics. */
  readonly label: string;
  readonly view: string;
}

/** The block with the longest zone that holds the name; of several the first whose view takes the question. */
export function blockOf(
  blocks: readonly ServerBlock[],
  key: WireName,
  facts: () => QuestionFacts,
): ServerBlock | undefined {
  const only = blocks[0];
  if (blocks.length === 1 && only?.zones[0] === ROOT && only.takes === undefined) return only;
  let best: ServerBlock | undefined;
  let longest = -1;
  for (const block of blocks)
    for (const zone of block.zones)
      if (zone.length > longest && (zone === ROOT || isBelow(key, zone))) {
        if (block.takes !== undefined && !block.takes(facts())) continue;
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
