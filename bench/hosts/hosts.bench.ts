// A cluster of many hosts as its server feels it: 100 registered nodes, 5,000 pods, 1,000 Services. The agents are only
// their API side (fleet.ts): no pods run and no kernel is programmed. Pods are bound and reported Running by the bench.
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { endpointSlices, pods, services } from '../../src/api/objects.ts';
import { createClient, loadKubeconfig } from '../../src/client/index.ts';
import { report } from '../report.ts';
import type { Done, Order } from './fleet.ts';

const NODES = 100;
const PODS = 5000;
const SERVICES = 1000;
const AT_ONCE = 32;
const ADVERTISED = '192.0.2.1';

const folder = mkdtempSync(path.join(tmpdir(), 'portico-bench-hosts-'));
const probe = createServer().listen(0, '127.0.0.1');
await once(probe, 'listening');
const { port } = probe.address() as AddressInfo;
probe.close();
await once(probe, 'close');

function startServer(): ChildProcess {
  const main = path.join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
  const flags = `server --state-dir ${folder} --advertise-address ${ADVERTISED} --listen 127.0.0.1:${port} --no-dns`;
  return spawn(process.execPath, [main, ...flags.split(' ')], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Megabytes that the process has in memory now, and the most it ever had. */
function memoryOf(pid: number): { now: number; peak: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]) / 1024;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}

async function inParallel(count: number, run: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) await run(i);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 120_000;
  while (!(await check().catch(() => false))) {
    if (performance.now() > end) throw new Error(`${what}: not within two minutes`);
    await sleep(20);
  }
}

let server = startServer();
const made = path.join(folder, 'admin.kubeconfig');
await until('the kubeconfig', async () => existsSync(made));
const kubeconfig = path.join(folder, 'loopback.kubeconfig');
const text = readFileSync(made, 'utf8').replace(/server: .*/, `server: https://127.0.0.1:${port}`);
writeFileSync(kubeconfig, text, { mode: 0o600 });
const client = createClient(loadKubeconfig(kubeconfig), { maxConnections: AT_ONCE });
const ready = () => until('the server', async () => (await client.get('/readyz')) === 'ok');
await ready();
report({ area: 'hosts', figure: 'server-memory-empty', megabytes: memoryOf(server.pid ?? 0).now });

const fleet = fork(path.join(import.meta.dirname, 'fleet.ts'), [kubeconfig, String(NODES)]);
const heard = async (): Promise<Done> => ((await once(fleet, 'message')) as [Done])[0];
const ask = async (order: Order): Promise<Done> => {
  const answer = heard();
  fleet.send(order);
  return answer;
};
report({ area: 'hosts', figure: 'register', nodes: NODES, seconds: (await heard()).ms / 1000 });

const appOf = (i: number) => `app-${i % SERVICES}`;
const filling = performance.now();
await inParallel(SERVICES, (i) =>
  client.resource(services).create(
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `app-${i}`, namespace: 'default' },
      spec: { selector: { app: `app-${i}` }, ports: [{ port: 80 }] },
    },
    { namespace: 'default' },
  ),
);
await inParallel(PODS, async (i) => {
  const api = client.resource(pods);
  const pod = await api.create(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `pod-${i}`, namespace: 'default', labels: { app: appOf(i) } },
      spec: {
        nodeName: `node-${String((i % NODES) + 1).padStart(3, '0')}`,
        containers: [{ name: 'web', image: 'portico/web' }],
      },
    },
    { namespace: 'default' },
  );
  const ip = `10.${(i >> 14) + 128}.${(i >> 7) & 127}.${(i & 127) + 1}`;
  await api.patch(
    pod.metadata.name,
    { status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] } },
    { type: 'merge', subresource: 'status', namespace: 'default' },
  );
});
await until('the endpoints of all pods', async () => {
  const { items } = await client.resource(endpointSlices).list({ namespace: 'default' });
  return items.flatMap((s) => s.endpoints ?? []).filter((e) => e.conditions?.ready === true).length >= PODS;
});
report({
  area: 'hosts',
  figure: 'fill',
  pods: PODS,
  services: SERVICES,
  seconds: (performance.now() - filling) / 1000,
});
await sleep(5000);
const full = memoryOf(server.pid ?? 0);
report({ area: 'hosts', figure: 'server-memory-full', megabytes: full.now, peakMegabytes: full.peak });

const relist = await ask({ do: 'relist' });
const after = memoryOf(server.pid ?? 0);
report({
  area: 'hosts',
  figure: 'relist-of-everything',
  agents: NODES,
  seconds: relist.ms / 1000,
  megabytes: after.now,
  peakMegabytes: after.peak,
});

const gone = once(server, 'exit');
server.kill('SIGKILL');
await gone;
const restarted = performance.now();
server = startServer();
await ready();
const readySeconds = (performance.now() - restarted) / 1000;
const spec = { ports: [{ port: 80 }], clusterIP: 'None' };
const metadata = { name: 'marker', namespace: 'default' };
await client.resource(services).create({ apiVersion: 'v1', kind: 'Service', metadata, spec }, { namespace: 'default' });
await ask({ do: 'await', service: 'default/marker' });
report({
  area: 'hosts',
  figure: 'killed-server-until-every-agent-is-current',
  readySeconds,
  seconds: (performance.now() - restarted) / 1000,
  megabytes: memoryOf(server.pid ?? 0).now,
});

client.close();
fleet.kill('SIGKILL');
server.kill('SIGKILL');
await Promise.all([once(fleet, 'exit'), once(server, 'exit')]);
rmSync(folder, { recursive: true, force: true });
