// An EndpointSlice is written → the rule stands in every node's kernel: a client in process, three proxies with
// 1,000 services. Writes come one after the other, as those of a busy controller do.
import { endpointSlices, namespaces, services } from '../../src/api/index.ts';
import { createFakeClient } from '../../src/client/index.ts';
import { proxyConfigOf, startProxy, type Proxy, type ProxyMode } from '../../src/proxy/index.ts';
import { median, quantile, report } from '../report.ts';
import { benchService, benchSlice, inThrowawayNetns, serviceName } from './synthetic-cluster.ts';

const SERVICES = 1000;
const ENDPOINTS = 10;
const NODES = 3;
const WRITES = 150;
const PAUSE_MS = 20;

async function inManyNetns<T>(n: number, run: (netns: string[]) => Promise<T>, have: string[] = []): Promise<T> {
  if (have.length === n) return run(have);
  return inThrowawayNetns((netns) => inManyNetns(n, run, [...have, netns]));
}

const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));

/** Resolves when every proxy's kernel holds the wanted number of endpoints of the service. */
async function programmed(proxies: readonly Proxy[], key: string, count: number): Promise<void> {
  for (const proxy of proxies) {
    while (proxy.snapshot().get('IPv4')?.get(key)?.ports[0]?.cluster.length !== count) {
      await new Promise((r) => setImmediate(r));
    }
  }
}

async function measure(mode: ProxyMode): Promise<void> {
  const client = createFakeClient();
  await client.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bench' } });
  for (let i = 0; i < SERVICES; i++) {
    await client.resource(services).create(benchService(i));
    await client.resource(endpointSlices).create(benchSlice(i, ENDPOINTS));
  }
  await inManyNetns(NODES, async (netns) => {
    const config = proxyConfigOf({ mode, healthzBindAddress: '', metricsBindAddress: '', clusterCIDR: '10.128.0.0/9' });
    const proxies: Proxy[] = [];
    for (const [i, n] of netns.entries()) {
      proxies.push(await startProxy({ client, nodeName: `node-${i}`, config, netns: n }));
    }
    await Promise.all(proxies.map((p) => p.synced));
    const times: number[] = [];
    for (let i = 0; i < WRITES; i++) {
      const name = serviceName(i % 50);
      const count = i % 100 < 50 ? ENDPOINTS - 1 : ENDPOINTS;
      const { endpoints } = benchSlice(i % 50, count);
      const began = performance.now();
      await client.resource(endpointSlices).patch(name, { endpoints }, { type: 'merge', namespace: 'bench' });
      await programmed(proxies, `bench/${name}`, count);
      times.push(performance.now() - began);
      await sleep(PAUSE_MS);
    }
    for (const p of proxies) await p.stop();
    report({
      bench: `proxy/${mode}/slice-to-every-kernel`,
      services: SERVICES,
      nodes: NODES,
      p50Ms: median(times),
      p99Ms: quantile(times, 0.99),
    });
  });
  client.close();
}

for (const mode of ['nftables', 'iptables'] as const) await measure(mode);
