// The role `dns`: cluster DNS on its own, in a pod or anywhere, against any Kubernetes API server.
import process from 'node:process';

import { createClient, inClusterConfig, loadKubeconfig } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import { startDns, type DnsConfig, type DnsListen } from '../dns/index.ts';
import { Registry } from '../metrics/index.ts';
import { aborted, endOnSignal, roleLogger } from './lifecycle.ts';
import { restClientMetrics } from './rest-client-metrics.ts';

export interface DnsRoleOptions {
  /** Absent: the service account of the pod. */
  kubeconfig?: string;
  config: DnsConfig;
  /** Where `config` came from: read again when it changes. */
  configFile?: string;
  snapshotFile?: string;
  listen?: DnsListen;
  version: string;
}

/** Runs until a signal, then goes on answering for the lame-duck time. SIGHUP looks at the configuration at once. */
export async function runDns(options: DnsRoleOptions): Promise<void> {
  const { kubeconfig, ...more } = options;
  const log = roleLogger('dns');
  const ended = endOnSignal();
  const needsApi = options.config.blocks.some((b) => b.kubernetes !== undefined);
  const metrics = new Registry();
  const onAnswer = restClientMetrics(metrics, 'coredns_kubernetes_rest_client');
  const client = needsApi
    ? createClient(kubeconfig === undefined ? inClusterConfig() : loadKubeconfig(kubeconfig), { onAnswer })
    : undefined;
  const server = await startDns({ ...more, client, log, clock: systemClock, metrics });
  process.on('SIGHUP', () => void server.reload());
  log.info('answering', { port: server.port });
  if (client !== undefined)
    void server.synced.then(() => log.info('the cluster is known', { ms: Math.round(performance.now()) }));
  await aborted(ended);
  await server.stop();
  client?.close();
}
