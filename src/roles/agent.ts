// The role `agent`: one per node, in that node's network namespace. Pod network, pods and service proxy share the
// process; the proxy has an identity of its own.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { createClient, loadKubeconfig } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import { Registry } from '../metrics/index.ts';
import { startNodeAgent } from '../node/index.ts';
import { startPodNetwork, type NetworkMode } from '../podnet/index.ts';
import { startProxy, type ProxyConfig } from '../proxy/index.ts';
import { aborted, endOnSignal, roleLogger } from './lifecycle.ts';

export interface AgentOptions {
  clusterName: string;
  clusterDomain: string;
  clusterDns: readonly string[];
  nodeName: string;
  nodeIps: readonly string[];
  kubeconfig: string;
  proxyKubeconfig: string;
  tls: { certFile: string; keyFile: string; clientCaFile: string };
  stateDir: string;
  imagesFile?: string;
  network: NetworkMode;
  uplink: string;
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
  const client = createClient(loadKubeconfig(options.kubeconfig));
  const proxyClient = createClient(loadKubeconfig(options.proxyKubeconfig));
  const pem = (file: string) => readFileSync(file, 'utf8');

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
        certPem: pem(options.tls.certFile),
        keyPem: pem(options.tls.keyFile),
        clientCaPem: pem(options.tls.clientCaFile),
      },
      log: log.with({ room: 'node' }),
      ...(options.imagesFile === undefined ? {} : { imagesFile: options.imagesFile }),
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

  await aborted(ended);
  clearInterval(untilReady);
  await Promise.all([agent.stop(), proxy.stop()]);
  podNetwork.stop();
  client.close();
  proxyClient.close();
}
