// Forgets UDP flows whose endpoint or service is gone: conntrack would go on sending a client's packets there for as
// long as it keeps sending. Runs after a sync, never in its way. Covers services left without any endpoint, too.
import type { Clock, Timer } from '../clock/index.ts';
import type { Conntrack, ConntrackEntry } from '../linux/index.ts';
import type { Logger } from '../log/index.ts';
import type { Family, PortState, StateChanges } from './contract.ts';
import type { ProxyMetrics } from './metrics.ts';

/** `ip:port` a client sends to, or `:port` for a node port → the endpoints that may answer, as `ip:port`. */
export type AllowedFlows = Map<string, ReadonlySet<string>>;

const NOBODY: ReadonlySet<string> = new Set();

function destinationsOf(port: PortState): string[] {
  const ips = [port.clusterIp, ...port.externalIps, ...port.loadBalancerIps];
  const out = ips.map((ip) => `${ip}:${port.port}`);
  if (port.nodePort !== 0) out.push(`:${port.nodePort}`);
  return out;
}

/**
 * What changed services mean for UDP flows. Policies and topology do not count: a flow may stay with any endpoint that
 * still serves. Pure.
 */
export function allowedFlows(changes: StateChanges): AllowedFlows {
  const allowed: AllowedFlows = new Map();
  const udp = (ports: readonly PortState[] | undefined) => (ports ?? []).filter((p) => p.protocol === 'udp');
  for (const { before } of changes.values()) {
    for (const p of udp(before?.ports)) for (const d of destinationsOf(p)) allowed.set(d, NOBODY);
  }
  for (const { after } of changes.values()) {
    for (const p of udp(after?.ports)) {
      const serving = new Set(p.all.filter((e) => e.serving).map((e) => `${e.ip}:${e.port}`));
      for (const d of destinationsOf(p)) allowed.set(d, serving);
    }
  }
  return allowed;
}

/** Whether a flow goes to somebody who must not get it any more. Pure. */
export function isStaleFlow(
  entry: Pick<ConntrackEntry, 'original' | 'reply'>,
  allowed: AllowedFlows,
  isLocal: (ip: string) => boolean,
): boolean {
  const { original, reply } = entry;
  if (original.protocol !== 'udp') return false;
  const endpoints =
    allowed.get(`${original.destination}:${original.destinationPort}`) ??
    // The same port number on a machine elsewhere is nobody's node port.
    (isLocal(original.destination) ? allowed.get(`:${original.destinationPort}`) : undefined);
  return endpoints !== undefined && !endpoints.has(`${reply.source}:${reply.sourcePort}`);
}

export interface ConntrackReconcilerOptions {
  readonly open: () => Conntrack;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: ProxyMetrics;
  readonly localAddresses: () => readonly string[];
}

/** Up to so many destinations the kernel is asked for each alone; for more, one dump of all UDP flows is cheaper. */
const FEW = 8;
const TRIES = 3;
const RETRY_MS = 1000;

export class ConntrackReconciler {
  readonly #o: ConntrackReconcilerOptions;
  readonly #pending = new Map<Family, AllowedFlows>();
  #conntrack: Conntrack | undefined;
  #timer: Timer;
  #failures = 0;

  constructor(options: ConntrackReconcilerOptions) {
    this.#o = options;
  }

  /** The rules for these changes are in the kernel; from now on no new flow takes the old way. */
  synced(family: Family, changes: StateChanges): void {
    const allowed = allowedFlows(changes);
    if (allowed.size === 0) return;
    const pending = this.#pending.get(family) ?? new Map<string, ReadonlySet<string>>();
    for (const [destination, endpoints] of allowed) pending.set(destination, endpoints);
    this.#pending.set(family, pending);
    this.#schedule(0);
  }

  #schedule(afterMs: number): void {
    this.#timer ??= this.#o.clock.after(afterMs, () => {
      this.#timer = undefined;
      this.#run();
    });
  }

  #run(): void {
    const { clock, log, metrics } = this.#o;
    for (const [family, allowed] of this.#pending) {
      const began = clock.monotonic();
      try {
        const deleted = this.#reconcile(family, allowed);
        this.#pending.delete(family);
        this.#failures = 0;
        metrics.conntrackDeleted.inc({ ip_family: family }, deleted);
        metrics.conntrackDuration.observe((clock.monotonic() - began) / 1000, { ip_family: family });
        if (deleted > 0) log.debug('forgot UDP flows of endpoints that are gone', { family, deleted });
      } catch (error) {
        // A table that changes under a dump interrupts it.
        if (++this.#failures < TRIES) this.#schedule(RETRY_MS);
        else {
          this.#pending.delete(family);
          log.warn('could not clean up conntrack; UDP clients may send to removed endpoints', { family, error });
        }
      }
    }
  }

  #reconcile(family: Family, allowed: AllowedFlows): number {
    this.#conntrack ??= this.#o.open();
    const conntrack = this.#conntrack;
    const ipFamily = family === 'IPv4' ? 4 : 6;
    let entries: ConntrackEntry[];
    if (allowed.size > FEW) entries = conntrack.entries({ family: ipFamily, protocol: 'udp' });
    else {
      entries = [...allowed.keys()].flatMap((d) => {
        const at = d.lastIndexOf(':');
        const destination = d.slice(0, at);
        const to = destination === '' ? {} : { destination };
        return conntrack.entries({
          family: ipFamily,
          protocol: 'udp',
          destinationPort: Number(d.slice(at + 1)),
          ...to,
        });
      });
    }
    const local = new Set(this.#o.localAddresses());
    const stale = entries.filter((e) => isStaleFlow(e, allowed, (ip) => local.has(ip)));
    return stale.length === 0 ? 0 : conntrack.deleteAll(stale);
  }

  stop(): void {
    if (this.#timer !== undefined) this.#o.clock.clear(this.#timer);
    this.#conntrack?.close();
  }
}
