// The long-running parent of a local cluster: lays the fabric, holds the API port of 127.0.0.1, starts the server and
// the agents, and starts again what ends. It keeps no state that matters: killed, everything else goes on, and the
// next `portico up` puts a new one in its place.
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

import { errorText, UserError } from '../errors/index.ts';
import { openTcpListenerIn, openUdpSocketIn, spawnIn } from '../linux/index.ts';
import type { Logger } from '../log/index.ts';
import { openApiListener } from './api-port.ts';
import { shareClusterKeys } from '../roles/cluster-keys.ts';
import { refuseKubernetesState } from '../roles/kubernetes-state.ts';
import { openStore } from '../roles/open-store.ts';
import { ensureCredentials, pkiFiles } from './credentials.ts';
import { hostNameservers, parseUpstream, startDnsRelay } from './dns-relay.ts';
import { ensureFabric } from './fabric.ts';
import { clusterCgroup } from './leftovers.ts';
import { statePaths, type StatePaths } from './paths.ts';
import { endProcess, identify, readRecords, removeRecord, writeRecord } from './process-record.ts';
import { addressPlan, namespaceNames, nodeNames, type ClusterSpec } from './spec.ts';

/** What the supervisor tells the `portico up` that started it. */
export type SupervisorMessage =
  | { type: 'step'; text: string }
  | { type: 'started'; apiPort: number }
  | { type: 'failed'; text: string; user: boolean };

interface Component {
  name: string;
  netns: string;
  /** Another program than Portico. */
  program?: string;
  args: readonly string[];
  /** Descriptors handed over as 3, 4, …; they stay open here for the next start. */
  fds: readonly number[];
}

/** Small young generations: these processes hold little and allocate seldom, and there are many of them (measured). */
const MEMORY_FLAGS = ['--max-semi-space-size=2', '--v8-pool-size=1'];

const FIRST_RESTART_MS = 50;
const LAST_RESTART_MS = 5_000;
/** A component that ran this long is healthy: its next end starts the back-off anew. */
const HEALTHY_MS = 30_000;
const LOG_LIMIT_BYTES = 20 * 1024 * 1024;

export function readSpec(paths: StatePaths): ClusterSpec | undefined {
  try {
    return JSON.parse(readFileSync(paths.spec, 'utf8')) as ClusterSpec;
  } catch (e) {
    const code = e instanceof Error && 'code' in e ? e.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'EACCES') throw new UserError(`${paths.dir} belongs to root: run with sudo`, { cause: e });
    throw new UserError(`${paths.spec} cannot be read (${errorText(e)}): remove the cluster with 'portico down'`, {
      cause: e,
    });
  }
}

/** The API port that an earlier start used. */
function readApiPort(paths: StatePaths): number | undefined {
  const file = path.join(paths.run, 'api-port');
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined;
}

function openLog(file: string): number {
  if (existsSync(file) && statSync(file).size > LOG_LIMIT_BYTES) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}

/** `{ 'node-name': 'a' }` as arguments: `--node-name a`. */
function flags(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]);
}

/** What the server is told of its store. etcd is reached from this process's network, by descriptor 4. */
function storeFlags(spec: ClusterSpec, paths: StatePaths): Record<string, string> {
  const { etcd } = spec;
  if (etcd === undefined) return { store: path.join(paths.store, 'portico.db') };
  const { caFile, certFile, keyFile, credentialsFile } = etcd.files ?? {};
  return {
    store: etcd.at,
    'etcd-netns': '/proc/self/fd/4',
    ...(caFile === undefined ? {} : { 'etcd-cafile': caFile }),
    ...(certFile === undefined ? {} : { 'etcd-certfile': certFile }),
    ...(keyFile === undefined ? {} : { 'etcd-keyfile': keyFile }),
    ...(credentialsFile === undefined ? {} : { 'etcd-credentials': credentialsFile }),
  };
}

/** The authority has to be the one of the cluster that etcd holds, if it holds one. */
async function shareKeys(spec: ClusterSpec, paths: StatePaths): Promise<void> {
  if (spec.etcd === undefined) return;
  const store = await openStore(spec.etcd);
  try {
    await refuseKubernetesState(store, spec.etcd);
    await shareClusterKeys(store, paths.pki, spec.name);
  } finally {
    await store.close();
  }
}

function componentsOf(spec: ClusterSpec, paths: StatePaths, api: { fd: number; port: number }): Component[] {
  const names = namespaceNames(spec.name);
  const plan = addressPlan(spec);
  const files = pkiFiles(paths);
  const common = {
    'cluster-name': spec.name,
    'cluster-domain': spec.clusterDomain,
    'pod-cidr': spec.podCidr,
    'service-cidr': spec.serviceCidr,
    'cluster-dns': plan.clusterDns,
  };
  const server: Component = {
    name: 'server',
    netns: names.controlPlane,
    fds: [api.fd, ...(spec.etcd === undefined ? [] : [openSync('/proc/self/ns/net', 'r')])],
    args: [
      'server',
      '--pod-routes',
      ...flags({
        ...common,
        network: spec.network,
        'proxy-mode': spec.proxyMode,
        ...storeFlags(spec, paths),
        pki: paths.pki,
        'listen-fd': '3',
        listen: `${plan.controlPlane}:${api.port}`,
        'advertise-address': plan.controlPlane,
        'upstream-dns': plan.fabric,
        nodes: String(spec.nodes),
      }),
    ],
  };
  const nodes = nodeNames(spec);
  const runtimes = spec.runtime === 'cri' ? nodes.map((node) => containerdOf(spec, paths, node)) : [];
  const agents = nodes.map((node, i) => ({
    name: `agent-${node}`,
    netns: names.node(node),
    fds: [],
    args: [
      'agent',
      ...flags({
        ...common,
        'node-name': node,
        'node-ip': plan.node(i + 1),
        kubeconfig: files.kubeconfig(node),
        'proxy-kubeconfig': files.kubeconfig(`proxy-${node}`),
        'client-ca': files.ca.cert,
        'tls-cert': files.kubelet(node).cert,
        'tls-key': files.kubelet(node).key,
        'state-dir': paths.node(node),
        images: paths.images,
        network: spec.network,
        'proxy-mode': spec.proxyMode,
        ...(spec.runtime === 'cri' ? criFlags(spec, paths, node) : {}),
      }),
    ],
  }));
  return [server, ...runtimes, ...agents];
}

function containerdOf(spec: ClusterSpec, paths: StatePaths, node: string): Component {
  return {
    name: `containerd-${node}`,
    netns: namespaceNames(spec.name).node(node),
    program: 'containerd',
    args: ['--config', paths.containerd(node).config, '--log-level', 'warn'],
    fds: [],
  };
}

function criFlags(spec: ClusterSpec, paths: StatePaths, node: string): Record<string, string> {
  const { socket, cniSocket } = paths.containerd(node);
  return {
    runtime: 'cri',
    'cri-endpoint': `unix://${socket}`,
    'cri-cgroup-parent': `/${clusterCgroup(spec.name)}/${node}`,
    'cni-socket': cniSocket,
  };
}

/** Starts a component and starts it again whenever it ends, until `stop`. */
function keepRunning(component: Component, paths: StatePaths, log: Logger) {
  const main = process.argv[1] ?? '';
  let child: ChildProcess | undefined;
  let restartMs = FIRST_RESTART_MS;
  let timer: NodeJS.Timeout | undefined;
  let stopping = false;

  function start(): void {
    const logFd = openLog(paths.log(component.name));
    const stdio: StdioOptions = ['ignore', logFd, logFd, ...component.fds];
    const startedAt = performance.now();
    const { program, args } = component;
    const started = spawnIn(
      component.netns,
      program ?? process.execPath,
      program === undefined ? [...process.execArgv, ...MEMORY_FLAGS, main, ...args] : args,
      {
        stdio,
        cwd: '/',
        // Its own process group: a Ctrl-C in the terminal of `portico up` must not reach it.
        detached: true,
        env: process.env,
      },
    );
    child = started;
    closeSync(logFd);
    const record = started.pid === undefined ? undefined : identify(started.pid);
    if (record !== undefined) writeRecord(paths.processRecord(component.name), record);
    started.once('error', (error) => log.error('component could not be started', { component: component.name, error }));
    started.once('exit', (code, signal) => {
      removeRecord(paths.processRecord(component.name));
      if (stopping) return;
      restartMs = performance.now() - startedAt > HEALTHY_MS ? FIRST_RESTART_MS : restartMs;
      log.warn('component ended; starting it again', { component: component.name, code, signal, restartMs });
      timer = setTimeout(start, restartMs);
      restartMs = Math.min(restartMs * 2, LAST_RESTART_MS);
    });
  }

  start();
  return {
    async stop(graceMs: number): Promise<void> {
      stopping = true;
      clearTimeout(timer);
      const record = child?.pid === undefined ? undefined : identify(child.pid);
      if (record !== undefined) await endProcess(record, graceMs);
    },
  };
}

/** Ends what an earlier supervisor left running: it was killed, or it crashed. Pods are not touched. */
async function endLeftovers(paths: StatePaths): Promise<void> {
  const records = [...readRecords(paths.run)].filter(([name]) => name !== 'supervisor');
  await Promise.all(records.map(([, record]) => endProcess(record, 2_000)));
  for (const [name] of records) removeRecord(paths.processRecord(name));
}

/** Runs until SIGTERM or SIGINT. `tell` reaches the `portico up` that waits, if one does. */
export async function runSupervisor(
  stateDir: string,
  log: Logger,
  tell: (m: SupervisorMessage) => void,
): Promise<void> {
  const paths = statePaths(stateDir);
  const spec = readSpec(paths);
  if (spec === undefined) throw new UserError(`${paths.spec} is missing: run 'portico up'`);
  for (const dir of [paths.run, paths.logs, paths.store, paths.pki]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  await endLeftovers(paths);

  const api = openApiListener(spec, readApiPort(paths));
  writeFileSync(path.join(paths.run, 'api-port'), String(api.port), { mode: 0o600 });
  tell({ type: 'step', text: 'certificates and kubeconfigs' });
  await shareKeys(spec, paths);
  ensureCredentials(spec, paths, api.port);
  tell({ type: 'step', text: `fabric: ${spec.nodes} nodes and the control plane` });
  ensureFabric(spec);

  const names = namespaceNames(spec.name);
  const relayAt = { address: addressPlan(spec).fabric, port: 53 };
  const upstreams =
    spec.upstreamDns.length === 0
      ? hostNameservers()
      : spec.upstreamDns.flatMap((text) => {
          const upstream = parseUpstream(text);
          return upstream === undefined ? [] : [upstream];
        });
  const relay = startDnsRelay(
    { udpFd: openUdpSocketIn(names.fabric, relayAt), tcpFd: openTcpListenerIn(names.fabric, relayAt) },
    upstreams,
    log,
  );

  if (spec.runtime === 'cri') {
    // Loaded only where it is wanted: it costs every other cluster memory.
    const { prepareContainerd } = await import('./containerd.ts');
    for (const node of nodeNames(spec)) prepareContainerd(paths.containerd(node));
  }
  const running = componentsOf(spec, paths, api).map((c) => keepRunning(c, paths, log));
  tell({ type: 'started', apiPort: api.port });
  log.info('cluster started', { name: spec.name, apiPort: api.port });

  await new Promise<void>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve());
  });
  relay.close();
  await Promise.all(running.map((r) => r.stop(3_000)));
  log.info('cluster stopped', { name: spec.name });
}

/** One sentence for `up` about why the supervisor could not start. */
export function failureMessage(e: unknown): SupervisorMessage {
  return { type: 'failed', text: errorText(e), user: e instanceof UserError };
}
