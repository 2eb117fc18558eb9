// The role `proxy`: the service proxy alone, on the node it runs on, against any Kubernetes API server.
import { createClient, inClusterConfig, loadKubeconfig } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import { Registry } from '../metrics/index.ts';
import { startProxy, type ProxyConfig } from '../proxy/index.ts';
import { aborted, endOnSignal, roleLogger } from './lifecycle.ts';

export interface ProxyRoleOptions {
  nodeName: string;
  /** `kubeconfig` in it; empty: the service account of the pod. */
  config: ProxyConfig;
  nftApply?: 'netlink' | 'cli';
  /** End after the first full sync. */
  once: boolean;
}

/** Runs until a signal, or until the first sync with `once`. Rules stay in the kernel. */
export async function runProxy(options: ProxyRoleOptions): Promise<void> {
  const log = roleLogger('proxy').with({ node: options.nodeName });
  const ended = endOnSignal();
  const client = createClient(
    options.config.kubeconfig === '' ? inClusterConfig() : loadKubeconfig(options.config.kubeconfig),
  );
  const proxy = await startProxy({
    client,
    nodeName: options.nodeName,
    config: options.config,
    ...(options.nftApply === undefined ? {} : { nftApply: options.nftApply }),
    log,
    clock: systemClock,
    metrics: new Registry(),
  });
  if (options.once) await proxy.synced;
  else await aborted(ended);
  await proxy.stop();
  client.close();
}
