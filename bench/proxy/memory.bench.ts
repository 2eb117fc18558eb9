// Memory of the proxy process at 10,000 services × 10 endpoints: after the start, after every endpoint moved, and after
// a relist. In a process of its own.
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { sliceView } from '../../src/proxy/views.ts';
import { NftBook } from '../../src/proxy/nftables/book.ts';
import { fixedOps } from '../../src/proxy/nftables/fixed-table.ts';
import { openNftKernel } from '../../src/proxy/nftables/kernel.ts';
import { report } from '../report.ts';
import { NFT_CONTEXT, benchSlice, filledTracker, inThrowawayNetns } from './synthetic-cluster.ts';

const SERVICES = 10_000;
const ENDPOINTS = 10;

const rssMb = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024;

async function child(): Promise<void> {
  await inThrowawayNetns(async (netns) => {
    const kernel = openNftKernel('IPv4', { netns, apply: 'netlink' });
    const tracker = filledTracker(SERVICES, ENDPOINTS);
    const book = new NftBook();
    const sync = async (first: boolean) => {
      const changes = tracker.take();
      const plan = book.plan(changes, NFT_CONTEXT);
      await kernel.apply(first ? [...fixedOps(NFT_CONTEXT), ...plan.ops] : plan.ops);
      plan.commit();
      tracker.commit(changes);
    };
    const figure = { services: SERVICES, endpoints: SERVICES * ENDPOINTS };
    await sync(true);
    report({ bench: 'proxy/nftables/memory', ...figure, at: 'start', rssMb: rssMb() });
    for (let i = 0; i < SERVICES; i++) {
      tracker.setSlice(sliceView(benchSlice(i, ENDPOINTS)), sliceView(benchSlice(i, ENDPOINTS, SERVICES * ENDPOINTS)));
      if (i % 500 === 499) await sync(false);
    }
    report({ bench: 'proxy/nftables/memory', ...figure, at: 'every endpoint moved', rssMb: rssMb() });
    for (let i = 0; i < SERVICES; i++) {
      const same = sliceView(benchSlice(i, ENDPOINTS, SERVICES * ENDPOINTS));
      tracker.setSlice(same, same);
    }
    await sync(false);
    report({ bench: 'proxy/nftables/memory', ...figure, at: 'relist', rssMb: rssMb() });
    kernel.close();
  });
}

if (process.argv.includes('--child')) await child();
else {
  const done = Promise.withResolvers<number | null>();
  fork(import.meta.filename, ['--child'], { stdio: 'inherit' }).on('exit', done.resolve);
  process.exitCode = (await done.promise) ?? 1;
}
