// Forwards questions to upstream servers. A late reply makes it ask the next upstream as well, a dead one costs one
// round trip, and everything is over before the client's own five seconds are.
import { Class, Ede, encodeMessage, Flag, isBelow, Rcode, rcodeName, ROOT } from '../../../dnswire/index.ts';
import type { Message, WireName } from '../../../dnswire/index.ts';
import type { Clock } from '../../../clock/index.ts';
import type { Logger } from '../../../log/index.ts';
import { Counter, Gauge, Histogram } from '../../../metrics/index.ts';
import type { Registry } from '../../../metrics/index.ts';
import { emptyAnswer } from '../../plugin.ts';
import type { Answer, DnsPlugin, Query } from '../../plugin.ts';
import { UpstreamError } from './exchange.ts';
import type { OutgoingQuery, UpstreamAddress } from './exchange.ts';
import { NOT_NEEDED, Upstream } from './upstream.ts';

export interface ForwardConfig {
  /** Names that are forwarded. */
  readonly zone: WireName;
  readonly except: readonly WireName[];
  readonly upstreams: readonly UpstreamAddress[];
  readonly policy: 'random' | 'round_robin' | 'sequential';
  readonly forceTcp: boolean;
  readonly preferUdp: boolean;
  readonly maxConcurrent: number;
  readonly maxFails: number;
  readonly healthCheckMs: number;
  /** SERVFAIL at once when all upstreams are down, instead of trying them. */
  readonly failfast: boolean;
  /** Reply codes after which the next forwarder is asked. */
  readonly nextOn: readonly number[];
  /** Reply codes after which another upstream is asked. */
  readonly failoverOn: readonly number[];
}

export interface ForwardDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: ForwardMetrics;
  readonly random?: () => number;
}

/** Less than the five seconds of resolvers, with time left for the way back. */
const DEADLINE_MS = 4500;
const MAX_ATTEMPTS = 6;
const UDP_SIZE = 1232;

export class ForwardMetrics {
  readonly durations: Histogram;
  readonly probeFailures: Counter;
  readonly reused: Counter;
  readonly opened: Counter;
  readonly allBroken: Counter;
  readonly rejected: Counter;
  readonly healthy: Gauge;

  constructor(registry: Registry) {
    const add = registry.register.bind(registry);
    const bounds = [0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8];
    this.durations = add(
      new Histogram('coredns_proxy_request_duration_seconds', 'Time of requests to an upstream.', bounds),
    );
    this.probeFailures = add(
      new Counter('coredns_proxy_healthcheck_failures_total', 'Failed health checks of an upstream.'),
    );
    this.reused = add(
      new Counter('coredns_proxy_conn_cache_hits_total', 'Requests to an upstream over a socket that was open.'),
    );
    this.opened = add(
      new Counter('coredns_proxy_conn_cache_misses_total', 'Requests to an upstream that opened a socket.'),
    );
    this.allBroken = add(
      new Counter('coredns_forward_healthcheck_broken_total', 'Questions that came while all upstreams were down.'),
    );
    this.rejected = add(
      new Counter('coredns_forward_max_concurrent_rejects_total', 'Questions refused because too many were under way.'),
    );
    this.healthy = add(new Gauge('portico_dns_upstream_healthy', '1 while the upstream answers.'));
  }
}

export interface Forwarder extends DnsPlugin {
  readonly upstreams: readonly Upstream[];
  /** A reason not to use the upstream, such as a forwarding loop; undefined: none. */
  setObstacle(upstream: Upstream, why: string | undefined): void;
}

export function createForward(config: ForwardConfig, deps: ForwardDeps): Forwarder {
  return new Forward(config, deps);
}

class Forward implements Forwarder {
  readonly name = 'forward';
  readonly upstreams: readonly Upstream[];
  readonly #config: ForwardConfig;
  readonly #deps: ForwardDeps;
  readonly #random: () => number;
  readonly #obstacles = new Map<Upstream, string>();
  #underWay = 0;
  #turn = 0;

  constructor(config: ForwardConfig, deps: ForwardDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#random = deps.random ?? Math.random;
    const { metrics, log } = deps;
    this.upstreams = config.upstreams.map(
      (target) =>
        new Upstream(target, {
          clock: deps.clock,
          maxFails: config.maxFails,
          healthCheckMs: config.healthCheckMs,
          onStateChange: (upstream, healthy) => {
            metrics.healthy.set(healthy ? 1 : 0, { to: upstream.label });
            if (healthy) log.info('the upstream answers again', { upstream: upstream.label });
            else log.warn('the upstream does not answer: asking the others first', { upstream: upstream.label });
          },
          onUse: (upstream, proto, reused) =>
            (reused ? metrics.reused : metrics.opened).inc({ proxy_name: 'forward', to: upstream.label, proto }),
          onProbeFailure: (upstream) => metrics.probeFailures.inc({ proxy_name: 'forward', to: upstream.label }),
        }),
    );
    for (const upstream of this.upstreams) metrics.healthy.set(1, { to: upstream.label });
  }

  concerns(key: WireName): boolean {
    return this.#covers(key);
  }

  setObstacle(upstream: Upstream, why: string | undefined): void {
    if (why === undefined) this.#obstacles.delete(upstream);
    else this.#obstacles.set(upstream, why);
  }

  stop(): void {
    for (const upstream of this.upstreams) upstream.stop();
  }

  #covers(key: WireName): boolean {
    const { zone, except } = this.#config;
    return (zone === ROOT || isBelow(key, zone)) && !except.some((z) => isBelow(key, z));
  }

  async handle(query: Query, next: () => Promise<Answer>): Promise<Answer> {
    if (query.class !== Class.IN || !this.#covers(query.key)) return next();
    if (this.#underWay >= this.#config.maxConcurrent) {
      this.#deps.metrics.rejected.inc();
      const text = `more than ${this.#config.maxConcurrent} questions are waiting for upstream servers`;
      return emptyAnswer(Rcode.REFUSED, this.name, { code: Ede.OTHER, text });
    }
    this.#underWay += 1;
    let answer: Answer;
    try {
      answer = await this.#forward(query);
    } finally {
      this.#underWay -= 1;
    }
    if (!this.#config.nextOn.includes(answer.rcode)) return answer;
    const other = await next();
    // Nobody behind this one forwards the name.
    return other.from === '' ? answer : other;
  }

  async #forward(query: Query): Promise<Answer> {
    const order = this.#order();
    const first = order[0];
    if (first === undefined) return this.#noUpstream();
    if (order.every((u) => !u.healthy)) {
      this.#deps.metrics.allBroken.inc();
      if (this.#config.failfast)
        return this.#failure(
          Ede.NO_REACHABLE_AUTHORITY,
          `no upstream answers: ${order.map((u) => u.label).join(', ')}`,
        );
    }
    const outgoing = outgoingQuery(query);
    const { message, upstream, error } = await this.#race(query, outgoing, order);
    if (message !== undefined && upstream !== undefined) return answerOf(message, this.name);
    query.trace?.push(`no upstream answered: ${error?.message ?? ''}`);
    const names = order.map((u) => u.label).join(', ');
    return this.#failure(
      Ede.NO_REACHABLE_AUTHORITY,
      `no answer from upstream ${names}: ${error?.message ?? 'too late'}`,
    );
  }

  #noUpstream(): Answer {
    const why = [...this.#obstacles.values()][0] ?? 'no upstream server is configured';
    return this.#failure(Ede.OTHER, why);
  }

  #failure(code: number, text: string): Answer {
    return emptyAnswer(Rcode.SERVFAIL, this.name, { code, text });
  }

  /** The upstreams in the order to try them: by policy, live ones first. */
  #order(): Upstream[] {
    const usable = this.upstreams.filter((u) => !this.#obstacles.has(u));
    const { policy } = this.#config;
    let start = 0;
    if (policy === 'random') start = Math.floor(this.#random() * usable.length);
    else if (policy === 'round_robin') start = this.#turn++ % Math.max(1, usable.length);
    const turned = [...usable.slice(start), ...usable.slice(0, start)];
    return [...turned.filter((u) => u.healthy), ...turned.filter((u) => !u.healthy)];
  }

  /** Asks one upstream after another without dropping those that are only late; the first good reply wins. */
  #race(
    query: Query,
    outgoing: OutgoingQuery,
    order: readonly Upstream[],
  ): Promise<{ message?: Message; upstream?: Upstream; error?: Error }> {
    const { clock } = this.#deps;
    const settled = Promise.withResolvers<{ message?: Message; upstream?: Upstream; error?: Error }>();
    const stop = new AbortController();
    const deadline = clock.after(DEADLINE_MS, () => finish({ error: new UpstreamError('no reply in time') }));
    let hedge: unknown;
    let attempts = 0;
    let running = 0;
    // SERVFAIL and REFUSED are answers, but another upstream may know better.
    let second: { message: Message; upstream: Upstream } | undefined;
    const finish = (result: { message?: Message; upstream?: Upstream; error?: Error }) => {
      clock.clear(deadline);
      clock.clear(hedge);
      stop.abort(NOT_NEEDED);
      settled.resolve(result.message === undefined && second !== undefined ? second : result);
    };
    const attempt = () => {
      const upstream = order[attempts % order.length];
      if (upstream === undefined || attempts >= MAX_ATTEMPTS) return;
      attempts += 1;
      running += 1;
      query.trace?.push(`asking ${upstream.label}`);
      clock.clear(hedge);
      // The same upstream again gets more time: the packet may be lost, the server busy.
      const patience = Math.min(1000, upstream.patienceMs * 1.5 ** Math.floor((attempts - 1) / order.length));
      hedge = clock.after(patience, attempt);
      this.#ask(upstream, outgoing, query, stop.signal).then(
        (message) => {
          running -= 1;
          const poor = this.#config.failoverOn.includes(message.rcode);
          query.trace?.push(`${upstream.label} answered ${rcodeName(message.rcode)}`);
          if (!poor) return finish({ message, upstream });
          second ??= { message, upstream };
          return another();
        },
        (error: unknown) => {
          running -= 1;
          lastError = error instanceof Error ? error : new UpstreamError(String(error));
          another();
        },
      );
    };
    let lastError: Error | undefined;
    /** After a failure: the next upstream at once, but the same one only in its time. */
    const another = () => {
      if (attempts < order.length) attempt();
      else if (running === 0 && (second !== undefined || attempts >= 2 * order.length))
        finish(lastError === undefined ? {} : { error: lastError });
    };
    attempt();
    return settled.promise;
  }

  async #ask(upstream: Upstream, query: OutgoingQuery, asked: Query, signal: AbortSignal): Promise<Message> {
    const { clock, metrics } = this.#deps;
    const started = clock.monotonic();
    const { forceTcp, preferUdp } = this.#config;
    const timed = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
    const useTcp = forceTcp || (asked.transport === 'tcp' && !preferUdp);
    let message = await upstream.exchange(query, useTcp ? 'tcp' : 'udp', timed);
    // Cut short: the whole answer comes by TCP, whatever the client can take is decided when replying to it.
    if (!useTcp && (message.flags & Flag.TC) !== 0) {
      try {
        message = await upstream.exchange(query, 'tcp', timed);
      } catch (error) {
        // What there is, marked as cut, is better than nothing.
        if (!(error instanceof UpstreamError)) throw error;
      }
    }
    const seconds = (clock.monotonic() - started) / 1000;
    metrics.durations.observe(seconds, { proxy_name: 'forward', to: upstream.label, rcode: rcodeName(message.rcode) });
    return message;
  }
}

/** The client's question as this server asks it: own id, own EDNS, the client's DO and CD. */
function outgoingQuery(query: Query): OutgoingQuery {
  const question = { name: query.key, type: query.type, class: query.class };
  const wire = encodeMessage({
    id: 0,
    flags: Flag.RD | (query.flags & (Flag.CD | Flag.AD)),
    rcode: 0,
    questions: [question],
    answers: [],
    authorities: [],
    additionals: [],
    edns: { udpSize: UDP_SIZE, version: 0, dnssecOk: query.edns?.dnssecOk ?? false, options: [] },
  });
  return { wire, question };
}

export function answerOf(message: Message, from: string): Answer {
  const answer: Answer = {
    rcode: message.rcode,
    authoritative: (message.flags & Flag.AA) !== 0,
    answers: message.answers,
    authorities: message.authorities,
    additionals: message.additionals,
    from,
    authenticated: (message.flags & Flag.AD) !== 0,
    truncated: (message.flags & Flag.TC) !== 0,
  };
  return answer;
}
