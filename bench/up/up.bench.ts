// The local cluster: how long `up` takes, what it weighs, how fast a hundred pods are Ready, and how long a written
// EndpointSlice takes until the rule is in every node's kernel.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { deployments, endpointSlices, services, type EndpointSlice, type Unstored } from '../../src/api/objects.ts';
import { createClient, loadKubeconfig, type Client } from '../../src/client/index.ts';
import { endpointChain } from '../../src/proxy/index.ts';
import { median, quantile, report } from '../report.ts';

const portico = path.join(import.meta.dirname, '..', '..', 'bin', 'portico');
const name = `test-${process.pid}-bench`;
const stateDir = `/tmp/${name}`;
const flags = ['--name', name, '--state-dir', stateDir];
const NODES = ['node-1', 'node-2', 'node-3'];
const STARTS = 5;
const PODS = 100;
const WRITES = 60;

/** Seconds that a line of `up` carries in front, e.g. `  2.37 s  3 nodes Ready`. */
function stepSeconds(output: string, step: RegExp): number {
  const line = output.split('\n').find((l) => step.test(l)) ?? '';
  return Number(/^ *(\d+\.\d+) s /.exec(line)?.[1] ?? Number.NaN);
}

function run(...args: string[]): string {
  const r = spawnSync(portico, args, { encoding: 'utf8' });
  if (r.status !== 0) throw new Error(`portico ${args.join(' ')}: ${r.stdout}${r.stderr}`);
  return r.stdout;
}

/** Memory of all of Portico's processes of this cluster: kB, resident, and with shared pages counted once. */
function memory(): { rssKb: number; pssKb: number; processes: number } {
  let [rssKb, pssKb, processes] = [0, 0, 0];
  for (const pid of readdirSync('/proc').filter((n) => /^\d+$/.test(n))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      const own = command.includes(stateDir) || command.includes(`\0${name}\0`);
      const inNetns = spawnSync('ip', ['netns', 'identify', pid], { encoding: 'utf8' }).stdout.startsWith(`${name}-`);
      if (!own && !inNetns) continue;
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      rssKb += Number(/^Rss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
      pssKb += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
      processes += 1;
    } catch {
      // Ended meanwhile.
    }
  }
  return { rssKb, pssKb, processes };
}

async function timeHundredPods(client: Client): Promise<number> {
  const labels = { app: 'hundred' };
  const started = performance.now();
  await client.resource(deployments).create(
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'hundred', namespace: 'default' },
      spec: {
        replicas: PODS,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 0,
            containers: [
              {
                name: 'web',
                image: 'portico/web',
                readinessProbe: { httpGet: { path: '/readyz', port: 80 }, periodSeconds: 1 },
              },
            ],
          },
        },
      },
    },
    { namespace: 'default' },
  );
  for (;;) {
    const d = await client.resource(deployments).get('hundred', 'default');
    if (d.status?.readyReplicas === PODS) return (performance.now() - started) / 1000;
    if (performance.now() - started > 120_000)
      throw new Error(`${d.status?.readyReplicas ?? 0} pods Ready after 120 s`);
    await sleep(50);
  }
}

/** Watches each node's kernel for new chains; `seen` resolves with the time at which the last node had it. */
function watchChains() {
  const waiting = new Map<string, { left: number; resolve: (at: number) => void }>();
  const monitors = NODES.map((node) => {
    // Line by line: into a pipe nft writes in blocks.
    const args = ['netns', 'exec', `${name}-${node}`, 'stdbuf', '-oL', 'nft', 'monitor', 'new', 'chains'];
    const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const w = waiting.get(/^(?:add|create) chain ip nat (\S+)/.exec(line)?.[1] ?? '');
      if (w !== undefined && --w.left === 0) w.resolve(performance.now());
    });
    return child;
  });
  return {
    seen: (chain: string) =>
      new Promise<number>((resolve, reject) => {
        const limit = setTimeout(() => reject(new Error(`${chain} did not reach every kernel in 10 s`)), 10_000);
        const done = (at: number) => {
          clearTimeout(limit);
          resolve(at);
        };
        waiting.set(chain, { left: NODES.length, resolve: done });
      }),
    stop: () => monitors.forEach((m) => m.kill('SIGTERM')),
  };
}

async function timeProgramming(client: Client): Promise<number[]> {
  await client.resource(services).create(
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'bench', namespace: 'default' },
      spec: { ports: [{ port: 80 }] },
    },
    { namespace: 'default' },
  );
  const chains = watchChains();
  await sleep(500);
  const times: number[] = [];
  try {
    for (let i = 0; i < WRITES; i++) {
      const address = `10.200.0.${i + 1}`;
      const slice: Unstored<EndpointSlice> = {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: `bench-${i}`, namespace: 'default', labels: { 'kubernetes.io/service-name': 'bench' } },
        addressType: 'IPv4',
        ports: [{ name: '', port: 80, protocol: 'TCP' }],
        endpoints: [{ addresses: [address] }],
      };
      const seen = chains.seen(endpointChain({ id: 'default/bench', protocol: 'tcp' }, { text: `${address}:80` }));
      const started = performance.now();
      await client.resource(endpointSlices).create(slice, { namespace: 'default' });
      times.push((await seen) - started);
      await sleep(100);
    }
  } finally {
    chains.stop();
  }
  return times;
}

const starts: number[] = [];
const ready: number[] = [];
try {
  for (let i = 0; i < STARTS; i++) {
    const started = performance.now();
    ready.push(stepSeconds(run('up', ...flags, '--api-port', '18443'), /nodes Ready/));
    starts.push((performance.now() - started) / 1000);
    if (i < STARTS - 1) run('down', ...flags);
  }
  report({ bench: 'up/three-nodes-ready', runs: STARTS, seconds: median(ready), worst: Math.max(...ready) });
  report({ bench: 'up/three-nodes-ready-and-dns', runs: STARTS, seconds: median(starts), worst: Math.max(...starts) });
  await sleep(3_000);
  const { rssKb, pssKb, processes } = memory();
  report({ bench: 'up/memory', processes, pssMb: pssKb / 1024, rssMb: rssKb / 1024 });
  const client = createClient(loadKubeconfig(path.join(stateDir, 'admin.kubeconfig')));
  const times = await timeProgramming(client);
  report({
    bench: 'up/endpointslice-to-every-kernel',
    writes: WRITES,
    p50Ms: median(times),
    p99Ms: quantile(times, 0.99),
  });
  report({ bench: 'up/hundred-pods-ready', pods: PODS, seconds: await timeHundredPods(client) });
  client.close();
} finally {
  run('down', ...flags);
}
