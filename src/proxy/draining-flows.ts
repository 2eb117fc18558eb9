// Leads UDP clients away from endpoints that finish their work. New flows go elsewhere as soon as an endpoint terminates,
// but conntrack remembers old ones for minutes, and a client that takes a remembered port again would still be sent
// there. Their final removal (conntrack.ts) may cut a question from its answer; flows that are idle can be forgotten
// before that without loss.
import type { Clock, Timer } from '../clock/index.ts';
import { readSysctl, type Conntrack, type ConntrackEntry } from '../linux/index.ts';
import type { Logger } from '../log/index.ts';
import type { EndpointState, Family, PortState, ServiceKey, StateChanges } from './contract.ts';

/** Endpoints of UDP ports that serve only what they began, while others take the new flows: `ip:port`. Pure. */
export function drainingEndpoints(ports: readonly PortState[]): string[] {
  const leaves = (e: EndpointState) => e.terminating && e.serving && !e.ready;
  const out = new Set<string>();
  for (const { protocol, all } of ports) {
    if (protocol !== 'udp' || !all.some((e) => e.ready)) continue;
    for (const e of all) if (leaves(e)) out.add(`${e.ip}:${e.port}`);
  }
  return [...out];
}

/** What the kernel sets a flow's time to with each packet, seconds. */
export interface UdpTimeouts {
  readonly simple: number;
  /** Flows with traffic both ways for more than two seconds. */
  readonly stream: number;
}

/** No packet for more than a second, and the last question was answered. Pure. */
export function isIdleFlow(
  { status, timeoutSeconds }: Pick<ConntrackEntry, 'status' | 'timeoutSeconds'>,
  timeouts: UdpTimeouts,
): boolean {
  if (timeoutSeconds === undefined || !status.includes('seen-reply')) return false;
  const full = status.includes('assured') ? timeouts.stream : timeouts.simple;
  // The kernel tells whole seconds, rounded down.
  return timeoutSeconds <= full - 2;
}

export interface DrainingFlowsOptions {
  readonly open: () => Conntrack;
  readonly netns: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const FIRST_PAUSE_MS = 1000;
/** An endpoint may take its time to end; the kernel walks its whole table each time. */
const LONGEST_PAUSE_MS = 30_000;
const PAUSE_GROWTH = 1.3;
const DEFAULT_TIMEOUTS: UdpTimeouts = { simple: 30, stream: 120 };

export class DrainingFlows {
  readonly #o: DrainingFlowsOptions;
  readonly #draining = new Map<Family, Map<ServiceKey, readonly string[]>>();
  #conntrack: Conntrack | undefined;
  #timer: Timer;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(options: DrainingFlowsOptions) {
    this.#o = options;
  }

  /** The rules for these changes are in the kernel; from now on no new flow takes the old way. */
  synced(family: Family, changes: StateChanges): void {
    const draining = this.#draining.get(family) ?? new Map<ServiceKey, readonly string[]>();
    this.#draining.set(family, draining);
    for (const [key, { after }] of changes) {
      const endpoints = drainingEndpoints(after?.ports ?? []);
      const known = draining.get(key) ?? [];
      if (endpoints.length === 0) draining.delete(key);
      else draining.set(key, endpoints);
      if (endpoints.some((e) => !known.includes(e))) this.#restart();
    }
  }

  #restart(): void {
    if (this.#timer !== undefined) this.#o.clock.clear(this.#timer);
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#schedule();
  }

  #schedule(): void {
    this.#timer = this.#o.clock.after(this.#pauseMs, () => {
      this.#timer = undefined;
      this.#sweep();
    });
  }

  #sweep(): void {
    let left = 0;
    for (const [family, services] of this.#draining) {
      const endpoints = new Set([...services.values()].flat());
      left += endpoints.size;
      try {
        for (const endpoint of endpoints) this.#forgetIdle(family, endpoint);
      } catch (error) {
        // The next sweep sees to it; what is left in the end is removed with the endpoint.
        this.#o.log.debug('could not look for idle UDP flows', { family, error });
      }
    }
    if (left === 0) return;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * PAUSE_GROWTH);
    this.#schedule();
  }

  #forgetIdle(family: Family, endpoint: string): void {
    this.#conntrack ??= this.#o.open();
    const at = endpoint.lastIndexOf(':');
    const flows = this.#conntrack.entries({
      family: family === 'IPv4' ? 4 : 6,
      protocol: 'udp',
      replySource: endpoint.slice(0, at),
      replySourcePort: Number(endpoint.slice(at + 1)),
    });
    const timeouts = this.#timeouts();
    // Only flows through a Service: what is asked directly is nobody's to redirect.
    const idle = flows.filter((f) => f.status.includes('dnat') && isIdleFlow(f, timeouts));
    if (idle.length === 0) return;
    const forgotten = this.#conntrack.deleteAll(idle);
    this.#o.log.debug('forgot idle UDP flows of an endpoint that ends', { endpoint, forgotten });
  }

  #timeouts(): UdpTimeouts {
    const read = (name: string) => Number(readSysctl(this.#o.netns, `net.netfilter.${name}`)) || undefined;
    return {
      simple: read('nf_conntrack_udp_timeout') ?? DEFAULT_TIMEOUTS.simple,
      stream: read('nf_conntrack_udp_timeout_stream') ?? DEFAULT_TIMEOUTS.stream,
    };
  }

  stop(): void {
    if (this.#timer !== undefined) this.#o.clock.clear(this.#timer);
    this.#conntrack?.close();
  }
}
