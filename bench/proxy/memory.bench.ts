// Memory of `portico proxy` as a process, at 10,000 services x 10 endpoints, against an API server over TLS: when all rules
// are in, after every endpoint moved, and after the server was away for so long that everything is listed anew.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { endpointSlices, namespaces, services } from '../../src/api/index.ts';
import { NetlinkNft } from '../../src/linux/index.ts';
import { startServedNodes, type ServedNodes } from '../../src/roles/fixtures/served-nodes.ts';
import { createMemoryStore } from '../../src/store/index.ts';
import { report } from '../report.ts';
import { benchService, benchSlice, serviceName } from './synthetic-cluster.ts';

const SERVICES = 10_000;
const ENDPOINTS = 10;
/** Number of the first service: the first addresses are those of the cluster itself. */
const FIRST = 100;
const AT_ONCE = 100;
const NAMESPACE = 'bench';

const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));

function statusMb(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(text)?.[1] ?? 0) / 1024;
}

/** Without what the server gives. */
function unstored<T extends { metadata: object }>(object: T): T {
  return { ...object, metadata: { ...object.metadata, resourceVersion: undefined, uid: undefined } };
}

async function forEach(run: (i: number) => Promise<unknown>, pauseMs = 0): Promise<void> {
  for (let i = 0; i < SERVICES; i += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, j) => run(FIRST + i + j)));
    if (pauseMs > 0) await sleep(pauseMs);
  }
}

async function fill({ client }: ServedNodes): Promise<void> {
  await client.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  await forEach(async (i) => {
    await client.resource(services).create(unstored(benchService(i)));
    await client.resource(endpointSlices).create(unstored(benchSlice(i, ENDPOINTS)));
  });
}

/** Every endpoint of every service is another one. */
function moveAll({ client }: ServedNodes, shift: number, pauseMs = 0): Promise<void> {
  return forEach((i) => {
    const { endpoints } = benchSlice(i, ENDPOINTS, shift);
    return client
      .resource(endpointSlices)
      .patch(serviceName(i), { endpoints }, { type: 'merge', namespace: NAMESPACE });
  }, pauseMs);
}

/** Resolves when nothing has changed in the node's rule set for two seconds. */
async function quiet(node: string): Promise<void> {
  const nft = new NetlinkNft(node);
  let last = -1;
  for (let since = 0; since < 10; since++) {
    await sleep(200);
    const now = nft.generation();
    if (now !== last) since = 0;
    last = now;
  }
  nft.close();
}

function ready(child: ChildProcess): Promise<void> {
  let log = '';
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('rules are in the kernel')) resolve();
    });
    child.on('exit', () => reject(new Error(`the proxy ended:\n${log}`)));
  });
}

// A short memory, so that a server that was away has forgotten what happened.
const ground = await startServedNodes('memory', 1, { store: createMemoryStore({ windowMs: 1000, minChanges: 1000 }) });
try {
  await fill(ground);
  const [node = ''] = ground.nodes;
  const flags = ['--hostname-override', 'node-0', '--proxy-mode', 'nftables', '--cluster-cidr', '10.128.0.0/9'];
  const child = ground.startProxy(node, [...flags, '--healthz-bind-address', '', '--metrics-bind-address', '']);
  const began = performance.now();
  await ready(child);
  const pid = child.pid ?? 0;
  const figure = { services: SERVICES, endpoints: SERVICES * ENDPOINTS };
  report({ bench: 'proxy/nftables/process-start', ...figure, seconds: (performance.now() - began) / 1000 });
  const measure = (at: string) => {
    const rssMb = statusMb(pid, 'VmRSS');
    report({ bench: 'proxy/nftables/memory', ...figure, at, rssMb, peakMb: statusMb(pid, 'VmHWM') });
  };
  measure('start');
  await moveAll(ground, SERVICES * ENDPOINTS, 20);
  await quiet(node);
  measure('every endpoint moved');
  await ground.away(async () => {
    await moveAll(ground, 2 * SERVICES * ENDPOINTS);
    await sleep(2000);
  });
  await quiet(node);
  await sleep(3000);
  await quiet(node);
  measure('relist');
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
} finally {
  await ground[Symbol.asyncDispose]();
}
