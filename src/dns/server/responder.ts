// From a packet to a reply, for every transport. Prepared answers leave in the same turn; the rest goes through the
// plugins. Each query gets exactly one reply, or none when it is no query at all.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock/index.ts';
import {
  asBuffer,
  Class,
  decodeMessage,
  DnsWireError,
  Ede,
  EdnsOption,
  encodeMessage,
  findOption,
  Flag,
  formatName,
  isBelow,
  optRecord,
  parseQuery,
  QueryView,
  Rcode,
  ROOT,
  Type,
} from '../../dnswire/index.ts';
import type { Edns, EdnsOptionValue, ResourceRecord, WireName } from '../../dnswire/index.ts';
import type { Logger } from '../../log/index.ts';
import { emptyAnswer } from '../plugin.ts';
import type { Answer, DnsPlugin, Query, Transport } from '../plugin.ts';
import type { Resolve } from '../chain.ts';
import type { KubernetesPlugin } from '../plugins/kubernetes/kubernetes.ts';
import { serialOf } from '../plugins/kubernetes/transfer.ts';
import { answerCookie, isCookie } from './cookies.ts';
import type { QueryMetrics } from './query-metrics.ts';

/** Zones that are answered by one chain of plugins. */
export interface ServerBlock {
  readonly zones: readonly WireName[];
  readonly resolve: Resolve;
  /** Set when the short way may be taken, past `before` when none of those is concerned. */
  readonly kubernetes: KubernetesPlugin | undefined;
  readonly before: readonly DnsPlugin[];
}

export interface QueryLogEntry {
  readonly query: Query;
  readonly id: number;
  readonly rcode: number;
  readonly flags: number;
  readonly requestSize: number;
  readonly responseSize: number;
  readonly durationMs: number;
}

export interface ResponderOptions {
  readonly blocks: readonly ServerBlock[];
  /** Largest UDP reply, also advertised. 1232 passes every path unfragmented (DNS flag day 2020). */
  readonly maxUdpSize: number;
  /** Some block forwards, so recursion is available. */
  readonly recursion: boolean;
  /** Text for NSID and `id.server`: tells replicas apart. */
  readonly serverId: string;
  readonly version: string;
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

/** Seconds a TCP connection may idle, told to clients that ask (RFC 7828), in units of 100 ms. */
const KEEPALIVE = '\0\x64';
const COOKIE_LENGTH = 4 + 24;

export class Responder {
  /** Replies of the short way are here, valid until the next call of `handle`. */
  readonly out = asBuffer(Buffer.allocUnsafeSlow(65535 + 512));
  #options: ResponderOptions;
  readonly #view = new QueryView();
  readonly #secret = new Uint8Array(randomBytes(16));
  #pending = 0;
  /** Packets so far, of whatever kind. */
  handled = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** Takes effect with the next packet; questions on their way keep their chain. */
  reconfigure(options: ResponderOptions): void {
    this.#options = options;
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
      return this.#handle(packet, length, transport, client, later);
    } catch (error) {
      this.#panic(error);
      return this.#bare(packet, Rcode.SERVFAIL);
    }
  }

  #panic(error: unknown): void {
    this.#options.onPanic();
    this.#options.log.error('answering a query failed; this is a mistake in the server', { error });
  }

  #handle(
    packet: Uint8Array,
    length: number,
    transport: Transport,
    client: ClientAddress,
    later: () => LateReply,
  ): number {
    const started = this.#options.clock.monotonic();
    const view = this.#view;
    const verdict = parseQuery(packet, length, view);
    switch (verdict) {
      case 'ok':
        break;
      case 'drop':
        return 0;
      case 'formerr':
        return this.#rejected(Rcode.FORMERR, this.#bare(packet, Rcode.FORMERR), transport, client, length, started);
      case 'notimp':
        return this.#rejected(Rcode.NOTIMP, this.#bare(packet, Rcode.NOTIMP), transport, client, length, started);
      case 'notify':
        return this.#rejected(Rcode.REFUSED, this.#bare(packet, Rcode.REFUSED), transport, client, length, started);
      case 'badvers':
        return this.#rejected(Rcode.BADVERS, this.#badVersion(packet), transport, client, length, started);
    }
    let cookie: string | undefined;
    if (view.optionsLength > 0) {
      cookie = findOption(packet, view, EdnsOption.COOKIE);
      if (cookie !== undefined && !isCookie(cookie)) {
        // RFC 7873 §5.2.2: a cookie of an impossible length.
        return this.#rejected(Rcode.FORMERR, this.#bare(packet, Rcode.FORMERR), transport, client, length, started);
      }
    }
    const { maxUdpSize } = this.#options;
    const limit = transport === 'tcp' ? 65535 : view.hasEdns ? Math.min(view.udpSize, maxUdpSize) : 512;
    const block = this.#blockOf(view.key);
    const kubernetes = view.class === Class.IN && this.#options.queryLog === undefined ? block?.kubernetes : undefined;
    if (block !== undefined && kubernetes !== undefined && !concerned(block.before, view)) {
      const reserved = view.hasEdns ? 11 + (cookie === undefined ? 0 : COOKIE_LENGTH) : 0;
      let size = kubernetes.fast(view, packet, this.out, limit - reserved);
      if (size > 0) {
        if (view.hasEdns) size = this.#appendOpt(size, limit, packet, cookie, transport, client, kubernetes);
        const rcode = (this.out[3] as number) & 15;
        this.#count(zoneLabel(block), kubernetes.name, transport, client, view, rcode, length, size, started);
        return size;
      }
    }
    const reply = later();
    const query = this.#queryOf(packet, length, transport, reply.client, limit);
    void this.#resolve(block, query, view.id, cookie, length, started, reply);
    return 0;
  }

  async #resolve(
    block: ServerBlock | undefined,
    query: Query,
    id: number,
    cookie: string | undefined,
    requestSize: number,
    started: number,
    reply: LateReply,
  ): Promise<void> {
    const options = this.#options;
    this.#pending += 1;
    let answer: Answer;
    try {
      answer = this.#ownAnswer(query) ?? (await this.#ask(block, query));
    } catch (error) {
      this.#panic(error);
      answer = emptyAnswer(Rcode.SERVFAIL, '', { code: Ede.OTHER, text: 'the server failed on this question' });
    }
    this.#pending -= 1;
    let size = 0;
    for (const message of messagesOf(answer, query)) {
      const bytes = this.#encode(message, query, id, cookie);
      size += bytes.length;
      reply.send(bytes);
    }
    const durationMs = options.clock.monotonic() - started;
    const lane = (query.transport === 'tcp' ? 1 : 0) | (query.client.address.includes(':') ? 2 : 0);
    const zone = block === undefined || answer.from === '' ? '' : zoneLabel(block);
    const dnssecOk = query.edns?.dnssecOk === true;
    const { rcode } = answer;
    options.metrics.count(zone, answer.from, lane, query.type, rcode, dnssecOk, requestSize, size, durationMs);
    if (options.queryLog === undefined) return;
    const flags = this.#flags(answer, query);
    options.queryLog({ query, id, rcode, flags, requestSize, responseSize: size, durationMs });
  }

  #ask(block: ServerBlock | undefined, query: Query): Promise<Answer> {
    if (block !== undefined) return block.resolve(query);
    const error = { code: Ede.NOT_AUTHORITATIVE, text: 'no zone of this server holds the name' };
    return Promise.resolve(emptyAnswer(Rcode.REFUSED, '', error));
  }

  /** Questions about the server itself, and classes that nobody serves. */
  #ownAnswer(query: Query): Answer | undefined {
    if (query.class === Class.IN) return undefined;
    const { version, serverId } = this.#options;
    const name = formatName(query.key);
    const isText = query.class === Class.CH && (query.type === Type.TXT || query.type === Type.ANY);
    const text =
      name === 'version.bind.' || name === 'version.server.'
        ? version
        : name === 'id.server.' || name === 'hostname.bind.'
          ? serverId
          : undefined;
    if (!isText || text === undefined) {
      const error = { code: Ede.NOT_SUPPORTED, text: 'only class IN is served' };
      return emptyAnswer(Rcode.REFUSED, '', error);
    }
    const bytes = Buffer.from(text).toString('latin1').slice(0, 255);
    const rdata = String.fromCharCode(bytes.length) + bytes;
    const answers = [{ name: query.name, type: Type.TXT, class: Class.CH, ttl: 0, rdata }];
    return { ...emptyAnswer(Rcode.NOERROR, 'chaos'), authoritative: true, answers };
  }

  #blockOf(key: WireName): ServerBlock | undefined {
    const { blocks } = this.#options;
    const only = blocks[0];
    if (blocks.length === 1 && only?.zones[0] === ROOT) return only;
    let best: ServerBlock | undefined;
    let longest = -1;
    for (const block of blocks)
      for (const zone of block.zones)
        if (zone.length > longest && (zone === ROOT || isBelow(key, zone))) {
          best = block;
          longest = zone.length;
        }
    return best;
  }

  #queryOf(packet: Uint8Array, length: number, transport: Transport, client: ClientAddress, maxSize: number): Query {
    const view = this.#view;
    const name = asBuffer(packet).latin1Slice(12, 12 + view.nameLength) as WireName;
    const query = {
      name,
      key: view.key,
      type: view.type,
      class: view.class,
      flags: view.flags,
      transport,
      client,
      maxSize,
      depth: 0,
      ...(view.type === Type.IXFR ? ixfrSerial(packet, length) : {}),
    };
    if (!view.hasEdns) return query;
    const options: EdnsOptionValue[] = [];
    const nsid = findOption(packet, view, EdnsOption.NSID);
    if (nsid !== undefined) options.push({ code: EdnsOption.NSID, data: nsid });
    const keepalive = findOption(packet, view, EdnsOption.KEEPALIVE);
    if (keepalive !== undefined) options.push({ code: EdnsOption.KEEPALIVE, data: keepalive });
    const edns: Edns = { udpSize: view.udpSize, version: 0, dnssecOk: view.dnssecOk, options };
    return { ...query, edns };
  }

  #flags(answer: Answer, query: Query): number {
    return (
      Flag.QR |
      (query.flags & (Flag.RD | Flag.CD)) |
      (answer.authoritative ? Flag.AA : 0) |
      (answer.truncated === true ? Flag.TC : 0) |
      (this.#options.recursion ? Flag.RA : 0) |
      // RFC 6840 §5.7: AD goes to those who ask with AD or DO.
      (answer.authenticated === true && (query.edns?.dnssecOk === true || (query.flags & Flag.AD) !== 0) ? Flag.AD : 0)
    );
  }

  #encode(answer: Answer, query: Query, id: number, cookie: string | undefined): Buffer {
    const message = {
      id,
      flags: this.#flags(answer, query),
      rcode: answer.rcode,
      questions: [{ name: query.name, type: query.type, class: query.class }],
      answers: query.name === query.key ? answer.answers : answer.answers.map((r) => echoCase(r, query)),
      authorities: answer.authorities,
      additionals: answer.additionals,
    };
    const asked = query.edns;
    if (asked === undefined) return encodeMessage(message, query.maxSize);
    const options: EdnsOptionValue[] = [];
    const { serverId, maxUdpSize, clock } = this.#options;
    if (cookie !== undefined) {
      const data = answerCookie(cookie, query.client.address, this.#secret, clock.now());
      options.push({ code: EdnsOption.COOKIE, data });
    }
    for (const option of asked.options) {
      if (option.code === EdnsOption.NSID) options.push({ code: EdnsOption.NSID, data: latin1(serverId) });
      if (option.code === EdnsOption.KEEPALIVE && query.transport === 'tcp')
        options.push({ code: EdnsOption.KEEPALIVE, data: KEEPALIVE });
    }
    const edns = { udpSize: maxUdpSize, version: 0, dnssecOk: asked.dnssecOk, options };
    if (answer.error !== undefined) {
      const data = errorOption(answer.error.code, answer.error.text);
      try {
        const bytes = encodeMessage({ ...message, edns: { ...edns, options: [...options, data] } }, query.maxSize);
        // Records go before reasons.
        if (((bytes[2] as number) & (Flag.TC >> 8)) === 0) return bytes;
      } catch (error) {
        if (!(error instanceof DnsWireError)) throw error;
      }
    }
    return encodeMessage({ ...message, edns }, query.maxSize);
  }

  /** Puts the OPT record behind a prepared reply. */
  #appendOpt(
    size: number,
    limit: number,
    packet: Uint8Array,
    cookie: string | undefined,
    transport: Transport,
    client: ClientAddress,
    kubernetes: KubernetesPlugin,
  ): number {
    const { out } = this;
    const view = this.#view;
    const options: EdnsOptionValue[] = [];
    let left = limit - size - 11;
    const add = (option: EdnsOptionValue) => {
      if (left < 4 + option.data.length) return;
      options.push(option);
      left -= 4 + option.data.length;
    };
    if (cookie !== undefined) {
      const data = answerCookie(cookie, client.address, this.#secret, this.#options.clock.now());
      add({ code: EdnsOption.COOKIE, data });
    }
    if (view.optionsLength > 0) {
      if (findOption(packet, view, EdnsOption.NSID) !== undefined)
        add({ code: EdnsOption.NSID, data: latin1(this.#options.serverId) });
      if (transport === 'tcp' && findOption(packet, view, EdnsOption.KEEPALIVE) !== undefined)
        add({ code: EdnsOption.KEEPALIVE, data: KEEPALIVE });
    }
    if (kubernetes.negative) {
      const reason = kubernetes.reason(view.key, view.type);
      if (reason !== undefined) add(errorOption(reason.code, reason.text));
    }
    const edns = { udpSize: this.#options.maxUdpSize, version: 0, dnssecOk: view.dnssecOk, options };
    const opt = optRecord(edns, Rcode.NOERROR);
    out.latin1Write(opt, size);
    const additionals = (((out[10] as number) << 8) | (out[11] as number)) + 1;
    out[10] = additionals >> 8;
    out[11] = additionals & 255;
    return size + opt.length;
  }

  /** A header alone: for packets whose question cannot be trusted. */
  #bare(packet: Uint8Array, rcode: number): number {
    const { out } = this;
    out.fill(0, 0, 12);
    out[0] = packet[0] ?? 0;
    out[1] = packet[1] ?? 0;
    // QR, the client's opcode and RD.
    out[2] = 0x80 | ((packet[2] ?? 0) & 0x79);
    out[3] = rcode;
    return 12;
  }

  #badVersion(packet: Uint8Array): number {
    const opt = optRecord(
      { udpSize: this.#options.maxUdpSize, version: 0, dnssecOk: false, options: [] },
      Rcode.BADVERS,
    );
    this.#bare(packet, 0);
    this.out.latin1Write(opt, 12);
    this.out[11] = 1;
    return 12 + opt.length;
  }

  #rejected(
    rcode: number,
    size: number,
    transport: Transport,
    client: ClientAddress,
    length: number,
    started: number,
  ): number {
    this.#count('', '', transport, client, this.#view, rcode, length, size, started);
    return size;
  }

  #count(
    zone: string,
    plugin: string,
    transport: Transport,
    client: ClientAddress,
    view: QueryView,
    rcode: number,
    requestSize: number,
    responseSize: number,
    started: number,
  ): void {
    const { metrics, clock } = this.#options;
    const lane = (transport === 'tcp' ? 1 : 0) | (client.family === 'IPv6' ? 2 : 0);
    const elapsed = clock.monotonic() - started;
    metrics.count(zone, plugin, lane, view.type, rcode, view.dnssecOk, requestSize, responseSize, elapsed);
  }
}

function concerned(plugins: readonly DnsPlugin[], view: QueryView): boolean {
  for (const plugin of plugins) if (plugin.concerns === undefined || plugin.concerns(view.key, view.type)) return true;
  return false;
}

const zoneLabels = new WeakMap<ServerBlock, string>();
/** The block's first zone, as CoreDNS labels its metrics. */
function zoneLabel(block: ServerBlock): string {
  let label = zoneLabels.get(block);
  if (label === undefined) zoneLabels.set(block, (label = formatName(block.zones[0] ?? ROOT)));
  return label;
}

function errorOption(code: number, text: string): EdnsOptionValue {
  return { code: EdnsOption.EDE, data: String.fromCharCode(code >> 8, code & 255) + latin1(text).slice(0, 200) };
}

function ixfrSerial(packet: Uint8Array, length: number): { serial?: number } {
  try {
    const serial = serialOf(decodeMessage(packet.subarray(0, length)).authorities);
    return serial === undefined ? {} : { serial };
  } catch {
    return {};
  }
}

/** Owners that are the question get the client's letters, as some resolvers compare bytes. */
function echoCase(record: ResourceRecord, query: Query): ResourceRecord {
  return record.name === query.key ? { ...record, name: query.name } : record;
}

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

const RECORDS_A_MESSAGE = 400;

/** One message; a zone transfer may need several. */
function messagesOf(answer: Answer, query: Query): Answer[] {
  const isTransfer = query.transport === 'tcp' && (query.type === Type.AXFR || query.type === Type.IXFR);
  if (!isTransfer || answer.answers.length <= RECORDS_A_MESSAGE) return [answer];
  const out: Answer[] = [];
  for (let i = 0; i < answer.answers.length; i += RECORDS_A_MESSAGE)
    out.push({ ...answer, answers: answer.answers.slice(i, i + RECORDS_A_MESSAGE) });
  return out;
}
