// An EndpointSlice is written -> the rule stands in every node's kernel: an API server, and over TLS three `portico proxy`
// processes with 1,000 services, each on a node of its own. The end is the kernel's own notification of the transaction.
// Writes come one after the other, as those of a busy controller do.
import type { ChildProcess } from 'node:child_process';
import { endpointSlices, namespaces, services } from '../../src/api/index.ts';
import { monitorNft } from '../../src/linux/index.ts';
import type { ProxyMode } from '../../src/proxy/index.ts';
import { startServedNodes } from '../../src/roles/fixtures/served-nodes.ts';
import { median, quantile, report } from '../report.ts';
import { benchService, benchSlice, serviceName } from './synthetic-cluster.ts';

const SERVICES = 1000;
/** Number of the first service: the first addresses are those of the cluster itself. */
const FIRST = 100;
const ENDPOINTS = 10;
const NODES = 3;
const WARM_UP = 50;
const WRITES = 300;
const PAUSE_MS = 20;
const LIMIT_MS = 10_000;

const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));

/** Without what the server gives. */
function unstored<T extends { metadata: object }>(object: T): T {
  return { ...object, metadata: { ...object.metadata, resourceVersion: undefined, uid: undefined } };
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

/** Tells when a transaction that is about endpoints is complete in a node's kernel. */
class Kernel implements Disposable {
  readonly #monitor: { close(): void };
  #touched = false;
  #done: (() => void) | undefined;

  constructor(node: string) {
    this.#monitor = monitorNft(node, (event) => {
      if (event.kind === 'generation') {
        if (this.#touched) this.#done?.();
        this.#touched = false;
      } else if (event.kind !== 'overflow') {
        this.#touched ||= event.name === 'endpoints' || event.name?.startsWith('KUBE-SVC-') === true;
      }
    });
  }

  next(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error(`no rule within ${LIMIT_MS} ms`)), LIMIT_MS);
    this.#done = () => {
      clearTimeout(timer);
      this.#done = undefined;
      resolve();
    };
    return promise;
  }

  [Symbol.dispose](): void {
    this.#monitor.close();
  }
}

async function measure(mode: ProxyMode): Promise<void> {
  const ground = await startServedNodes(`e2e-${mode}`, NODES);
  const { client } = ground;
  const kernels: Kernel[] = [];
  try {
    await client.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bench' } });
    for (let i = FIRST; i < FIRST + SERVICES; i++) {
      await client.resource(services).create(unstored(benchService(i)));
      await client.resource(endpointSlices).create(unstored(benchSlice(i, ENDPOINTS)));
    }
    const flags = ['--proxy-mode', mode, '--cluster-cidr', '10.128.0.0/9'];
    flags.push('--healthz-bind-address', '', '--metrics-bind-address', '');
    await Promise.all(
      ground.nodes.map((node, i) => ready(ground.startProxy(node, [...flags, '--hostname-override', `node-${i}`]))),
    );
    kernels.push(...ground.nodes.map((node) => new Kernel(node)));
    await sleep(2000);
    const times: number[] = [];
    for (let i = 0; i < WARM_UP + WRITES; i++) {
      const at = FIRST + (i % 50);
      const { endpoints } = benchSlice(at, i % 100 < 50 ? ENDPOINTS - 1 : ENDPOINTS);
      const inAll = Promise.all(kernels.map((k) => k.next()));
      const began = performance.now();
      const write = client
        .resource(endpointSlices)
        .patch(serviceName(at), { endpoints }, { type: 'merge', namespace: 'bench' });
      await Promise.all([inAll, write]);
      if (i >= WARM_UP) times.push(performance.now() - began);
      await sleep(PAUSE_MS);
    }
    report({
      bench: `proxy/${mode}/slice-to-every-kernel`,
      services: SERVICES,
      nodes: NODES,
      p50Ms: median(times),
      p99Ms: quantile(times, 0.99),
    });
  } finally {
    for (const k of kernels) k[Symbol.dispose]();
    await ground[Symbol.asyncDispose]();
  }
}

for (const mode of ['nftables', 'iptables'] as const) await measure(mode);
