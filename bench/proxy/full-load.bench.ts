// An empty kernel to all rules in: nftables against the same services through iptables-restore, in one run.
import { openIptablesKernel } from '../../src/proxy/iptables/kernel.ts';
import { RuleBook, restoreInput } from '../../src/proxy/iptables/plan.ts';
import { openNftKernel } from '../../src/proxy/nftables/kernel.ts';
import { NftBook } from '../../src/proxy/nftables/book.ts';
import { fixedOps } from '../../src/proxy/nftables/fixed-table.ts';
import { report } from '../report.ts';
import { IPTABLES_CONTEXT, NFT_CONTEXT, filledTracker, inThrowawayNetns, seconds } from './synthetic-cluster.ts';

function nftSeconds(services: number, endpoints: number): Promise<number> {
  const tracker = filledTracker(services, endpoints);
  return inThrowawayNetns(async (netns) => {
    const kernel = openNftKernel('IPv4', { netns, apply: 'netlink' });
    const taken = await seconds(async () => {
      const plan = new NftBook().plan(tracker.take(), NFT_CONTEXT);
      await kernel.apply([...fixedOps(NFT_CONTEXT), ...plan.ops]);
    });
    kernel.close();
    return taken;
  });
}

function iptablesSeconds(services: number, endpoints: number, variant: 'nft' | 'legacy'): Promise<number> {
  const tracker = filledTracker(services, endpoints);
  return inThrowawayNetns((netns) => {
    const kernel = openIptablesKernel('IPv4', { variant, netns });
    return seconds(() => {
      const plan = new RuleBook().plan(tracker.take(), IPTABLES_CONTEXT);
      return kernel.restore(restoreInput(plan.chains));
    });
  });
}

for (const [services, each] of [
  [1000, 10],
  [10_000, 10],
  [45_000, 1],
] as const) {
  const figure = { services, endpoints: services * each };
  const nft = await nftSeconds(services, each);
  report({ bench: 'proxy/nftables/full', ...figure, seconds: nft });
  if (services > 10_000) continue;
  for (const variant of ['legacy', 'nft'] as const) {
    try {
      const iptables = await iptablesSeconds(services, each, variant);
      report({ bench: `proxy/iptables-${variant}/full`, ...figure, seconds: iptables });
      report({ bench: `proxy/full/iptables-${variant}-to-nftables`, ...figure, ratio: iptables / nft });
    } catch (error) {
      // For example iptables-legacy is not installed, or the kernel has too little memory for so many rules.
      const text = error instanceof Error ? error.message : String(error);
      report({ bench: `proxy/iptables-${variant}/full`, ...figure, unfinished: text });
    }
  }
}
