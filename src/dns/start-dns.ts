// Starts a DNS server: watches the cluster, opens the sockets, and is stopped so that no question is lost.
import { hostname, networkInterfaces } from 'node:os';
import type { Client } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import type { Clock } from '../clock/index.ts';
import { Rcode } from '../dnswire/index.ts';
import type { Logger } from '../log/index.ts';
import { silentLogger } from '../log/index.ts';
import { Counter, Gauge, Histogram, Registry } from '../metrics/index.ts';
import { buildBlock } from './build-block.ts';
import type { BuiltBlock } from './build-block.ts';
import { DnsConfigError } from './config/config.ts';
import type { DnsConfig, KubernetesConfig } from './config/config.ts';
import { autopathCounter } from './plugins/autopath.ts';
import { CacheMetrics } from './plugins/cache.ts';
import { ForwardMetrics } from './plugins/forward/forward.ts';
import { ClusterRecords } from './plugins/kubernetes/cluster-records.ts';
import { ClusterZone } from './plugins/kubernetes/cluster-zone.ts';
import { watchObjects } from './plugins/kubernetes/watch-objects.ts';
import type { ObjectWatch } from './plugins/kubernetes/watch-objects.ts';
import type { HttpListener } from './server/http.ts';
import { QueryMetrics } from './server/query-metrics.ts';
import { Responder } from './server/responder.ts';
import type { QueryLogEntry, ResponderOptions } from './server/responder.ts';
import { formatQueryLog } from './server/query-log.ts';
import { listenTcp } from './server/tcp.ts';
import type { TcpListener } from './server/tcp.ts';
import { listenUdp } from './server/udp.ts';
import type { UdpListener } from './server/udp.ts';

export interface DnsListen {
  /** Default: every address, IPv4 and IPv6. */
  readonly addresses?: readonly string[];
  /** Default: the configuration's. 0 picks a free one. */
  readonly port?: number;
  readonly reusePort?: boolean;
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
  /** A watch that is silent for longer makes the server not ready. */
  readonly staleAfterMs?: number;
}

export interface StopOptions {
  /** Default: the configuration's. */
  readonly lameduckMs?: number;
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
  /** Goes on answering for the lame-duck time while it reports not ready, then ends when all answers are out. */
  stop(options?: StopOptions): Promise<void>;
}

const VERSION = '0.1.0';
const STALE_AFTER_MS = 180_000;
const TCP_IDLE_MS = 10_000;
/** No upstream is waited for longer than this. */
const DRAIN_MS = 5000;
const MAX_TCP_CONNECTIONS = 10_000;

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
  readonly httpPorts: { health?: number; ready?: number; metrics?: number } = {};
  readonly synced: Promise<void>;
  readonly #options: DnsOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #registry: Registry;
  readonly #config: DnsConfig;
  readonly #blocks: BuiltBlock[];
  readonly #watches: ObjectWatch[] = [];
  readonly #responder: Responder;
  #udp: UdpListener[] = [];
  #tcp: TcpListener[] = [];
  #http: HttpListener[] = [];
  #stopping = false;

  constructor(options: DnsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLogger;
    this.#registry = options.metrics ?? new Registry();
    this.#config = options.config;
    for (const warning of this.#config.warnings) this.#log.warn(warning);
    const panics = this.#registry.register(
      new Counter('coredns_panics_total', 'Queries that failed by a mistake of the server.'),
    );
    const build = this.#registry.register(new Gauge('coredns_build_info', 'Version of the server.'));
    build.set(1, { version: options.version ?? VERSION, revision: '', goversion: '' });
    const forwardMetrics = new ForwardMetrics(this.#registry);
    const cacheMetrics = new CacheMetrics(this.#registry);
    const autopathSuccesses = autopathCounter(this.#registry);
    const programmed = this.#registry.register(
      new Histogram(
        'coredns_kubernetes_dns_programming_duration_seconds',
        'Time from a change of endpoints to its answers.',
        Array.from({ length: 20 }, (_, i) => 0.001 * 2 ** i),
      ),
    );
    this.#blocks = this.#config.blocks.map((block) =>
      buildBlock(block, {
        clock: this.#clock,
        log: this.#log,
        forwardMetrics,
        cacheMetrics,
        autopathSuccesses,
        clusterZone: block.kubernetes === undefined ? undefined : this.#watch(block.kubernetes, programmed),
        notReady: () => this.#notSynced(),
      }),
    );
    this.#registry.register(
      new Gauge('portico_dns_watch_idle_seconds', 'Time since the API server last gave a sign of life.', (gauge) => {
        for (const watch of this.#watches)
          for (const [resource, idle] of watch.idleMs()) gauge.set(idle / 1000, { resource });
      }),
    );
    this.#responder = new Responder(this.#responderOptions(() => panics.inc()));
    this.synced = Promise.all(this.#watches.map((watch) => watch.synced)).then(() => undefined);
  }

  #watch(config: KubernetesConfig, programmed: Histogram): ClusterZone {
    const { client } = this.#options;
    if (client === undefined)
      throw new DnsConfigError('the configuration has a kubernetes section: give --kubeconfig, or run in a cluster');
    const records = new ClusterRecords({
      zones: config.zones,
      reverseZones: config.reverseZones,
      openReverseZones: config.reverseZones.filter((zone) => config.fallthrough.includes(zone)),
      podNames: config.pods !== 'disabled',
      endpointPodNames: config.endpointPodNames,
      ignoreEmptyService: config.ignoreEmptyService,
      ...(config.namespaces === undefined ? {} : { namespaces: new Set(config.namespaces) }),
      clock: this.#clock,
      onProgrammed: (seconds, kind) => programmed.observe(seconds, { service_kind: kind }),
    });
    const own = localAddresses();
    records.index.setLocalAddresses(own);
    const watch = watchObjects(
      {
        client,
        log: this.#log,
        withPods: config.pods === 'verified',
        withEndpoints: config.withEndpoints,
        endpointPodNames: config.endpointPodNames,
        zonal: config.zonal,
        ...(config.labelSelector === undefined ? {} : { labelSelector: config.labelSelector }),
        ...(config.namespaceLabelSelector === undefined
          ? {}
          : { namespaceLabelSelector: config.namespaceLabelSelector }),
      },
      records,
    );
    this.#watches.push(watch);
    return new ClusterZone({
      ...config,
      index: records.index,
      synced: () => watch.hasSynced,
      hasPod: (namespace, address) => records.hasPod(namespace, address),
      localAddresses: () => own,
      serial: () => records.serial,
    });
  }

  #responderOptions(onPanic: () => void): ResponderOptions {
    const { queryLog } = this.#config;
    const wanted = (entry: QueryLogEntry) =>
      queryLog === 'all' ||
      (queryLog === 'denial' && entry.rcode === Rcode.NXDOMAIN) ||
      (entry.rcode !== Rcode.NOERROR && entry.rcode !== Rcode.NXDOMAIN);
    return {
      blocks: this.#blocks,
      maxUdpSize: this.#config.maxUdpSize,
      recursion: this.#config.blocks.some((block) => block.forward.length > 0),
      serverId: hostname(),
      version: `Portico-${this.#options.version ?? VERSION}`,
      metrics: new QueryMetrics(this.#registry, `dns://:${this.#config.port}`),
      clock: this.#clock,
      log: this.#log,
      onPanic,
      ...(queryLog === 'off'
        ? {}
        : { queryLog: (entry: QueryLogEntry) => wanted(entry) && this.#log.info(formatQueryLog(entry)) }),
    };
  }

  async listen(): Promise<void> {
    const { listen = {} } = this.#options;
    const reusePort = listen.reusePort ?? false;
    const wanted = listen.port ?? this.#config.port;
    const given = listen.addresses;
    let port = wanted;
    for (const address of given ?? ['0.0.0.0', '::']) {
      try {
        port = await this.#listenBoth(address, port, reusePort);
      } catch (error) {
        if (given === undefined && address === '::' && isNoIpv6(error)) continue;
        throw listenError(error, address, port);
      }
    }
    this.port = port;
    for (const block of this.#blocks) block.start();
    await this.#listenHttp();
  }

  /** UDP and TCP on one port. */
  async #listenBoth(address: string, port: number, reusePort: boolean): Promise<number> {
    const limits = { idleMs: TCP_IDLE_MS, maxConnections: MAX_TCP_CONNECTIONS };
    for (let attempt = 1; ; attempt++) {
      const udp = await listenUdp(this.#responder, { address, port, reusePort });
      try {
        this.#tcp.push(await listenTcp(this.#responder, { address, port: udp.port, reusePort, ...limits }));
        this.#udp.push(udp);
        return udp.port;
      } catch (error) {
        await udp.close();
        // A port that the kernel chose for UDP may be taken for TCP.
        if (port !== 0 || attempt >= 10 || codeOf(error) !== 'EADDRINUSE') throw error;
      }
    }
  }

  async #listenHttp(): Promise<void> {
    const { health, ready, metrics } = this.#config;
    if (health === undefined && ready === undefined && metrics === undefined) return;
    const { listenHttp } = await import('./server/http.ts');
    const open = async (
      at: { address: string; port: number },
      path: string,
      read: () => { status: number; body: string },
    ) => {
      const pages = [{ path, read }];
      try {
        return await listenHttp(at.address, at.port, pages).catch((error: unknown) => {
          if (at.address === '::' && isNoIpv6(error)) return listenHttp('0.0.0.0', at.port, pages);
          throw error;
        });
      } catch (error) {
        throw listenError(error, at.address, at.port);
      }
    };
    const page = (status: number, body: string) => ({ status, body });
    if (health !== undefined) {
      const http = await open(health, '/health', () => page(200, 'OK'));
      this.#http.push(http);
      this.httpPorts.health = http.port;
    }
    if (ready !== undefined) {
      const http = await open(ready, '/ready', () => {
        const why = this.notReady();
        return why === undefined ? page(200, 'OK') : page(503, why);
      });
      this.#http.push(http);
      this.httpPorts.ready = http.port;
    }
    if (metrics !== undefined) {
      const http = await open(metrics, '/metrics', () => page(200, this.#registry.render()));
      this.#http.push(http);
      this.httpPorts.metrics = http.port;
    }
  }

  notReady(): string | undefined {
    if (this.#stopping) return 'stopping';
    return this.#notSynced();
  }

  #notSynced(): string | undefined {
    const limit = this.#options.staleAfterMs ?? STALE_AFTER_MS;
    for (const watch of this.#watches) {
      if (!watch.hasSynced) return 'kubernetes: the list of services is not complete yet';
      for (const [resource, idle] of watch.idleMs())
        if (idle > limit) return `kubernetes: nothing heard about ${resource} for ${Math.round(idle / 1000)} s`;
    }
    return undefined;
  }

  async stop(options: StopOptions = {}): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const lameduckMs = options.lameduckMs ?? this.#config.health?.lameduckMs ?? 0;
    if (lameduckMs > 0) await new Promise<void>((resolve) => this.#clock.after(lameduckMs, resolve));
    await Promise.all(this.#tcp.map((tcp) => tcp.close()));
    // Questions that were forwarded get their answers while the sockets are still open.
    const end = this.#clock.monotonic() + (options.drainMs ?? DRAIN_MS);
    while (this.#responder.pending > 0 && this.#clock.monotonic() < end)
      await new Promise<void>((resolve) => this.#clock.after(10, resolve));
    await Promise.all(this.#udp.map((udp) => udp.close()));
    for (const http of this.#http) http.close();
    for (const watch of this.#watches) watch.stop();
    for (const block of this.#blocks) for (const plugin of block.plugins) plugin.stop?.();
  }
}

/** Addresses of this machine that others can reach. */
function localAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter((a) => !a.internal && !a.address.startsWith('fe80:'))
    .map((a) => a.address);
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';
const isNoIpv6 = (error: unknown): boolean => ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(codeOf(error));

function listenError(error: unknown, address: string, port: number): Error {
  const code = codeOf(error);
  const where = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const hint =
    code === 'EADDRINUSE'
      ? 'another process has the port; stop it or choose another with --port'
      : code === 'EACCES'
        ? 'ports below 1024 need root or CAP_NET_BIND_SERVICE'
        : code === 'EADDRNOTAVAIL'
          ? 'this machine does not have the address'
          : String(error);
  return new DnsConfigError(`cannot listen on ${where}: ${hint}`, { cause: error });
}
