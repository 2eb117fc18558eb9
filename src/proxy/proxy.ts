// The service proxy of one node: informers in, kernel rules out. This file wires; the parts it wires know nothing of
// each other.
import type { Client } from '../client/index.ts';
import { systemClock, type Clock, type Timer } from '../clock/index.ts';
import { detectIptables, openConntrack, openRtnl, type IptablesVariant } from '../linux/index.ts';
import { silentLogger, type Logger } from '../log/index.ts';
import { Registry } from '../metrics/index.ts';
import { ChangeTracker } from './changes.ts';
import { watchCluster, type ClusterWatch } from './cluster-watch.ts';
import { ConntrackReconciler } from './conntrack.ts';
import { DrainingFlows } from './draining-flows.ts';
import { DEFAULT_PROXY_CONFIG, type ProxyConfig, type ProxyMode } from './config.ts';
import { type Family, type NodeFacts, type ServiceKey, type ServiceState, type StateChanges } from './contract.ts';
import { FamilyLoop } from './family-loop.ts';
import { ServedPages, healthPages, metricsPages, proxyHealth } from './http-pages.ts';
import { createProxyMetrics, withoutLocalEndpoints, type ProxyMetrics } from './metrics.ts';
import { removeForeignRules } from './cleanup.ts';
import { createIptablesMode } from './iptables/mode.ts';
import type { ModeOptions, ModeParts } from './mode.ts';
import { createNftablesMode } from './nftables/mode.ts';
import { ownAddresses } from './node-addresses.ts';
import { applyProxySettings } from './node-settings.ts';
import { UNKNOWN_NODE, localDetector, type NodeView } from './node-view.ts';
import { createProxyEvents } from './proxy-events.ts';
import { ServiceHealth } from './service-health.ts';
import { hasIpv6 } from './sysctls.ts';

export interface ProxyOptions {
  readonly client: Client;
  readonly nodeName: string;
  /** @default the configuration's */
  readonly mode?: ProxyMode;
  readonly config?: ProxyConfig;
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly metrics?: Registry;
  /** Network namespace of the node; absent: that of this process. */
  readonly netns?: string;
  /** How nftables transactions reach the kernel. */
  readonly nftApply?: 'netlink' | 'cli';
}

export interface Proxy {
  /** Resolves when the rules of the first complete picture are in the kernel. */
  readonly synced: Promise<void>;
  readonly mode: ProxyMode;
  /** Ports the pages are served on; 0: not served. */
  readonly ports: { readonly healthz: number; readonly metrics: number };
  /** The state that the kernel holds, for `trace`, `inspect` and the web page. */
  snapshot(): ReadonlyMap<Family, ReadonlyMap<ServiceKey, ServiceState>>;
  /** Ends watching; the rules stay in the kernel. */
  stop(): Promise<void>;
}

const ADDRESSES_SETTLE_MS = 200;
const EVERY_ADDRESS = { IPv4: '0.0.0.0', IPv6: '::' } as const;

class RunningProxy implements Proxy {
  readonly synced: Promise<void>;
  readonly mode: ProxyMode;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #options: ProxyOptions;
  readonly #config: ProxyConfig;
  readonly #registry: Registry;
  readonly #loops = new Map<Family, FamilyLoop>();
  readonly #active = new Set<Family>();
  readonly #disposables: Disposable[] = [];
  readonly #pages: { readonly healthz: ServedPages; readonly metrics: ServedPages };
  readonly #abort = new AbortController();
  readonly #parts: ModeParts;
  readonly #cluster: ClusterWatch;
  readonly #serviceHealth: ServiceHealth;
  readonly #conntrack: ConntrackReconciler;
  readonly #drainingFlows: DrainingFlows;
  #node: NodeView = UNKNOWN_NODE;
  #serviceCidrs: readonly string[] = [];
  #ready = false;
  #addressTimer: Timer;

  constructor(options: ProxyOptions, variant: IptablesVariant | undefined) {
    this.#options = options;
    this.#config = options.config ?? DEFAULT_PROXY_CONFIG;
    this.mode = options.mode ?? this.#config.mode;
    this.#log = (options.log ?? silentLogger).with({ component: 'proxy', mode: this.mode });
    this.#clock = options.clock ?? systemClock;
    this.#registry = options.metrics ?? new Registry();
    const metrics = createProxyMetrics(this.#registry, () => this.#collect(metrics));
    const events = createProxyEvents(options.client, options.nodeName);
    this.#disposables.push({ [Symbol.dispose]: () => events.stop() });
    events.starting(this.mode);
    const facts: NodeFacts = { name: options.nodeName };
    const families: Family[] = hasIpv6(options.netns) ? ['IPv4', 'IPv6'] : ['IPv4'];
    const rtnl = openRtnl(options.netns);
    this.#disposables.push({ [Symbol.dispose]: () => rtnl.close() });
    if (this.#config.nodePortAddresses.some((a) => a !== 'primary')) {
      const addresses = rtnl.monitor(['address'], () => this.#addressesChanged());
      this.#disposables.push({ [Symbol.dispose]: () => addresses.close() });
    }
    const modeOptions: ModeOptions = {
      config: this.#config,
      netns: options.netns,
      clock: this.#clock,
      log: this.#log,
      metrics,
      registry: this.#registry,
      nodeIps: () => ownAddresses(this.#config.bindAddress, this.#node.ips),
      localAddresses: () => rtnl.addresses().map((a) => a.address.split('/')[0] ?? ''),
      detector: (family) => localDetector(this.#config, family, this.#node.podCidrs),
      serviceCidrs: () => this.#serviceCidrs,
      repair: (family, why) => this.#loops.get(family)?.repair(why),
    };
    this.#conntrack = new ConntrackReconciler({
      open: () => openConntrack(options.netns),
      clock: this.#clock,
      log: this.#log,
      metrics,
      localAddresses: modeOptions.localAddresses,
    });
    this.#drainingFlows = new DrainingFlows({
      open: () => openConntrack(options.netns),
      netns: options.netns,
      clock: this.#clock,
      log: this.#log,
    });
    this.#parts =
      variant === undefined
        ? createNftablesMode(modeOptions, options.nftApply ?? 'netlink')
        : createIptablesMode(modeOptions, variant);
    if (this.#config.detectLocalMode === 'ClusterCIDR' && this.#config.clusterCidrs.length === 0) {
      this.#log.warn('no clusterCIDR is set: what comes from outside to cluster IPs is not masqueraded');
    }
    const rules = this.#config[this.mode];
    for (const family of families) {
      const loop = new FamilyLoop({
        tracker: new ChangeTracker(family, facts),
        sync: this.#parts.sync(family),
        clock: this.#clock,
        log: this.#log,
        metrics,
        syncPeriodMs: rules.syncPeriodMs,
        minSyncPeriodMs: rules.minSyncPeriodMs,
        pacing: rules.pacing,
        failed: (kind) => {
          this.#parts.failed(family, kind);
          events.rulesRefused(family);
        },
        synced: (changes) => this.#afterSync(family, changes),
      });
      this.#loops.set(family, loop);
    }
    this.#serviceHealth = new ServiceHealth({
      netns: options.netns,
      addresses: () => families.flatMap((f) => this.#parts.nodePortAddresses(f) ?? EVERY_ADDRESS[f]),
      proxyHealthy: () => proxyHealth(health, false).healthy,
      clock: this.#clock,
      log: this.#log,
      failed: (service, port, error) => events.healthCheckFailed(service, port, error),
    });
    const health = {
      clock: this.#clock,
      syncPeriodMs: rules.syncPeriodMs,
      families: () =>
        new Map(
          [...this.#active].flatMap((f) => {
            const loop = this.#loops.get(f);
            return loop === undefined ? [] : [[f, loop.health] as const];
          }),
        ),
      nodeEligible: () => this.#node.eligible,
    };
    const pages = {
      netns: options.netns,
      config: this.#config,
      mode: this.mode,
      health,
      metrics,
      registry: this.#registry,
    };
    const { healthzBindAddress, metricsBindAddress, bindAddressHardFail: hardFail } = this.#config;
    const served = { netns: options.netns, hardFail, clock: this.#clock, log: this.#log };
    this.#pages = {
      healthz: new ServedPages({ ...served, name: 'healthz', bind: healthzBindAddress, pages: healthPages(pages) }),
      metrics: new ServedPages({ ...served, name: 'metrics', bind: metricsBindAddress, pages: metricsPages(pages) }),
    };
    applyProxySettings({ config: { ...this.#config, mode: this.mode }, netns: options.netns, log: this.#log });
    this.#cluster = this.#watch(metrics);
    this.synced = this.#start();
    // Who stops a proxy early does not wait for it.
    this.synced.catch(() => undefined);
  }

  get ports(): { healthz: number; metrics: number } {
    return { healthz: this.#pages.healthz.port, metrics: this.#pages.metrics.port };
  }

  /** Gauges that are worked out only when somebody reads the metrics. */
  #collect(metrics: ProxyMetrics): void {
    for (const family of this.#active) this.#parts.collect(family);
    for (const [family, loop] of this.#loops) {
      const label = { ip_family: family };
      metrics.serviceChangesPending.set(loop.tracker.pending, label);
      metrics.endpointChangesPending.set(loop.tracker.pending, label);
      const { internal, external } = withoutLocalEndpoints(loop.tracker.committed.values());
      metrics.noLocalEndpoints.set(internal, { ...label, traffic_policy: 'internal' });
      metrics.noLocalEndpoints.set(external, { ...label, traffic_policy: 'external' });
    }
  }

  #watch(metrics: ProxyMetrics): ClusterWatch {
    const { client, nodeName } = this.#options;
    const startedAt = this.#clock.now();
    const both = (each: (loop: FamilyLoop) => void) => {
      for (const loop of this.#loops.values()) each(loop);
    };
    return watchCluster({
      client,
      nodeName,
      clock: this.#clock,
      log: this.#log,
      onService: (key, view) => {
        for (const problem of view?.problems ?? []) this.#log.warn('a Service is partly ignored', { key, problem });
        both((loop) => loop.tracker.setService(key, view));
        metrics.serviceChangesTotal.inc();
      },
      onSlice: (before, after) => {
        both((loop) => loop.tracker.setSlice(before, after));
        metrics.endpointChangesTotal.inc();
        const at = after?.triggeredAt;
        if (at !== undefined && at !== before?.triggeredAt && at >= startedAt && after?.family !== undefined) {
          this.#loops.get(after.family)?.noteTrigger(at);
        }
      },
      onNode: (view) => this.#nodeChanged(view),
      onBatch: () => this.#batch(),
      // The nftables mode alone has rules about addresses of no service.
      ...(this.mode === 'nftables' && { onServiceCidrs: (cidrs) => this.#serviceCidrsChanged(cidrs) }),
    });
  }

  #serviceCidrsChanged(cidrs: readonly string[]): void {
    this.#serviceCidrs = cidrs;
    if (this.#ready) this.#resyncAll();
  }

  #nodeChanged(view: NodeView | undefined): void {
    const before = this.#node;
    this.#node = view ?? { ...before, eligible: false };
    const facts: NodeFacts = {
      name: this.#options.nodeName,
      ...(this.#node.zone === undefined ? {} : { zone: this.#node.zone }),
    };
    for (const loop of this.#loops.values()) loop.tracker.setNode(facts);
    const rulesDiffer = (a: NodeView, b: NodeView) =>
      a.ips.join() !== b.ips.join() || a.podCidrs.join() !== b.podCidrs.join();
    if (this.#ready && rulesDiffer(before, this.#node)) this.#resyncAll();
  }

  /** Facts that every service's rules depend on changed. */
  #resyncAll(): void {
    this.#serviceHealth.addressesChanged();
    for (const family of this.#active) {
      this.#parts.sync(family).requireFull();
      this.#loops.get(family)?.request();
    }
  }

  /** Which addresses have node ports may have changed; a device brings several addresses at once. */
  #addressesChanged(): void {
    if (!this.#ready || this.#addressTimer !== undefined) return;
    this.#addressTimer = this.#clock.after(ADDRESSES_SETTLE_MS, () => {
      this.#addressTimer = undefined;
      this.#resyncAll();
    });
  }

  #batch(): void {
    if (!this.#ready) return;
    for (const [family, loop] of this.#loops) {
      if (loop.tracker.pending === 0) continue;
      // A family without a single service needs no rules, and costs nothing, until the first one appears.
      if (!this.#active.has(family) && !loop.tracker.hasServices) continue;
      this.#active.add(family);
      loop.request();
    }
  }

  async #start(): Promise<void> {
    await this.#cluster.synced(this.#abort.signal);
    this.#ready = true;
    this.#active.add('IPv4');
    const v6 = this.#loops.get('IPv6');
    if (v6?.tracker.hasServices === true) this.#active.add('IPv6');
    for (const f of this.#active) this.#loops.get(f)?.request();
    await Promise.all([...this.#active].flatMap((f) => this.#loops.get(f)?.firstSync ?? []));
    this.#log.info('rules are in the kernel', { families: [...this.#active] });
    // Off the start path: rules of the other mode, and of an earlier proxy in the family without services.
    void this.#tidy();
  }

  async #tidy(): Promise<void> {
    try {
      if (!this.#active.has('IPv6') && this.#loops.has('IPv6') && (await this.#parts.sync('IPv6').present())) {
        this.#active.add('IPv6');
        this.#loops.get('IPv6')?.request();
      }
      if (!(await removeForeignRules(this.mode, this.#options.netns))) return;
      this.#log.info('removed the rules of another proxy');
      // Until now the old rules may have sent new UDP flows to endpoints that are gone.
      for (const [family, loop] of this.#loops) {
        const all = [...loop.tracker.committed].map(([key, after]) => [key, { after }] as const);
        this.#conntrack.synced(family, new Map(all));
      }
    } catch (error) {
      this.#log.warn('could not remove the rules of another mode; a restart tries again', { error });
    }
  }

  #afterSync(family: Family, changes: StateChanges): void {
    for (const key of changes.keys()) {
      const states = [...this.#loops.values()].flatMap((l) => l.tracker.committed.get(key) ?? []);
      this.#serviceHealth.update(key, states);
    }
    this.#parts.synced(family, changes);
    this.#conntrack.synced(family, changes);
    this.#drainingFlows.synced(family, changes);
  }

  snapshot(): ReadonlyMap<Family, ReadonlyMap<ServiceKey, ServiceState>> {
    return new Map([...this.#loops].map(([family, loop]) => [family, loop.tracker.committed]));
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    if (this.#addressTimer !== undefined) this.#clock.clear(this.#addressTimer);
    this.#cluster.stop();
    await Promise.all([...this.#loops.values()].map((l) => l.stop()));
    this.#serviceHealth.stop();
    this.#conntrack.stop();
    this.#drainingFlows.stop();
    this.#parts.stop();
    for (const d of this.#disposables.toReversed()) d[Symbol.dispose]();
    this.#pages.healthz.stop();
    this.#pages.metrics.stop();
  }
}

/**
 * Starts the proxy of a node. Rules stay in the kernel when it stops; `cleanupProxyRules` removes them.
 * @example const proxy = await startProxy({ client, nodeName: 'node-1' }); await proxy.synced;
 */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const where = options.netns === undefined ? {} : { netns: options.netns };
  if ((options.mode ?? options.config?.mode) === 'nftables') return new RunningProxy(options, undefined);
  const variant = await detectIptables(where);
  if (variant === undefined) {
    throw new Error('iptables is not installed: install the package iptables, or use the mode nftables');
  }
  return new RunningProxy(options, variant);
}
