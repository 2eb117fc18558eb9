// Finds upstreams that lead back to this server: asks each for a name that only it knows, and watches whether that name
// comes in. Such an upstream is not used; the cluster's own zone goes on answering.
import { randomBytes } from 'node:crypto';
import { Ede, encodeMessage, Flag, isBelow, parseName, Rcode, Type } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import type { Clock, Timer } from '../../../clock/index.ts';
import type { Logger } from '../../../log/index.ts';
import { emptyAnswer } from '../../plugin.ts';
import type { Answer, DnsPlugin, Query } from '../../plugin.ts';
import type { Forwarder } from './forward.ts';
import type { Upstream } from './upstream.ts';

const PROBE_ZONE = parseName('loop-probe.portico.invalid');
const AGAIN_MS = 30_000;
const TIMEOUT_MS = 2000;

export interface LoopGuard extends DnsPlugin {
  /** Asks all upstreams once; repeated by itself. */
  check(): Promise<void>;
}

export function createLoopGuard(forwarder: Forwarder, deps: { clock: Clock; log: Logger }): LoopGuard {
  return new Guard(forwarder, deps.clock, deps.log);
}

class Guard implements LoopGuard {
  readonly name = 'loop';
  readonly #forwarder: Forwarder;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #probes = new Map<WireName, Upstream>();
  readonly #looping = new Set<Upstream>();
  #timer: Timer;
  #stopped = false;

  constructor(forwarder: Forwarder, clock: Clock, log: Logger) {
    this.#forwarder = forwarder;
    this.#clock = clock;
    this.#log = log;
  }

  concerns(key: WireName): boolean {
    return isBelow(key, PROBE_ZONE);
  }

  async handle(query: Query, next: () => Promise<Answer>): Promise<Answer> {
    if (!isBelow(query.key, PROBE_ZONE)) return next();
    const upstream = this.#probes.get(query.key);
    if (upstream !== undefined) this.#found(upstream);
    // Never forwarded: a probe of another server in the same loop ends here too.
    return emptyAnswer(Rcode.NXDOMAIN, this.name, { code: Ede.OTHER, text: 'a probe for forwarding loops' });
  }

  #found(upstream: Upstream): void {
    if (this.#looping.has(upstream)) return;
    this.#looping.add(upstream);
    const why = `forwarding loop: upstream ${upstream.label} sends questions back to this server`;
    this.#forwarder.setObstacle(upstream, why);
    this.#log.error(
      `${why}; it is not used. Point "forward" at a resolver outside the cluster: often the node's resolv.conf names a local stub such as 127.0.0.53`,
    );
  }

  async check(): Promise<void> {
    await Promise.all(this.#forwarder.upstreams.map((upstream) => this.#probe(upstream)));
    if (!this.#stopped) this.#timer = this.#clock.after(AGAIN_MS, () => void this.check());
  }

  async #probe(upstream: Upstream): Promise<void> {
    const label = randomBytes(12).toString('hex');
    const name = parseName(`${label}.loop-probe.portico.invalid`);
    const question = { name, type: Type.HINFO, class: 1 };
    const empty = { answers: [], authorities: [], additionals: [] };
    const wire = encodeMessage({ id: 0, flags: Flag.RD, rcode: 0, questions: [question], ...empty });
    this.#probes.set(name, upstream);
    const looped = this.#looping.delete(upstream);
    try {
      await upstream.exchange({ wire, question }, 'udp', AbortSignal.timeout(TIMEOUT_MS));
    } catch {
      // Silent or away: the forwarder notices that itself.
    }
    this.#probes.delete(name);
    if (!looped || this.#looping.has(upstream)) return;
    this.#forwarder.setObstacle(upstream, undefined);
    this.#log.info('the forwarding loop is gone', { upstream: upstream.label });
  }

  stop(): void {
    this.#stopped = true;
    this.#clock.clear(this.#timer);
  }
}
