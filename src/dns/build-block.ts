// From the configuration of a server block to its chain of plugins. The order is fixed, as in CoreDNS:
// header, dns64, acl, loop, rewrite, autopath, template, transfer, hosts, static records,
// k8s_external, kubernetes, file, cache, forward.
import { readFileSync } from 'node:fs';
import type { Clock } from '../clock/index.ts';
import { formatName, ROOT } from '../dnswire/index.ts';
import type { WireName } from '../dnswire/index.ts';
import type { Logger } from '../log/index.ts';
import type { Counter } from '../metrics/index.ts';
import { chainOf } from './chain.ts';
import type { Resolve } from './chain.ts';
import { DnsConfigError } from './config/config.ts';
import type { BlockConfig, ForwardBlockConfig } from './config/config.ts';
import { parseResolvConf } from './config/resolv-conf.ts';
import type { DnsPlugin } from './plugin.ts';
import { createAutopath } from './plugins/autopath.ts';
import { createAcl } from './plugins/acl.ts';
import { createDns64 } from './plugins/dns64.ts';
import { createCache } from './plugins/cache.ts';
import type { CacheMetrics } from './plugins/cache.ts';
import { createForward } from './plugins/forward/forward.ts';
import type { ForwardConfig, ForwardMetrics } from './plugins/forward/forward.ts';
import { createLoopGuard } from './plugins/forward/loop-guard.ts';
import { createExternal } from './plugins/external/external.ts';
import { createFile } from './plugins/file/file.ts';
import { createHeader } from './plugins/header.ts';
import { createHosts } from './plugins/hosts.ts';
import type { HostsMetrics } from './plugins/hosts.ts';
import type { ClusterZone } from './plugins/kubernetes/cluster-zone.ts';
import { createKubernetesPlugin } from './plugins/kubernetes/kubernetes.ts';
import type { KubernetesPlugin } from './plugins/kubernetes/kubernetes.ts';
import { clusterTransfer } from './plugins/kubernetes/cluster-transfer.ts';
import { createRewrite } from './plugins/rewrite.ts';
import { createStaticRecords } from './plugins/static-records.ts';
import { notifyTarget, sendNotify } from './plugins/transfer/notify.ts';
import { allowedFor, createTransfer } from './plugins/transfer/transfer.ts';
import type { TransferSource } from './plugins/transfer/transfer.ts';
import { createTemplate } from './plugins/template/template.ts';
import type { TemplateMetrics } from './plugins/template/template.ts';
import { compileView } from './view/view.ts';
import type { ServerBlock } from './server/server-block.ts';

export interface BlockDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly forwardMetrics: ForwardMetrics;
  readonly cacheMetrics: CacheMetrics;
  readonly hostsMetrics: HostsMetrics;
  readonly templateMetrics: TemplateMetrics;
  readonly autopathSuccesses: Counter;
  /** The server as CoreDNS labels its metrics. */
  readonly server: string;
  /** Set when the block has a `kubernetes` section. */
  readonly clusterZone: ClusterZone | undefined;
}

export interface BuiltBlock extends ServerBlock {
  readonly plugins: readonly DnsPlugin[];
  /** To run once the sockets are open. */
  start(): void;
}

export function buildBlock(config: BlockConfig, deps: BlockDeps): BuiltBlock {
  const before: DnsPlugin[] = [];
  if (config.header !== undefined) before.push(createHeader(config.header));
  if (config.dns64 !== undefined) before.push(createDns64(config.dns64));
  if (config.acl.length > 0) before.push(createAcl(config.acl));
  const behind: DnsPlugin[] = [];
  const starts: (() => void)[] = [];
  if (config.cache !== undefined)
    behind.push(
      createCache(config.cache, {
        clock: deps.clock,
        metrics: deps.cacheMetrics,
        labels: {
          server: deps.server,
          zones: (config.cache.zones.length > 0 ? config.cache.zones : config.zones).map(formatName).join(','),
          view: config.view?.name ?? '',
        },
      }),
    );
  // The longest zone wins: put it first.
  for (const forward of config.forward.toSorted((a, b) => b.zone.length - a.zone.length)) {
    const forwarder = createForward(forwardConfig(forward), { ...deps, metrics: deps.forwardMetrics });
    behind.push(forwarder);
    if (!config.loop) continue;
    const guard = createLoopGuard(forwarder, deps);
    before.push(guard);
    starts.push(() => void guard.check());
  }
  const chain: { resolve?: Resolve } = {};
  const wholeChain: Resolve = (query) => {
    if (chain.resolve === undefined) throw new Error('a query before the chain was built');
    return chain.resolve(query);
  };
  if (config.rewrite.length > 0) before.push(createRewrite(config.rewrite));
  const { clusterZone } = deps;
  if (clusterZone !== undefined) {
    const { autopathSuccesses: successes } = deps;
    if (config.autopath !== undefined)
      before.push(createAutopath(config.autopath, { zone: clusterZone, resolve: wholeChain, successes }));
  }
  if (config.templates.length > 0) {
    const labels = { server: deps.server, view: config.view?.name ?? '' };
    before.push(
      createTemplate(config.templates, { resolve: wholeChain, metrics: deps.templateMetrics, log: deps.log, labels }),
    );
  }
  const sources: TransferSource[] = clusterZone === undefined ? [] : [clusterTransfer(clusterZone)];
  before.push(createTransfer(sources, config.transfer));
  if (config.hosts !== undefined) before.push(createHosts(config.hosts, deps));
  if (config.records.length > 0) before.push(createStaticRecords(config.records, wholeChain));
  if (config.external !== undefined) {
    if (clusterZone === undefined)
      throw new DnsConfigError('k8s_external needs the kubernetes plugin in the same server block');
    const external = createExternal(config.external, { cluster: clusterZone, resolve: wholeChain });
    sources.push(external);
    before.push(external);
  }
  let kubernetes: KubernetesPlugin | undefined;
  if (clusterZone !== undefined)
    kubernetes = createKubernetesPlugin({
      zone: clusterZone,
      recursion: config.forward.length > 0,
      resolve: wholeChain,
    });
  if (config.files.length > 0) {
    const onChange = ({ origin }: { origin: WireName }) => {
      for (const to of allowedFor(config.transfer, origin)) {
        const target = notifyTarget(to);
        if (target !== undefined) sendNotify(origin, target, deps);
      }
    };
    const file = createFile(config.files, { clock: deps.clock, log: deps.log, resolve: wholeChain, onChange });
    sources.push(file);
    starts.push(() => file.start());
    behind.unshift(file);
  }
  const plugins = [...before, ...(kubernetes === undefined ? [] : [kubernetes]), ...behind];
  const resolve = chainOf(plugins);
  chain.resolve = resolve;
  return {
    zones: config.zones,
    resolve,
    kubernetes,
    before,
    plugins,
    label: formatName(config.zones[0] ?? ROOT),
    view: config.view?.name ?? '',
    ...(config.view === undefined ? {} : { takes: compileView(config.view) }),
    start: () => {
      for (const start of starts) start();
    },
  };
}

function forwardConfig(config: ForwardBlockConfig): ForwardConfig {
  const upstreams = config.to.flatMap((to) => ('file' in to ? readResolvers(to.file) : [to]));
  return { ...config, upstreams };
}

function readResolvers(file: string) {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new DnsConfigError(`forward: cannot read ${file}; give the upstream addresses instead`, { cause: error });
  }
  return parseResolvConf(text);
}
