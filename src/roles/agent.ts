// The role `agent`: one per node, in that node's network namespace. Pod network, pods and service proxy share the
// process; the proxy has an identity of its own.
import path from 'node:path';

import { createClient, type ClientConfig } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import { serveCni } from '../cni/index.ts';
import { Registry } from '../metrics/index.ts';
import type { CertificateAndKey } from '../pki/index.ts';
import { startNodeAgent } from '../node/index.ts';
import { startPodNetwork, type NetworkMode } from '../podnet/index.ts';
import { startProxy, type ProxyConfig } from '../proxy/index.ts';
import { awaitRemoval, leaveCluster } from './leave-cluster.ts';
import { aborted, endOnSignal, roleLogger } from './lifecycle.ts';

/** Who the agent is, however it came by it. */
export interface AgentIdentity {
  readonly client: ClientConfig;
  readonly proxy: ClientConfig;
  /** Certificate of the agent's own API. */
  readonly serving: CertificateAndKey;
  /** Who may call it. */
  readonly clientCaPem: string;
  /** Calls with each renewed certificate. */
  readonly onServing?: (use: (pair: CertificateAndKey) => void) => void;
  /** The host is no longer a node. */
  readonly forget?: () => void;
  readonly stop?: () => void;
}

export interface AgentOptions {
  clusterName: string;
  clusterDomain: string;
  clusterDns: readonly string[];
  nodeName: string;
  nodeIps: () => readonly string[];
  identity: AgentIdentity;
  stateDir: string;
  imagesFile?: string;
  /** Where the CNI plugin of this host finds the agent; left out: no plugin. */
  cniSocket?: string;
  /** The socket of a container runtime that runs the pods; left out: process trees. */
  criEndpoint?: string;
  /** Control groups of that runtime's pods. */
  criCgroupParent?: string | undefined;
  network: NetworkMode;
  uplink: string;
  heartbeatMs?: number | undefined;
  podCidrs: readonly string[];
  serviceCidrs: readonly string[];
  proxy: ProxyConfig;
}

/** How soon the node turns Ready once its pod network is. */
const READY_LOOK_MS = 10;

/** Runs until a signal. Pods and rules stay when it ends: the next agent takes them over. */
export async function runAgent(options: AgentOptions): Promise<void> {
  const log = roleLogger('agent').with({ node: options.nodeName });
  const ended = endOnSignal();
  const { identity } = options;
  const client = createClient({ ...identity.client, userAgent: 'kubelet' });
  const proxyClient = createClient({ ...identity.proxy, userAgent: 'kube-proxy' });

  const podNetwork = await startPodNetwork({
    client,
    nodeName: options.nodeName,
    clusterName: options.clusterName,
    network: options.network,
    podCidrs: options.podCidrs,
    serviceCidrs: options.serviceCidrs,
    uplink: options.uplink,
    stateDir: path.join(options.stateDir, 'network'),
    // Who is asked outside the cluster (its nameservers, its API server) has no way back to a pod's own address.
    masquerade: true,
    log: log.with({ room: 'podnet' }),
  });
  const cni =
    options.cniSocket === undefined
      ? undefined
      : await serveCni({ socket: options.cniSocket, network: podNetwork, log: log.with({ room: 'cni' }) });
  const [agent, proxy] = await Promise.all([
    startNodeAgent({
      client,
      nodeName: options.nodeName,
      nodeIps: options.nodeIps,
      podNetwork,
      stateDir: path.join(options.stateDir, 'pods'),
      clusterName: options.clusterName,
      clusterDns: options.clusterDns,
      clusterDomain: options.clusterDomain,
      kubeletTls: {
        ...identity.serving,
        clientCaPem: identity.clientCaPem,
      },
      heartbeatMs: options.heartbeatMs,
      log: log.with({ room: 'node' }),
      ...(options.imagesFile === undefined ? {} : { imagesFile: options.imagesFile }),
      ...(options.criEndpoint === undefined ? {} : { criEndpoint: options.criEndpoint }),
      criCgroupParent: options.criCgroupParent,
    }),
    startProxy({
      client: proxyClient,
      nodeName: options.nodeName,
      config: options.proxy,
      log: log.with({ room: 'proxy' }),
      clock: systemClock,
      metrics: new Registry(),
    }),
  ]);
  const untilReady = setInterval(() => {
    if (!podNetwork.ready()) return;
    clearInterval(untilReady);
    agent.networkChanged();
  }, READY_LOOK_MS);

  identity.onServing?.((pair) => agent.setServing(pair));
  const removal = identity.forget === undefined ? undefined : awaitRemoval(client, options.nodeName, log);

  const removed = await Promise.race([aborted(ended), removal?.asked ?? new Promise<never>(() => undefined)]);
  clearInterval(untilReady);
  removal?.stop();
  if (removed === 'removed') {
    await leaveCluster(options, { client, agent, proxy, podNetwork, log });
  } else {
    await Promise.all([agent.stop(), proxy.stop()]);
    podNetwork.stop();
  }
  // Last: a runtime that takes pods down asks for their networks to be removed.
  await cni?.close();
  identity.stop?.();
  client.close();
  proxyClient.close();
}
