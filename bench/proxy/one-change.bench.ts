// One endpoint changes: from the informer's event to the kernel's acknowledgement, and whether the size of the cluster
// matters. For iptables: against a partial restore of the same chains by hand.
import type { ChangeTracker } from '../../src/proxy/changes.ts';
import type { SliceView } from '../../src/proxy/views.ts';
import { sliceView } from '../../src/proxy/views.ts';
import { openIptablesKernel } from '../../src/proxy/iptables/kernel.ts';
import { RuleBook, restoreInput } from '../../src/proxy/iptables/plan.ts';
import { restoreParts } from '../../src/proxy/iptables/restore-parts.ts';
import { NftBook } from '../../src/proxy/nftables/book.ts';
import { fixedOps } from '../../src/proxy/nftables/fixed-table.ts';
import { openNftKernel } from '../../src/proxy/nftables/kernel.ts';
import { median, quantile, report } from '../report.ts';
import {
  IPTABLES_CONTEXT,
  NFT_CONTEXT,
  benchSlice,
  filledTracker,
  inThrowawayNetns,
  seconds,
} from './synthetic-cluster.ts';

const ENDPOINTS = 10;

/** The slice of one service with one endpoint more or less, in turn. */
function* alternating(services: number): Generator<[SliceView, SliceView]> {
  const at = services >> 1;
  const ten = sliceView(benchSlice(at, ENDPOINTS));
  const nine: SliceView = { ...ten, endpoints: ten.endpoints.slice(1) };
  for (;;) {
    yield [ten, nine];
    yield [nine, ten];
  }
}

async function nftChange(services: number, rounds: number): Promise<number[]> {
  const tracker: ChangeTracker = filledTracker(services, ENDPOINTS);
  return inThrowawayNetns(async (netns) => {
    const kernel = openNftKernel('IPv4', { netns, apply: 'netlink' });
    const book = new NftBook();
    const first = tracker.take();
    const plan = book.plan(first, NFT_CONTEXT);
    await kernel.apply([...fixedOps(NFT_CONTEXT), ...plan.ops]);
    plan.commit();
    tracker.commit(first);
    const times: number[] = [];
    const changes = alternating(services);
    for (let i = 0; i < rounds; i++) {
      const [before, after] = changes.next().value;
      const taken = await seconds(async () => {
        tracker.setSlice(before, after);
        const change = tracker.take();
        const next = book.plan(change, NFT_CONTEXT);
        await kernel.apply(next.ops);
        next.commit();
        tracker.commit(change);
      });
      // The first rounds warm the compiler up.
      if (i >= rounds / 4) times.push(taken * 1000);
    }
    kernel.close();
    return times;
  });
}

async function iptablesChange(services: number, rounds: number): Promise<{ ours: number[]; byHand: number[] }> {
  const tracker = filledTracker(services, ENDPOINTS);
  return inThrowawayNetns(async (netns) => {
    const kernel = openIptablesKernel('IPv4', { variant: 'nft', netns });
    const book = new RuleBook();
    const first = tracker.take();
    const plan = book.plan(first, IPTABLES_CONTEXT);
    for (const input of restoreParts(plan, kernel.chainsAtOnce)) await kernel.restore(input);
    book.commit(plan);
    tracker.commit(first);
    const ours: number[] = [];
    const byHand: number[] = [];
    const changes = alternating(services);
    for (let i = 0; i < rounds; i++) {
      const [before, after] = changes.next().value;
      let input = '';
      const taken = await seconds(async () => {
        tracker.setSlice(before, after);
        const change = tracker.take();
        const next = book.plan(change, IPTABLES_CONTEXT);
        input = restoreInput(next.chains);
        await kernel.restore(input);
        book.commit(next);
        tracker.commit(change);
      });
      ours.push(taken * 1000);
      byHand.push(1000 * (await seconds(() => kernel.restore(input))));
    }
    return { ours, byHand };
  });
}

const medians: number[] = [];
for (const services of [100, 10_000]) {
  const times = await nftChange(services, 400);
  medians.push(median(times));
  const figure = { services, endpoints: services * ENDPOINTS };
  report({
    bench: 'proxy/nftables/one-endpoint',
    ...figure,
    medianMs: median(times),
    p99Ms: quantile(times, 0.99),
  });
}
report({ bench: 'proxy/nftables/one-endpoint/10000-to-100', ratio: (medians[1] ?? 0) / (medians[0] ?? 1) });
for (const services of [100, 10_000]) {
  const { ours, byHand } = await iptablesChange(services, 6);
  report({ bench: 'proxy/iptables/one-endpoint', services, medianMs: median(ours), byHandMs: median(byHand) });
  report({ bench: 'proxy/iptables/one-endpoint/ours-to-by-hand', services, ratio: median(ours) / median(byHand) });
}
