// From a packet to a reply, for every transport. Prepared answers leave in the same turn; the rest goes through the
// plugins. Each query gets exactly one reply, or none when it is no query at all.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock/index.ts';
import { asBuffer, Class, Ede, EdnsOption, findOption, parseQuery, QueryView, Rcode } from '../../dnswire/index.ts';
import { className, formatName, opcodeOf, typeName } from '../../dnswire/index.ts';
import type { Logger } from '../../log/index.ts';
import { emptyAnswer } from '../plugin.ts';
import type { Answer, Query, Transport } from '../plugin.ts';
import { appendOpt, reservedForOpt } from './append-opt.ts';
import { writeBadVersion, writeBareReply } from './bare-reply.ts';
import { isCookie } from './cookies.ts';
import { encodeAnswer, flagsOf, messagesOf } from './encode-answer.ts';
import type { ReplySettings } from './encode-answer.ts';
import { ownAnswer } from './own-answer.ts';
import type { ServerIdentity } from './own-answer.ts';
import type { AnsweredBy, QueryMetrics } from './query-metrics.ts';
import { queryOf } from './query-of.ts';
import { blockOf, concerned } from './server-block.ts';
import type { ServerBlock } from './server-block.ts';
import type { QuestionFacts } from '../view/view.ts';

export interface QueryLogEntry {
  readonly query: Query;
  readonly id: number;
  readonly rcode: number;
  readonly flags: number;
  readonly requestSize: number;
  readonly responseSize: number;
  readonly durationMs: number;
}

export interface ResponderOptions extends Omit<ReplySettings, 'cookieSecret'>, ServerIdentity {
  readonly blocks: readonly ServerBlock[];
  /** As configured. */
  readonly port: number;
  readonly metrics: QueryMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onPanic: () => void;
  readonly queryLog?: (entry: QueryLogEntry) => void;
}

export interface ClientAddress {
  readonly address: string;
  readonly port: number;
  readonly family: string;
}

/** For a reply that is not ready in the same turn: who asked and how to reach them, valid beyond it. */
export interface LateReply {
  readonly client: ClientAddress;
  send(bytes: Uint8Array): void;
}

/** What is the same for everything that happens to one packet. */
interface Arrival {
  readonly transport: Transport;
  readonly client: ClientAddress;
  /** Bytes of the packet. */
  readonly length: number;
  readonly startedMs: number;
}

export class Responder {
  /** Replies of the short way are here, valid until the next call of `handle`. */
  readonly out = asBuffer(Buffer.allocUnsafeSlow(65535 + 512));
  #options: ResponderOptions;
  #settings: ReplySettings;
  readonly #view = new QueryView();
  readonly #cookieSecret = new Uint8Array(randomBytes(16));
  #pending = 0;
  /** Packets so far, of whatever kind. */
  handled = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#settings = { ...options, cookieSecret: this.#cookieSecret };
  }

  /** Takes effect with the next packet; questions on their way keep their chain. */
  reconfigure(options: ResponderOptions): void {
    this.#options = options;
    this.#settings = { ...options, cookieSecret: this.#cookieSecret };
  }

  /** Questions that wait for an answer from elsewhere. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Returns the length of the reply in `out`, or 0: no reply, or one that comes through `later`.
   * Never throws. `packet` and `client` are not used after the call.
   */
  handle(
    packet: Uint8Array,
    length: number,
    transport: Transport,
    client: ClientAddress,
    later: () => LateReply,
  ): number {
    this.handled += 1;
    try {
      return this.#handle(packet, { transport, client, length, startedMs: this.#options.clock.monotonic() }, later);
    } catch (error) {
      this.#panic(error);
      return writeBareReply(packet, Rcode.SERVFAIL, this.out);
    }
  }

  #panic(error: unknown): void {
    this.#options.onPanic();
    this.#options.log.error('answering a query failed; this is a mistake in the server', { error });
  }

  #handle(packet: Uint8Array, arrival: Arrival, later: () => LateReply): number {
    const { length, transport } = arrival;
    const view = this.#view;
    switch (parseQuery(packet, length, view)) {
      case 'ok':
        break;
      case 'drop':
        return 0;
      case 'formerr':
        return this.#rejected(packet, Rcode.FORMERR, arrival);
      case 'notimp':
        return this.#rejected(packet, Rcode.NOTIMP, arrival);
      case 'notify':
        return this.#rejected(packet, Rcode.REFUSED, arrival);
      case 'badvers':
        return this.#rejected(packet, Rcode.BADVERS, arrival);
    }
    const cookie = view.optionsLength > 0 ? findOption(packet, view, EdnsOption.COOKIE) : undefined;
    // RFC 7873 §5.2.2: a cookie of an impossible length.
    if (cookie !== undefined && !isCookie(cookie)) return this.#rejected(packet, Rcode.FORMERR, arrival);
    const { maxUdpSize } = this.#options;
    const limit = transport === 'tcp' ? 65535 : view.hasEdns ? Math.min(view.udpSize, maxUdpSize) : 512;
    const block = blockOf(this.#options.blocks, view.key, () => this.#facts(arrival));
    const size = this.#prepared(block, packet, cookie, limit, arrival);
    if (size > 0) return size;
    const reply = later();
    const query = queryOf(view, packet, length, transport, reply.client, limit);
    void this.#resolve(block, query, view.id, cookie, arrival, reply);
    return 0;
  }

  /** The question as views see it. */
  #facts({ client, transport, length }: Arrival): QuestionFacts {
    const view = this.#view;
    return {
      id: view.id,
      opcode: opcodeOf(view.flags),
      name: formatName(view.key),
      type: typeName(view.type),
      class: className(view.class),
      clientAddress: client.address,
      clientPort: client.port,
      serverPort: this.#options.port,
      proto: transport,
      size: length,
      bufsize: view.udpSize,
      dnssecOk: view.dnssecOk,
    };
  }

  /** The short way; 0 when it does not lead to an answer. */
  #prepared(
    block: ServerBlock | undefined,
    packet: Uint8Array,
    cookie: string | undefined,
    limit: number,
    arrival: Arrival,
  ): number {
    const kubernetes = block?.kubernetes;
    const view = this.#view;
    if (block === undefined || kubernetes === undefined || view.class !== Class.IN) return 0;
    if (this.#options.queryLog !== undefined || concerned(block.before, view)) return 0;
    let size = kubernetes.fast(view, packet, this.out, limit - reservedForOpt(view, cookie));
    if (size === 0) return 0;
    if (view.hasEdns) {
      const request = {
        view,
        packet,
        cookie,
        transport: arrival.transport,
        clientAddress: () => arrival.client.address,
        reason: () => (kubernetes.negative ? kubernetes.reason(view.key, view.type) : undefined),
      };
      size = appendOpt(this.out, size, limit, request, this.#settings, this.#options.clock.now());
    }
    this.#count(block, kubernetes.name, (this.out[3] as number) & 15, size, arrival);
    return size;
  }

  async #resolve(
    block: ServerBlock | undefined,
    query: Query,
    id: number,
    cookie: string | undefined,
    arrival: Arrival,
    reply: LateReply,
  ): Promise<void> {
    const options = this.#options;
    this.#pending += 1;
    let answer: Answer;
    try {
      answer = ownAnswer(query, options) ?? (await ask(block, query));
    } catch (error) {
      this.#panic(error);
      answer = emptyAnswer(Rcode.SERVFAIL, '', { code: Ede.OTHER, text: 'the server failed on this question' });
    }
    this.#pending -= 1;
    let size = 0;
    for (const message of answer.silent === true ? [] : messagesOf(answer, query)) {
      const bytes = encodeAnswer(message, query, id, cookie, this.#settings, options.clock.now());
      size += bytes.length;
      reply.send(bytes);
    }
    const durationMs = options.clock.monotonic() - arrival.startedMs;
    const lane = (query.transport === 'tcp' ? 1 : 0) | (query.client.address.includes(':') ? 2 : 0);
    const by = answer.from === '' ? undefined : block;
    const dnssecOk = query.edns?.dnssecOk === true;
    const { rcode } = answer;
    options.metrics.count(by, answer.from, lane, query.type, rcode, dnssecOk, arrival.length, size, durationMs);
    if (options.queryLog === undefined) return;
    const flags = flagsOf(answer, query, options.recursion);
    options.queryLog({ query, id, rcode, flags, requestSize: arrival.length, responseSize: size, durationMs });
  }

  #rejected(packet: Uint8Array, rcode: number, arrival: Arrival): number {
    const size =
      rcode === Rcode.BADVERS
        ? writeBadVersion(packet, this.#options.maxUdpSize, this.out)
        : writeBareReply(packet, rcode, this.out);
    this.#count(undefined, '', rcode, size, arrival);
    return size;
  }

  #count(block: AnsweredBy, plugin: string, rcode: number, responseSize: number, arrival: Arrival): void {
    const { metrics, clock } = this.#options;
    const { type, dnssecOk } = this.#view;
    const lane = (arrival.transport === 'tcp' ? 1 : 0) | (arrival.client.family === 'IPv6' ? 2 : 0);
    const elapsed = clock.monotonic() - arrival.startedMs;
    metrics.count(block, plugin, lane, type, rcode, dnssecOk, arrival.length, responseSize, elapsed);
  }
}

function ask(block: ServerBlock | undefined, query: Query): Promise<Answer> {
  if (block !== undefined) return block.resolve(query);
  const error = { code: Ede.NOT_AUTHORITATIVE, text: 'no zone of this server holds the name' };
  return Promise.resolve(emptyAnswer(Rcode.REFUSED, '', error));
}
