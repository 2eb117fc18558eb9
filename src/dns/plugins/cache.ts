// Remembers answers from elsewhere (RFC 2308 for the negative ones), asks once for equal questions that are under way,
// and falls back to what it knew when the upstreams are silent (RFC 8767). The cluster's own zone never passes here.
import { Ede, Flag, isBelow, Rcode, ROOT, soaMinimum, Type } from '../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../dnswire/index.ts';
import type { Clock } from '../../clock/index.ts';
import { Counter, Gauge } from '../../metrics/index.ts';
import type { Registry } from '../../metrics/index.ts';
import type { Answer, DnsPlugin, Query } from '../plugin.ts';

export interface CacheConfig {
  /** Names that are kept; empty: all. */
  readonly zones: readonly WireName[];
  /** Longest time an answer is kept, seconds. */
  readonly maxTtlSeconds: number;
  readonly maxNegativeTtlSeconds: number;
  /** Shorter times of the upstream are raised to this. */
  readonly minTtlSeconds: number;
  readonly capacity: number;
  readonly negativeCapacity: number;
  /** How long after its end an answer may still be served when nobody answers; 0: never. */
  readonly serveStaleSeconds: number;
  /** `verify`: ask first whether there is news. `immediate`: send the old answer, ask meanwhile. */
  readonly staleMode: 'verify' | 'immediate';
  /** Answers that are asked for often are asked anew before their time is over; undefined: none. */
  readonly prefetch?: PrefetchConfig;
  readonly servfailTtlSeconds: number;
  /** Answers keep their TTL as long as they are kept, instead of counting down. */
  readonly keepTtl: boolean;
  /** Zones whose answers, or denials, are not kept. */
  readonly disableSuccess: readonly WireName[];
  readonly disableDenial: readonly WireName[];
}

export interface PrefetchConfig {
  /** Questions after which an answer counts as popular. */
  readonly amount: number;
  /** A longer pause between two of them begins anew. */
  readonly pauseMs: number;
  /** How much of its time is left when it is asked again. */
  readonly percent: number;
}

export const CACHE_DEFAULTS: CacheConfig = {
  zones: [],
  maxTtlSeconds: 30,
  maxNegativeTtlSeconds: 30,
  minTtlSeconds: 5,
  capacity: 9984,
  negativeCapacity: 9984,
  serveStaleSeconds: 3600,
  staleMode: 'verify',
  servfailTtlSeconds: 5,
  keepTtl: false,
  disableSuccess: [],
  disableDenial: [],
};

/** TTL of stale records (RFC 8767 §4). */
const STALE_TTL = 30;

interface Entry {
  readonly answer: Answer;
  readonly storedAt: number;
  readonly endsAt: number;
  /** How often it was asked for without a pause, and when last. */
  seen: number;
  seenAt: number;
}

export class CacheMetrics {
  readonly requests: Counter;
  readonly hits: Counter;
  readonly misses: Counter;
  readonly evictions: Counter;
  readonly stale: Counter;
  readonly prefetched: Counter;
  readonly entries: Gauge;

  constructor(registry: Registry) {
    const counter = (name: string, help: string) => registry.register(new Counter(`coredns_cache_${name}_total`, help));
    this.requests = counter('requests', 'Questions that reached the cache.');
    this.hits = counter('hits', 'Answers from the cache, by type success or denial.');
    this.misses = counter('misses', 'Questions the cache could not answer.');
    this.evictions = counter('evictions', 'Answers dropped to make room.');
    this.stale = counter('served_stale', 'Answers served past their end because no upstream answered.');
    this.prefetched = counter('prefetch', 'Answers asked for anew before their time was over.');
    this.entries = registry.register(new Gauge('coredns_cache_entries', 'Answers kept, by type.'));
  }
}

export interface CacheDeps {
  readonly clock: Clock;
  readonly metrics: CacheMetrics;
  /** Of the server block. */
  readonly labels: { readonly server: string; readonly zones: string; readonly view: string };
}

export function createCache(config: CacheConfig, deps: CacheDeps): DnsPlugin {
  return new Cache(config, deps);
}

class Cache implements DnsPlugin {
  readonly name = 'cache';
  readonly #config: CacheConfig;
  readonly #clock: Clock;
  readonly #metrics: CacheMetrics;
  readonly #labels: CacheDeps['labels'];
  readonly #success = new Map<string, Entry>();
  readonly #denial = new Map<string, Entry>();
  readonly #underWay = new Map<string, Promise<Answer>>();

  constructor(config: CacheConfig, deps: CacheDeps) {
    this.#config = config;
    this.#clock = deps.clock;
    this.#metrics = deps.metrics;
    this.#labels = deps.labels;
  }

  async handle(query: Query, next: () => Promise<Answer>): Promise<Answer> {
    const { zones, staleMode } = this.#config;
    if (query.type === Type.AXFR || query.type === Type.IXFR) return next();
    if (zones.length > 0 && !zones.some((zone) => zone === ROOT || isBelow(query.key, zone))) return next();
    this.#metrics.requests.inc(this.#labels);
    const key = keyOf(query);
    const now = this.#clock.monotonic();
    const known = this.#known(key);
    if (known !== undefined && now < known.endsAt) {
      this.#metrics.hits.inc({ ...this.#labels, type: this.#success.has(key) ? 'success' : 'denial' });
      query.trace?.push('found in the cache');
      if (this.#isDue(known, now) && !this.#underWay.has(key)) {
        this.#metrics.prefetched.inc(this.#labels);
        this.#inBackground(query, key, next);
      }
      return aged(known, this.#config.keepTtl ? known.storedAt : now);
    }
    this.#metrics.misses.inc(this.#labels);
    if (staleMode === 'immediate' && this.#canServeStale(known, now)) {
      this.#metrics.stale.inc(this.#labels);
      if (!this.#underWay.has(key)) this.#inBackground(query, key, next);
      return stale(known.answer, undefined);
    }
    return this.#fetch(query, key, next);
  }

  #known(key: string): Entry | undefined {
    return this.#success.get(key) ?? this.#denial.get(key);
  }

  /** A popular answer whose time is nearly over. */
  #isDue(entry: Entry, now: number): boolean {
    const { prefetch } = this.#config;
    if (prefetch === undefined) return false;
    entry.seen = now - entry.seenAt > prefetch.pauseMs ? 1 : entry.seen + 1;
    entry.seenAt = now;
    const early = Math.max(1000, ((entry.endsAt - entry.storedAt) * prefetch.percent) / 100);
    return entry.seen >= prefetch.amount && entry.endsAt - now <= early;
  }

  #canServeStale(entry: Entry | undefined, now: number): entry is Entry {
    if (entry === undefined || entry.answer.rcode === Rcode.SERVFAIL) return false;
    return now - entry.endsAt < this.#config.serveStaleSeconds * 1000;
  }

  #inBackground(query: Query, key: string, next: () => Promise<Answer>): void {
    // A failure leaves what is known; the next question tells its client.
    this.#fetch(query, key, next).catch(() => undefined);
  }

  async #fetch(query: Query, key: string, next: () => Promise<Answer>): Promise<Answer> {
    let pending = this.#underWay.get(key);
    if (pending === undefined) {
      pending = next().finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, pending);
    } else query.trace?.push('joined an equal question under way');
    const answer = await pending;
    if (answer.rcode !== Rcode.SERVFAIL) return this.#store(query, key, answer);
    const old = this.#known(key);
    if (this.#canServeStale(old, this.#clock.monotonic())) {
      this.#metrics.stale.inc(this.#labels);
      return stale(old.answer, answer.error?.text);
    }
    return this.#store(query, key, answer);
  }

  /** Returns the answer with the lifetime it has here, so that clients do not see TTLs jump. */
  #store(query: Query, key: string, answer: Answer): Answer {
    // A part of an answer must not be taken for the whole.
    if (answer.truncated === true) return answer;
    const positive = answer.rcode === Rcode.NOERROR && answer.answers.length > 0;
    const disabled = positive ? this.#config.disableSuccess : this.#config.disableDenial;
    if (disabled.some((zone) => zone === ROOT || isBelow(query.key, zone))) return answer;
    const ttl = this.#lifetime(answer, positive);
    if (ttl === undefined) return answer;
    const table = positive ? this.#success : this.#denial;
    const capacity = positive ? this.#config.capacity : this.#config.negativeCapacity;
    const now = this.#clock.monotonic();
    // What was popular stays so.
    const seen = this.#known(key)?.seen ?? 0;
    (positive ? this.#denial : this.#success).delete(key);
    table.delete(key);
    if (table.size >= capacity) {
      // The oldest entry: a Map keeps the order of insertion.
      for (const oldest of table.keys()) {
        table.delete(oldest);
        break;
      }
      this.#metrics.evictions.inc({ ...this.#labels, type: positive ? 'success' : 'denial' });
    }
    const capped = cap(answer, ttl);
    table.set(key, { answer: capped, storedAt: now, endsAt: now + ttl * 1000, seen, seenAt: now });
    this.#metrics.entries.set(this.#success.size, { ...this.#labels, type: 'success' });
    this.#metrics.entries.set(this.#denial.size, { ...this.#labels, type: 'denial' });
    return capped;
  }

  /** Seconds to keep an answer; undefined: not at all. */
  #lifetime(answer: Answer, positive: boolean): number | undefined {
    const { maxTtlSeconds, maxNegativeTtlSeconds, minTtlSeconds, servfailTtlSeconds } = this.#config;
    if (answer.rcode === Rcode.SERVFAIL) return servfailTtlSeconds > 0 ? servfailTtlSeconds : undefined;
    if (positive) {
      const shortest = Math.min(...answer.answers.map((r) => r.ttl), ...answer.authorities.map((r) => r.ttl));
      return Math.min(maxTtlSeconds, Math.max(minTtlSeconds, shortest));
    }
    if (answer.rcode !== Rcode.NOERROR && answer.rcode !== Rcode.NXDOMAIN) return undefined;
    const soa = answer.authorities.find((r) => r.type === Type.SOA);
    // RFC 2308 §5: a denial without SOA has no lifetime.
    if (soa === undefined) return undefined;
    const ttl = Math.min(soa.ttl, soaMinimum(soa.rdata));
    return Math.min(maxNegativeTtlSeconds, Math.max(minTtlSeconds, ttl));
  }
}

/** Answers differ by DO and CD; the letters of the question do not matter. */
function keyOf(query: Query): string {
  const bits = (query.edns?.dnssecOk === true ? 1 : 0) | ((query.flags & Flag.CD) !== 0 ? 2 : 0);
  return String.fromCharCode(query.type, query.class, bits) + query.key;
}

const withTtl = (records: readonly ResourceRecord[], ttl: (old: number) => number): ResourceRecord[] =>
  records.map((r) => ({ ...r, ttl: ttl(r.ttl) }));

function mapTtl(answer: Answer, ttl: (old: number) => number): Answer {
  const { answers, authorities, additionals } = answer;
  return {
    ...answer,
    answers: withTtl(answers, ttl),
    authorities: withTtl(authorities, ttl),
    additionals: withTtl(additionals, ttl),
  };
}

const cap = (answer: Answer, seconds: number): Answer => mapTtl(answer, (ttl) => Math.min(ttl, seconds));

function aged(entry: Entry, now: number): Answer {
  const left = Math.max(0, Math.ceil((entry.endsAt - now) / 1000));
  const answer = cap(entry.answer, left);
  // Some stub resolvers take only authoritative answers; CoreDNS marks cached ones so too.
  return { ...answer, authoritative: true, from: 'cache' };
}

function stale(answer: Answer, why: string | undefined): Answer {
  const code = answer.rcode === Rcode.NXDOMAIN ? Ede.STALE_NXDOMAIN : Ede.STALE_ANSWER;
  const text = why === undefined ? 'no upstream answers; from the cache' : `${why}; from the cache`;
  return { ...mapTtl(answer, () => STALE_TTL), authoritative: true, from: 'cache', error: { code, text } };
}
