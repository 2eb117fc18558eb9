// The role `proxy`: the service proxy alone, on the node it runs on, against any Kubernetes API server.
import { readFileSync, unwatchFile, watchFile, writeFileSync } from 'node:fs';

import { createClient, followServers, inClusterConfig, loadKubeconfig, type ClientConfig } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import { Registry } from '../metrics/index.ts';
import { applyProxySettings, startProxy, type ProxyConfig } from '../proxy/index.ts';
import { aborted, endOnSignal, roleLogger } from './lifecycle.ts';
import { restClientMetrics } from './rest-client-metrics.ts';

export interface ProxyRoleOptions {
  nodeName: string;
  /** `kubeconfig` in it; empty: the service account of the pod. */
  config: ProxyConfig;
  /** URL of the API server, instead of the kubeconfig's. */
  master?: string;
  /** Where the configuration came from: when its text changes the role ends. */
  configFile?: { path: string; text: string };
  nftApply?: 'netlink' | 'cli';
  /** End after the first full sync. */
  once: boolean;
}

const CONFIG_LOOK_MS = 1000;

/** Aborts when the file's text is another one. Looks at the text: mounts of ConfigMaps change by a symbolic link. */
function watchConfig(file: { path: string; text: string }, log: Logger): AbortSignal & Disposable {
  const controller = new AbortController();
  const look = () => {
    let text: string;
    try {
      text = readFileSync(file.path, 'utf8');
    } catch {
      // In the middle of a replacement, or gone: there is nothing new to start with.
      return;
    }
    if (text === file.text) return;
    log.info('the configuration file changed: ending, to be started anew with it', { file: file.path });
    controller.abort();
  };
  watchFile(file.path, { interval: CONFIG_LOOK_MS, persistent: false }, look);
  // It may have changed since it was read.
  look();
  return Object.assign(controller.signal, { [Symbol.dispose]: () => unwatchFile(file.path, look) });
}

/** Who dies first when memory is short. Lowering it needs CAP_SYS_RESOURCE. */
function applyOomScore(value: number, log: Logger): void {
  const path = '/proc/self/oom_score_adj';
  try {
    if (readFileSync(path, 'utf8').trim() === String(value)) return;
    writeFileSync(path, String(value));
  } catch (error) {
    log.warn('could not set oomScoreAdj', { value, path, error });
  }
}

/** Makes the kernel settings that need all of root's rights, and no more. Needs no API server. */
export function initProxyNode(config: ProxyConfig): void {
  applyProxySettings({ config, log: roleLogger('proxy') });
}

function clientConfig(kubeconfig: string, master: string | undefined): ClientConfig {
  if (master === undefined) return kubeconfig === '' ? inClusterConfig() : loadKubeconfig(kubeconfig);
  return kubeconfig === '' ? { server: master } : { ...loadKubeconfig(kubeconfig), server: master };
}

/** Runs until a signal, a changed configuration file, or until the first sync with `once`. Rules stay in the kernel. */
export async function runProxy(options: ProxyRoleOptions): Promise<void> {
  const { config, nodeName, nftApply, configFile } = options;
  const log = roleLogger('proxy').with({ node: nodeName });
  const signalled = endOnSignal();
  applyOomScore(config.oomScoreAdj, log);
  using changed = configFile === undefined ? undefined : watchConfig(configFile, log);
  const ended = changed === undefined ? signalled : AbortSignal.any([signalled, changed]);
  let others: readonly string[] = [];
  const metrics = new Registry();
  const client = createClient(
    {
      ...clientConfig(config.kubeconfig, options.master),
      userAgent: 'kube-proxy',
      others: () => others,
      onServer: (server) => log.warn('the API server does not answer: going on with another', { server }),
    },
    { onAnswer: restClientMetrics(metrics, 'rest_client') },
  );
  const following = followServers(client, (urls) => (others = urls), { log });
  const proxy = await startProxy({
    client,
    nodeName,
    config,
    ...(nftApply === undefined ? {} : { nftApply }),
    log,
    clock: systemClock,
    metrics,
  });
  if (options.once) await Promise.race([proxy.synced, aborted(ended)]);
  else await aborted(ended);
  await proxy.stop();
  following.stop();
  client.close();
}
