// The role `dns`: cluster DNS on its own, in a pod or anywhere, against any Kubernetes API server.
import { createClient, inClusterConfig, loadKubeconfig } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import { startDns, type DnsConfig } from '../dns/index.ts';
import { Registry } from '../metrics/index.ts';
import { aborted, endOnSignal, roleLogger } from './lifecycle.ts';

export interface DnsRoleOptions {
  /** Absent: the service account of the pod. */
  kubeconfig?: string;
  config: DnsConfig;
  version: string;
}

/** Runs until a signal, then goes on answering for the lame-duck time. */
export async function runDns(options: DnsRoleOptions): Promise<void> {
  const log = roleLogger('dns');
  const ended = endOnSignal();
  const needsApi = options.config.blocks.some((b) => b.kubernetes !== undefined);
  const client = needsApi
    ? createClient(options.kubeconfig === undefined ? inClusterConfig() : loadKubeconfig(options.kubeconfig))
    : undefined;
  const server = await startDns({
    client,
    config: options.config,
    log,
    clock: systemClock,
    metrics: new Registry(),
    version: options.version,
  });
  await aborted(ended);
  await server.stop();
  client?.close();
}
