// 1,000 slices written a second for a minute, in each mode, with real connections: none that stands breaks, no new one
// reaches an endpoint that is gone; and how long a change waits for its sync meanwhile.
import process from 'node:process';
import { KernelWorld } from '../../src/proxy/fixtures/kernel-world.ts';
import { runStorm } from '../../src/proxy/fixtures/storm.ts';
import { median, quantile, report } from '../report.ts';

const SERVICES = 300;
const SECONDS = 60;

for (const mode of ['nftables', 'iptables'] as const) {
  await using world = new KernelWorld(`storm-${mode}`);
  const before = process.cpuUsage();
  const storm = await runStorm(world, { mode, seconds: SECONDS, changesPerSecond: 1000, services: SERVICES });
  const cpu = process.cpuUsage(before);
  report({
    bench: `proxy/${mode}/storm`,
    services: SERVICES,
    seconds: SECONDS,
    changes: storm.changes,
    connections: storm.connections,
    wrongConnections: storm.wrong.length,
    heldConnection: storm.broken === '' ? `whole, ${storm.echoes} answers` : storm.broken,
    ...(storm.wrong[0] === undefined ? {} : { firstWrong: storm.wrong[0] }),
    lagP50Ms: median(storm.lagsMs),
    lagP99Ms: quantile(storm.lagsMs, 0.99),
    // Server, clients and proxy together: all are in this process.
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
  });
}
