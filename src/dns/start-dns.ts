// Starts a DNS server: watches the cluster, opens the sockets, and is stopped so that no question is lost.
import type { Client } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import { silentLogger } from '../log/index.ts';
import { exponentialBounds, Gauge, Histogram, Registry } from '../metrics/index.ts';
import { DnsConfigError } from './config/config.ts';
import type { DnsConfig, KubernetesConfig } from './config/config.ts';
import { watchConfig } from './config/watch-config.ts';
import type { ConfigWatch } from './config/watch-config.ts';
import { Engine } from './engine.ts';
import { openCluster } from './plugins/kubernetes/cluster.ts';
import type { Cluster } from './plugins/kubernetes/cluster.ts';
import { watchHealth, type HealthCheck } from './server/health-check.ts';
import type { Pages } from './server/pages.ts';
import { mergeMetrics } from './server/merge-metrics.ts';
import { openSockets } from './server/sockets.ts';
import type { Sockets } from './server/sockets.ts';
import { Workers } from './workers.ts';

export interface DnsListen {
  /** Default: the configuration's, else every address, IPv4 and IPv6. */
  readonly addresses?: readonly string[];
  /** Default: the configuration's. 0 picks a free one. */
  readonly port?: number;
  readonly reusePort?: boolean;
  /** Threads that answer on the port together. Default: the configuration's, else 1. */
  readonly workers?: number;
  /** Receive and send many packets a system call, on Linux. Default true. */
  readonly batch?: boolean;
}

export interface DnsOptions {
  /** Any Kubernetes API server; undefined: no cluster, for configurations without a `kubernetes` section. */
  readonly client: Client | undefined;
  readonly config: DnsConfig;
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly metrics?: Registry;
  readonly listen?: DnsListen;
  readonly version?: string;
  /** Where `config` came from: read again when it changes. */
  readonly configFile?: string;
  /** Keeps what was last seen of the cluster, for a start without the API server. */
  readonly snapshotFile?: string;
  /** A watch that is silent for longer makes the server not ready. */
  readonly staleAfterMs?: number;
}

export interface StopOptions {
  /** Default: the configuration's. */
  readonly lameduckMs?: number;
  /** Clients that still come after that time are answered, for at most so long. Default: as the lame-duck time. */
  readonly lingerMs?: number;
  /** How long to wait for answers from upstream servers after that. */
  readonly drainMs?: number;
}

export interface DnsServer {
  /** The port of UDP and TCP. */
  readonly port: number;
  readonly httpPorts: { readonly health?: number; readonly ready?: number; readonly metrics?: number };
  /** Undefined when ready, else what is missing. */
  notReady(): string | undefined;
  /** Resolves when the first complete list of the cluster is in the answers. */
  readonly synced: Promise<void>;
  /** Looks at the configuration file now; otherwise it is looked at from time to time. */
  reload(): Promise<void>;
  /**
   * Goes on answering for the lame-duck time while it reports not ready, and while questions still come, then ends when
   * all answers are out.
   */
  stop(options?: StopOptions): Promise<void>;
}

const VERSION = '0.1.0';
const STALE_AFTER_MS = 180_000;
/** How long a reload waits for the first list of a changed kubernetes section. */
const NEW_VIEW_MS = 5000;
/** No upstream is waited for longer than this. */
const DRAIN_MS = 5000;

const workersOf = ({ listen, config }: DnsOptions): number => listen?.workers ?? config.sockets ?? 1;

/** @throws DnsConfigError that says what is in the way. */
export async function startDns(options: DnsOptions): Promise<DnsServer> {
  const server = new Server(options);
  try {
    await server.listen();
  } catch (error) {
    await server.stop({ lameduckMs: 0 });
    throw error;
  }
  return server;
}

class Server implements DnsServer {
  port = 0;
  readonly synced: Promise<void>;
  readonly #options: DnsOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #registry: Registry;
  readonly #engine: Engine;
  /** Views of the cluster by what they watch: a reload that leaves this alone keeps them. */
  #clusters = new Map<string, Cluster>();
  readonly #programmed: Histogram;
  readonly #configWatch: ConfigWatch | undefined;
  readonly #workers: Workers | undefined;
  #sockets: Sockets | undefined;
  #pages: Pages | undefined;
  #health: HealthCheck | undefined;
  #stopping = false;

  constructor(options: DnsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLogger;
    this.#registry = options.metrics ?? new Registry();
    const version = options.version ?? VERSION;
    const register = this.#registry.register.bind(this.#registry);
    register(new Gauge('coredns_build_info', 'Version of the server.')).set(1, {
      version,
      revision: '',
      goversion: '',
    });
    this.#programmed = register(
      new Histogram(
        'coredns_kubernetes_dns_programming_duration_seconds',
        'Time from a change of endpoints to its answers.',
        exponentialBounds(0.001, 2, 20),
      ),
    );
    register(
      new Gauge('portico_dns_watch_idle_seconds', 'Time since the API server last gave a sign of life.', (gauge) => {
        for (const cluster of this.#clusters.values())
          for (const [resource, idle] of cluster.idleMs()) gauge.set(idle / 1000, { resource });
      }),
    );
    register(
      new Gauge('portico_dns_snapshot_in_use', '1 while answers come from the snapshot file.', (gauge) => {
        const inUse = [...this.#clusters.values()].some((cluster) => cluster.snapshotOf !== undefined);
        gauge.set(inUse ? 1 : 0);
      }),
    );
    for (const warning of options.config.warnings) this.#log.warn(warning);
    if (workersOf(options) > 1) this.#workers = new Workers(this.#log);
    try {
      this.#engine = new Engine({
        config: options.config,
        registry: this.#registry,
        clock: this.#clock,
        log: this.#log,
        version,
        zoneOf: (config) => this.#clusterOf(config).zone,
      });
    } catch (error) {
      // The views of the cluster that were opened for it are of no use.
      for (const cluster of this.#clusters.values()) cluster.stop();
      throw error;
    }
    this.synced = Promise.all([...this.#clusters.values()].map((cluster) => cluster.synced)).then(() => undefined);
    if (options.configFile !== undefined)
      this.#configWatch = watchConfig({
        file: options.configFile,
        clock: this.#clock,
        log: this.#log,
        metrics: this.#registry,
        intervalMs: () => this.#engine.config.reloadMs,
        apply: (config) => this.#reconfigure(config),
      });
  }

  #clusterOf(config: KubernetesConfig): Cluster {
    const { client, snapshotFile } = this.#options;
    if (client === undefined)
      throw new DnsConfigError('the configuration has a kubernetes section: give --kubeconfig, or run in a cluster');
    const id = JSON.stringify(config);
    let cluster = this.#clusters.get(id);
    if (cluster === undefined) {
      cluster = openCluster(config, {
        client,
        clock: this.#clock,
        log: this.#log,
        onProgrammed: (seconds, kind) => this.#programmed.observe(seconds, { service_kind: kind }),
        staleAfterMs: this.#options.staleAfterMs ?? STALE_AFTER_MS,
        ...(snapshotFile === undefined ? {} : { snapshotFile }),
        ...(this.#workers === undefined ? {} : { also: this.#workers.sinkOf(id, config) }),
      });
      const known = () => this.#workers?.known(id);
      if (cluster.snapshotOf === undefined) void cluster.synced.then(known);
      else known();
      this.#clusters.set(id, cluster);
    }
    return cluster;
  }

  async #reconfigure(config: DnsConfig): Promise<void> {
    if (config.port !== this.#engine.config.port)
      this.#log.warn('another port takes effect with the next start', { port: config.port });
    if (String(config.addresses) !== String(this.#engine.config.addresses))
      this.#log.warn('other addresses take effect with the next start', { addresses: config.addresses ?? 'all' });
    if (config.sockets !== this.#engine.config.sockets)
      this.#log.warn('another number of sockets takes effect with the next start', { sockets: config.sockets ?? 1 });
    for (const warning of config.warnings) this.#log.warn(warning);
    const before = new Set(this.#clusters.keys());
    const wanted = new Map(
      config.blocks.flatMap((b) => (b.kubernetes === undefined ? [] : [[JSON.stringify(b.kubernetes), b.kubernetes]])),
    );
    const keepOnly = (ids: ReadonlySet<string>) => {
      for (const [id, cluster] of this.#clusters) {
        if (ids.has(id)) continue;
        cluster.stop();
        this.#clusters.delete(id);
      }
    };
    try {
      // The old answers stay until the new view is complete, or is not going to be soon.
      const views = Array.from(wanted.values(), (kubernetes) => this.#clusterOf(kubernetes).synced);
      const late = Promise.withResolvers<void>();
      const timer = this.#clock.after(NEW_VIEW_MS, () => late.resolve());
      await Promise.race([Promise.all(views), late.promise]);
      this.#clock.clear(timer);
      this.#engine.reconfigure(config);
      this.#workers?.reconfigure(config);
    } catch (error) {
      keepOnly(before);
      throw error;
    }
    keepOnly(new Set(wanted.keys()));
  }

  get httpPorts(): DnsServer['httpPorts'] {
    return this.#pages?.ports ?? {};
  }

  /** Looks at the configuration file now instead of at the next interval. */
  async reload(): Promise<void> {
    await this.#configWatch?.check();
  }

  async listen(): Promise<void> {
    const { listen = {} } = this.#options;
    const workers = workersOf(this.#options);
    const addresses = listen.addresses ?? this.#engine.config.addresses;
    const options = {
      ...(addresses === undefined ? {} : { addresses }),
      reusePort: listen.reusePort ?? workers > 1,
      batch: listen.batch ?? true,
    };
    const port = listen.port ?? this.#engine.config.port;
    this.#sockets = await openSockets(
      this.#engine.responder,
      { ...options, port },
      { clock: this.#clock, log: this.#log },
    );
    this.port = this.#sockets.port;
    this.#engine.start();
    await this.#workers?.start(workers - 1, {
      ...options,
      config: this.#engine.config,
      port: this.port,
      version: this.#options.version ?? VERSION,
    });
    await this.#openPages();
  }

  async #openPages(): Promise<void> {
    const { health, ready, metrics } = this.#engine.config;
    if (health === undefined && ready === undefined && metrics === undefined) return;
    const { openPages } = await import('./server/pages.ts');
    this.#pages = await openPages(this.#engine.config, {
      notReady: () => this.notReady(),
      metrics: () => this.#metricsPage(),
    });
    const { health: port } = this.#pages.ports;
    if (health !== undefined && port !== undefined)
      this.#health = watchHealth({ address: health.address, port }, this.#clock, this.#registry);
  }

  async #metricsPage(): Promise<string> {
    const own = this.#registry.render();
    return this.#workers === undefined ? own : mergeMetrics([own, ...(await this.#workers.metrics())]);
  }

  notReady(): string | undefined {
    if (this.#stopping) return 'stopping';
    for (const cluster of this.#clusters.values()) {
      const why = cluster.notReady();
      if (why !== undefined) return why;
    }
    return undefined;
  }

  async stop(options: StopOptions = {}): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const lameduckMs = options.lameduckMs ?? this.#engine.config.health?.lameduckMs ?? 0;
    if (lameduckMs > 0) await new Promise<void>((resolve) => this.#clock.after(lameduckMs, resolve));
    const limits = { lingerMs: options.lingerMs ?? lameduckMs, drainMs: options.drainMs ?? DRAIN_MS };
    await Promise.all([this.#sockets?.close(limits), this.#workers?.stop(limits)]);
    this.#health?.stop();
    this.#pages?.close();
    this.#configWatch?.stop();
    for (const cluster of this.#clusters.values()) cluster.stop();
    this.#engine.stop();
  }
}
