// An empty kernel to all rules in: nftables against the same services through iptables-restore, in one run. For iptables
// both as one restore, and in the parts that our iptables mode makes of it.
import { openIptablesKernel } from '../../src/proxy/iptables/kernel.ts';
import { RuleBook } from '../../src/proxy/iptables/plan.ts';
import { restoreParts } from '../../src/proxy/iptables/restore-parts.ts';
import { openNftKernel } from '../../src/proxy/nftables/kernel.ts';
import { NftBook } from '../../src/proxy/nftables/book.ts';
import { fixedOps } from '../../src/proxy/nftables/fixed-table.ts';
import { withRoom } from '../../src/proxy/nftables/room.ts';
import { median, report } from '../report.ts';
import { IPTABLES_CONTEXT, NFT_CONTEXT, filledTracker, inThrowawayNetns, seconds } from './synthetic-cluster.ts';

function nftSeconds(services: number, endpoints: number): Promise<number> {
  const tracker = filledTracker(services, endpoints);
  return inThrowawayNetns(async (netns) => {
    const kernel = openNftKernel('IPv4', { netns, apply: 'netlink' });
    const taken = await seconds(async () => {
      const plan = new NftBook().plan(tracker.take(), NFT_CONTEXT);
      await kernel.apply(withRoom([...fixedOps(NFT_CONTEXT), ...plan.ops]));
    });
    kernel.close();
    return taken;
  });
}

type Variant = 'nft' | 'legacy';

function iptablesSeconds(
  services: number,
  endpoints: number,
  how: { variant: Variant; parts: boolean },
): Promise<number> {
  const tracker = filledTracker(services, endpoints);
  return inThrowawayNetns((netns) => {
    const kernel = openIptablesKernel('IPv4', { variant: how.variant, netns });
    return seconds(async () => {
      const plan = new RuleBook().plan(tracker.take(), IPTABLES_CONTEXT);
      for (const input of restoreParts(plan, how.parts ? kernel.chainsAtOnce : Infinity)) await kernel.restore(input);
    });
  });
}

/** One restore of so many services takes iptables-nft longer than anybody waits. */
const MOST_AT_ONCE = { nft: 1000, legacy: 10_000 };

for (const [services, each] of [
  [1000, 10],
  [10_000, 10],
  [45_000, 1],
] as const) {
  const figure = { services, endpoints: services * each };
  const nft = median([
    await nftSeconds(services, each),
    await nftSeconds(services, each),
    await nftSeconds(services, each),
  ]);
  report({ bench: 'proxy/nftables/full', ...figure, seconds: nft });
  if (services > 10_000) continue;
  for (const variant of ['legacy', 'nft'] as const) {
    for (const parts of [false, true]) {
      const possible = parts ? variant === 'nft' : services <= MOST_AT_ONCE[variant];
      if (!possible) continue;
      const name = `iptables-${variant}${parts ? '-in-parts' : ''}`;
      try {
        const iptables = await iptablesSeconds(services, each, { variant, parts });
        report({ bench: `proxy/${name}/full`, ...figure, seconds: iptables });
        report({ bench: `proxy/full/${name}-to-nftables`, ...figure, ratio: iptables / nft });
      } catch (error) {
        // For example iptables-legacy is not installed, or the kernel has too little memory for so many rules.
        const text = error instanceof Error ? error.message : String(error);
        report({ bench: `proxy/${name}/full`, ...figure, unfinished: text });
      }
    }
  }
}
