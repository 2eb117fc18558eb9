// Configuration and cluster views made into a responder; can take another configuration while it answers.
import { hostname } from 'node:os';
import type { Clock } from '../clock/index.ts';
import { Rcode } from '../dnswire/index.ts';
import type { Logger } from '../log/index.ts';
import { Counter, Gauge } from '../metrics/index.ts';
import type { Registry } from '../metrics/index.ts';
import { buildBlock } from './build-block.ts';
import type { BuiltBlock } from './build-block.ts';
import type { DnsConfig, KubernetesConfig } from './config/config.ts';
import { autopathCounter } from './plugins/autopath.ts';
import { CacheMetrics } from './plugins/cache.ts';
import { ForwardMetrics } from './plugins/forward/forward.ts';
import { HostsMetrics } from './plugins/hosts.ts';
import { TemplateMetrics } from './plugins/template/template.ts';
import type { ClusterZone } from './plugins/kubernetes/cluster-zone.ts';
import { formatQueryLog } from './server/query-log.ts';
import { QueryMetrics } from './server/query-metrics.ts';
import { Responder } from './server/responder.ts';
import type { QueryLogEntry, ResponderOptions } from './server/responder.ts';

export interface EngineOptions {
  readonly config: DnsConfig;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  /** The view of the cluster for a `kubernetes` section. */
  readonly zoneOf: (config: KubernetesConfig) => ClusterZone;
}

/** Old plugins may still have questions under way after a reload. */
const LINGER_MS = 6000;

export class Engine {
  readonly responder: Responder;
  config: DnsConfig;
  #blocks: BuiltBlock[];
  readonly #options: EngineOptions;
  readonly #queryMetrics: QueryMetrics;
  readonly #panics: Counter;
  readonly #forwardMetrics: ForwardMetrics;
  readonly #cacheMetrics: CacheMetrics;
  readonly #hostsMetrics: HostsMetrics;
  readonly #templateMetrics: TemplateMetrics;
  readonly #autopathSuccesses: Counter;
  readonly #enabled: Gauge;
  #started = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.config = options.config;
    const { registry } = options;
    this.#panics = registry.register(
      new Counter('coredns_panics_total', 'Queries that failed by a mistake of the server.'),
    );
    this.#panics.inc({}, 0);
    this.#queryMetrics = new QueryMetrics(registry, `dns://:${options.config.port}`);
    this.#forwardMetrics = new ForwardMetrics(registry);
    this.#cacheMetrics = new CacheMetrics(registry);
    this.#hostsMetrics = new HostsMetrics(registry);
    this.#templateMetrics = new TemplateMetrics(registry);
    this.#autopathSuccesses = autopathCounter(registry);
    this.#enabled = registry.register(new Gauge('coredns_plugin_enabled', '1 for each plugin of a server block.'));
    this.#blocks = this.#build(options.config);
    this.responder = new Responder(this.#responderOptions());
  }

  /** Begins what needs open sockets. */
  start(): void {
    this.#started = true;
    for (const block of this.#blocks) block.start();
  }

  /** @throws DnsConfigError, and then everything stays as it was. */
  reconfigure(config: DnsConfig): void {
    const blocks = this.#build(config);
    const old = this.#blocks;
    this.#blocks = blocks;
    this.config = config;
    this.responder.reconfigure(this.#responderOptions());
    if (this.#started) for (const block of blocks) block.start();
    this.#options.clock.after(LINGER_MS, () => stopPlugins(old));
  }

  stop(): void {
    stopPlugins(this.#blocks);
  }

  #build(config: DnsConfig): BuiltBlock[] {
    const { clock, log, zoneOf } = this.#options;
    const server = `dns://:${config.port}`;
    const blocks = config.blocks.map((block) =>
      buildBlock(block, {
        clock,
        log,
        forwardMetrics: this.#forwardMetrics,
        cacheMetrics: this.#cacheMetrics,
        hostsMetrics: this.#hostsMetrics,
        templateMetrics: this.#templateMetrics,
        autopathSuccesses: this.#autopathSuccesses,
        server,
        clusterZone: block.kubernetes === undefined ? undefined : zoneOf(block.kubernetes),
      }),
    );
    for (const block of blocks)
      for (const plugin of block.plugins)
        this.#enabled.set(1, { server, zone: block.label, view: block.view, name: plugin.name });
    return blocks;
  }

  #responderOptions(): ResponderOptions {
    const { clock, log, version } = this.#options;
    const { queryLog, maxUdpSize, blocks } = this.config;
    const wanted = (entry: QueryLogEntry) =>
      queryLog === 'all' ||
      (queryLog === 'denial' && entry.rcode === Rcode.NXDOMAIN) ||
      (entry.rcode !== Rcode.NOERROR && entry.rcode !== Rcode.NXDOMAIN);
    const logQuery = (entry: QueryLogEntry) => {
      if (wanted(entry)) log.info(formatQueryLog(entry));
    };
    return {
      blocks: this.#blocks,
      maxUdpSize,
      recursion: blocks.some((block) => block.forward.length > 0),
      serverId: hostname(),
      version: `Portico-${version}`,
      port: this.config.port,
      metrics: this.#queryMetrics,
      clock,
      log,
      onPanic: () => this.#panics.inc(),
      ...(queryLog === 'off' ? {} : { queryLog: logQuery }),
    };
  }
}

function stopPlugins(blocks: readonly BuiltBlock[]): void {
  for (const block of blocks) for (const plugin of block.plugins) plugin.stop?.();
}
