// The node agent: wires registration, the workers of the node's pods, the runtime and the HTTPS API together.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pods, services, type Pod, type Service } from '../api/objects.ts';
import { createEventRecorder, createInformer } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import type { NodeAgent, NodeAgentOptions, PodNetwork } from './contract.ts';
import { HostPorts } from './host-ports/host-ports.ts';
import { leaveHost } from './leave-host.ts';
import { openNodeRuntime } from './node-runtime.ts';
import { NodeRegistration } from './node-registration.ts';
import { rejectionOf } from './pod/admission.ts';
import { parseResolvConf } from './pod/dns-config.ts';
import type { PodContext } from './pod/pod-context.ts';
import { PodWorker } from './pod/pod-worker.ts';
import { isFinished, podKey } from './pod/pod-spec.ts';
import type { ServiceForEnv } from './pod/service-env.ts';
import { createGate } from './pod/start-gate.ts';
import type { ContainerRuntime } from './runtime/contract.ts';
import { StartCounters } from './server/kubelet-metrics.ts';
import { startKubeletServer } from './server/kubelet-server.ts';
import { ObjectCache } from './volumes/object-cache.ts';
import { TokenSource } from './volumes/token-source.ts';
import { localVolumesDir } from './volumes/local-volumes-dir.ts';
import { startVolumeSweep } from './volumes/volume-sweep.ts';

const DEFAULT_MAX_PODS = 110;
/** Starts at a time on one node: more only makes every one of them slower. */
const PARALLEL_STARTS = 4;

/** A kernel that was started without IPv6 has no such sockets. */
const everyAddress = (): string => (existsSync('/proc/net/if_inet6') ? '::' : '0.0.0.0');

/** Reads a file of the host that pods get a copy of. */
function readHostFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

export async function startNodeAgent(o: NodeAgentOptions): Promise<NodeAgent> {
  const clock = o.clock ?? systemClock;
  const log = o.log.with({ component: 'node', node: o.nodeName });
  mkdirSync(o.stateDir, { recursive: true, mode: 0o700 });
  const objects = new ObjectCache(o.client, clock);
  const { runtime, version, podNetwork, resolveImage } = await openNodeRuntime(o, { clock, log, objects });

  const events = createEventRecorder(o.client, { component: 'kubelet', host: o.nodeName, clock, log });
  const workers = new Map<string, PodWorker>();
  const starts = new StartCounters();
  const server =
    o.kubeletTls === undefined
      ? undefined
      : await startKubeletServer({
          tls: o.kubeletTls,
          host: o.listen?.host ?? everyAddress(),
          port: o.listen?.port ?? 10250,
          log,
          clock,
          runtime,
          findPod: (namespace, name) => [...workers.values()].find((w) => podKey(w.pod) === `${namespace}/${name}`),
          pods: () => [...workers.values()].map((w) => w.pod),
          nodeName: o.nodeName,
          starts,
        });

  const registration = new NodeRegistration({
    client: o.client,
    clock,
    log,
    name: o.nodeName,
    ips: o.nodeIps,
    labels: o.labels ?? {},
    maxPods: o.maxPods ?? DEFAULT_MAX_PODS,
    stateDir: o.stateDir,
    heartbeatMs: o.heartbeatMs,
    kubeletPort: server?.port,
    runtimeVersion: version,
    networkProblem: () =>
      podNetwork.ready() ? undefined : (podNetwork.problem?.() ?? 'the pod network is not ready yet'),
    peers: () => o.podNetwork.peers?.(),
    onReady: () => {
      for (const worker of workers.values()) worker.look();
    },
  });

  const hostPorts = new HostPorts({ stateFile: path.join(o.stateDir, 'host-ports.json'), clock, log });
  const informerOptions = { clock, log };
  const serviceInformer = createInformer(o.client, services, { ...informerOptions, transform: serviceForEnv });
  const podInformer = createInformer(o.client, pods, {
    ...informerOptions,
    fieldSelector: `spec.nodeName=${o.nodeName}`,
  });
  const ctx: PodContext = {
    client: o.client,
    runtime,
    podNetwork,
    hostPorts,
    clock,
    log,
    events,
    starts,
    objects,
    tokens: new TokenSource(o.client, clock),
    nodeName: o.nodeName,
    nodeIps: o.nodeIps,
    admit: async (pod) => {
      const others = () => [...workers.values()].filter((w) => w.isActive).map((w) => w.pod);
      const rejection = rejectionOf(pod, await registration.node(false), others());
      // Labels and taints may be newer than what was seen of them.
      return rejection === undefined ? undefined : rejectionOf(pod, await registration.node(true), others());
    },
    allocatable: { cpu: registration.machine.cpus, memory: registration.machine.memoryBytes },
    stateDir: o.stateDir,
    dns: () => ({
      clusterDns: o.clusterDns,
      clusterDomain: o.clusterDomain,
      host: parseResolvConf(readHostFile('/etc/resolv.conf')),
    }),
    hostsFile: () => readHostFile('/etc/hosts'),
    services: () => serviceInformer.items.values(),
    resolveImage,
    startGate: createGate(PARALLEL_STARTS),
  };

  let hasServices = false;
  const create = (pod: Pod) => {
    const worker = new PodWorker(pod, ctx, (gone) => {
      if (workers.get(gone.uid) === gone) workers.delete(gone.uid);
    });
    workers.set(pod.metadata.uid, worker);
    // Service variables must be complete: pods wait for the first list of services.
    if (hasServices) worker.look();
  };
  const onPod = (before: Pod | undefined, after: Pod | undefined) => {
    if (before !== undefined && before.metadata.uid !== after?.metadata.uid) workers.get(before.metadata.uid)?.gone();
    if (after === undefined) return;
    const worker = workers.get(after.metadata.uid);
    if (worker === undefined) create(after);
    else if (hasServices) worker.update(after);
  };
  podInformer.onChange(({ before, after }) => onPod(before, after));
  const losses = podNetwork.onLoss?.((uid) => workers.get(uid)?.look());
  const exits = runtime.onExit((container) => workers.get(container.pod.uid)?.containerExited(container));

  let werePeersReachable = true;
  const peers = o.podNetwork.onPeersChange?.(() => {
    registration.refresh();
    const now = o.podNetwork.peers?.();
    if (now === undefined || (now.reachable && werePeersReachable)) return;
    werePeersReachable = now.reachable;
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: o.nodeName, uid: o.nodeName } };
    events.event(node, now.reachable ? 'Normal' : 'Warning', now.reason, now.message);
  });
  registration.start();
  const volumeSweep = startVolumeSweep({ client: o.client, clock, log, dir: localVolumesDir(o.stateDir) });
  const starting = (async () => {
    await Promise.all([podInformer.synced(), serviceInformer.synced()]);
    hasServices = true;
    await removeLeftovers(runtime, podNetwork, workers, hostPorts, o);
    for (const worker of workers.values()) worker.look();
  })();
  starting.catch((error: unknown) => log.error('the pods of this node could not be listed', { error }));

  const stopWatching = () => {
    registration.stop();
    volumeSweep[Symbol.dispose]();
    podInformer.stop();
    serviceInformer.stop();
    exits[Symbol.dispose]();
    losses?.[Symbol.dispose]();
    peers?.[Symbol.dispose]();
    for (const worker of workers.values()) worker.stop();
  };
  const close = async () => {
    hostPorts.stop();
    await server?.close();
    events.stop();
    await runtime.close();
  };
  return {
    port: server?.port,
    networkChanged: () => registration.networkChanged(),
    setServing: (pair) => server?.setServing(pair),
    async leave() {
      stopWatching();
      workers.clear();
      await removeLeftovers(runtime, podNetwork, workers, hostPorts, o);
      hostPorts.stop();
      await leaveHost({});
      await close();
    },
    async stop() {
      stopWatching();
      await close();
    },
  };
}

/** Pods that were deleted while no agent ran: their processes, files and networks go. */
async function removeLeftovers(
  runtime: ContainerRuntime,
  podNetwork: PodNetwork,
  workers: ReadonlyMap<string, PodWorker>,
  hostPorts: HostPorts,
  o: NodeAgentOptions,
): Promise<void> {
  for (const uid of runtime.podUids()) {
    if (workers.has(uid)) continue;
    for (const c of runtime.containers(uid)) await runtime.kill(c.id);
    await runtime.removePod(uid);
  }
  removeUnknown(path.join(o.stateDir, 'pods'), (name) => workers.has(name));
  removeUnknown(path.join(o.stateDir, 'logs', 'pods'), (name) => workers.has(name.slice(name.lastIndexOf('_') + 1)));
  const attached = new Set([...workers.values()].filter((w) => !isFinished(w.pod)).map((w) => w.uid));
  await hostPorts.retain(attached);
  if (podNetwork.ready()) await podNetwork.retain(attached);
}

/** Folders are named after pods; those of pods that are gone go. */
function removeUnknown(dir: string, isKnown: (name: string) => boolean): void {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch {
    return;
  }
  for (const name of names) if (!isKnown(name)) rmSync(path.join(dir, name), { recursive: true, force: true });
}

function serviceForEnv(s: Service): ServiceForEnv {
  return {
    namespace: s.metadata.namespace ?? 'default',
    name: s.metadata.name,
    clusterIp: s.spec?.clusterIP ?? '',
    ports: (s.spec?.ports ?? []).map((p) => ({ name: p.name ?? '', port: p.port, protocol: p.protocol ?? 'TCP' })),
  };
}
