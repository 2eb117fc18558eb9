// Counting queries without allocating: arrays on the way of a packet, text only when somebody scrapes. The metric names
// are those of CoreDNS, because dashboards and alerts are built on them.
import { rcodeName, Type, typeName } from '../../dnswire/index.ts';
import type { Registry } from '../../metrics/index.ts';

// CoreDNS reports these types by name and the rest as "other".
const TYPES = [Type.A, Type.AAAA, Type.MX, Type.SOA, Type.CNAME, Type.TXT, Type.NS, Type.SRV, Type.DS, Type.DNSKEY];
const MORE = [Type.RRSIG, Type.NSEC, Type.NSEC3, Type.HTTPS, Type.PTR, Type.ANY, Type.AXFR, Type.IXFR];
const SLOTS: readonly number[] = [...TYPES, ...MORE];
const SLOT_OF = new Uint8Array(512).fill(SLOTS.length);
for (const [slot, type] of SLOTS.entries()) SLOT_OF[type] = slot;
const SLOT_COUNT = SLOTS.length + 1;
const RCODES = 24;
const DURATIONS = Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i);
const SIZES = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16000, 32000, 48000, 64000];

/** Which server block answered; undefined: none, shown as zone "dropped". */
export type AnsweredBy = { readonly label: string; readonly view: string } | undefined;

/** What is counted for one zone, view and plugin. */
class Tally {
  readonly zone: string;
  readonly view: string;
  readonly plugin: string;
  /** [proto][family][type] */
  readonly requests = new Float64Array(4 * SLOT_COUNT);
  readonly responses = new Float64Array(4 * RCODES);
  readonly dnssec = new Float64Array(4);
  readonly durations = new Float64Array(4 * (DURATIONS.length + 2));
  readonly requestSizes = new Float64Array(4 * (SIZES.length + 2));
  readonly responseSizes = new Float64Array(4 * (SIZES.length + 2));

  constructor(block: AnsweredBy, plugin: string) {
    this.zone = block?.label ?? 'dropped';
    this.view = block?.view ?? '';
    this.plugin = plugin;
  }
}

export class QueryMetrics {
  readonly #server: string;
  readonly #tallies = new Map<string, Tally>();
  /** Last used: nearly every query is for the same zone. */
  #lastBlock: AnsweredBy;
  #lastPlugin = '';
  #last = new Tally(undefined, '');

  constructor(registry: Registry, server: string) {
    this.#server = server;
    this.#tallies.set('||', this.#last);
    const row = (name: string, help: string, type: 'counter' | 'histogram', lines: () => Iterable<string>) =>
      registry.register({ name, help, type, lines });
    row('coredns_dns_requests_total', 'DNS requests by zone, protocol, family and type.', 'counter', () =>
      this.#requestLines(),
    );
    row('coredns_dns_responses_total', 'DNS replies by zone, rcode and answering plugin.', 'counter', () =>
      this.#responseLines(),
    );
    row('coredns_dns_do_requests_total', 'DNS requests with the DO bit.', 'counter', () => this.#dnssecLines());
    row('coredns_dns_request_duration_seconds', 'Time to answer a request.', 'histogram', () =>
      this.#histogram('coredns_dns_request_duration_seconds', DURATIONS, (t) => t.durations, false),
    );
    row('coredns_dns_request_size_bytes', 'Size of requests.', 'histogram', () =>
      this.#histogram('coredns_dns_request_size_bytes', SIZES, (t) => t.requestSizes, true),
    );
    row('coredns_dns_response_size_bytes', 'Size of replies.', 'histogram', () =>
      this.#histogram('coredns_dns_response_size_bytes', SIZES, (t) => t.responseSizes, true),
    );
  }

  /**
   * @param lane 0–3: bit 0 TCP, bit 1 IPv6.
   */
  count(
    block: AnsweredBy,
    plugin: string,
    lane: number,
    type: number,
    rcode: number,
    dnssecOk: boolean,
    requestSize: number,
    responseSize: number,
    durationMs: number,
  ): void {
    let tally = this.#last;
    if (block !== this.#lastBlock || plugin !== this.#lastPlugin) {
      const key = `${block?.label ?? ''}|${block?.view ?? ''}|${plugin}`;
      tally = this.#tallies.get(key) ?? new Tally(block, plugin);
      this.#tallies.set(key, tally);
      this.#last = tally;
      this.#lastBlock = block;
      this.#lastPlugin = plugin;
    }
    bump(tally.requests, lane * SLOT_COUNT + (type < 512 ? (SLOT_OF[type] as number) : SLOTS.length));
    bump(tally.responses, lane * RCODES + Math.min(rcode, RCODES - 1));
    if (dnssecOk) bump(tally.dnssec, lane);
    observe(tally.durations, lane, DURATIONS, durationMs / 1000);
    observe(tally.requestSizes, lane, SIZES, requestSize);
    observe(tally.responseSizes, lane, SIZES, responseSize);
  }

  /** Zone and view are names of the configuration. */
  #block({ zone, view }: Tally): string {
    return `server="${this.#server}",zone="${zone}",view="${view}"`;
  }

  #labels(tally: Tally, lane: number): string {
    return `${this.#block(tally)},${laneLabels(lane)}`;
  }

  *#requestLines(): Iterable<string> {
    const sums = new Map<string, number>();
    for (const tally of this.#tallies.values())
      for (let lane = 0; lane < 4; lane++)
        for (let slot = 0; slot < SLOT_COUNT; slot++) {
          const value = tally.requests[lane * SLOT_COUNT + slot] as number;
          const type = SLOTS[slot];
          const labels = `${this.#labels(tally, lane)},type="${type === undefined ? 'other' : typeName(type)}"`;
          if (value > 0) sums.set(labels, (sums.get(labels) ?? 0) + value);
        }
    for (const [labels, value] of sums) yield `coredns_dns_requests_total{${labels}} ${value}`;
  }

  *#responseLines(): Iterable<string> {
    for (const tally of this.#tallies.values())
      for (let lane = 0; lane < 4; lane++)
        for (let rcode = 0; rcode < RCODES; rcode++) {
          const value = tally.responses[lane * RCODES + rcode] as number;
          if (value === 0) continue;
          const labels = `${this.#labels(tally, lane)},rcode="${rcodeName(rcode)}",plugin="${tally.plugin}"`;
          yield `coredns_dns_responses_total{${labels}} ${value}`;
        }
  }

  *#dnssecLines(): Iterable<string> {
    for (const tally of this.#tallies.values())
      for (let lane = 0; lane < 4; lane++) {
        const value = tally.dnssec[lane] as number;
        if (value > 0)
          yield `coredns_dns_do_requests_total{${this.#labels(tally, lane)},plugin="${tally.plugin}"} ${value}`;
      }
  }

  *#histogram(
    name: string,
    bounds: readonly number[],
    of: (tally: Tally) => Float64Array,
    byLane: boolean,
  ): Iterable<string> {
    const width = bounds.length + 2;
    const sums = new Map<string, Float64Array>();
    for (const tally of this.#tallies.values())
      for (let lane = 0; lane < 4; lane++) {
        const from = of(tally).subarray(lane * width, (lane + 1) * width);
        if (from.every((v) => v === 0)) continue;
        const zone = this.#block(tally);
        const labels = byLane ? `${zone},proto="${lane & 1 ? 'tcp' : 'udp'}"` : zone;
        const sum = sums.get(labels) ?? new Float64Array(width);
        for (let i = 0; i < width; i++) sum[i] = (sum[i] as number) + (from[i] as number);
        sums.set(labels, sum);
      }
    for (const [labels, counts] of sums) {
      let total = 0;
      for (const [i, bound] of bounds.entries()) {
        total += counts[i] as number;
        yield `${name}_bucket{${labels},le="${bound}"} ${total}`;
      }
      total += counts[bounds.length] as number;
      yield `${name}_bucket{${labels},le="+Inf"} ${total}`;
      yield `${name}_sum{${labels}} ${counts[bounds.length + 1] as number}`;
      yield `${name}_count{${labels}} ${total}`;
    }
  }
}

const laneLabels = (lane: number): string => `proto="${lane & 1 ? 'tcp' : 'udp'}",family="${lane & 2 ? '2' : '1'}"`;

function bump(counts: Float64Array, at: number): void {
  counts[at] = (counts[at] as number) + 1;
}

/** Buckets, then the overflow bucket, then the sum. */
function observe(counts: Float64Array, lane: number, bounds: readonly number[], value: number): void {
  const base = lane * (bounds.length + 2);
  let i = 0;
  while (i < bounds.length && value > (bounds[i] as number)) i += 1;
  bump(counts, base + i);
  counts[base + bounds.length + 1] = (counts[base + bounds.length + 1] as number) + value;
}
