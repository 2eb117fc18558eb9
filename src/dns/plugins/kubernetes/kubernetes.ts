// The plugin for the cluster's own zones. `fast` answers from prepared bytes; `handle` is the complete way, which also
// follows ExternalName aliases and asks the next plugin for what is not here.
import { Ede, Flag, isBelow, joinLabels, Rcode, Type } from '../../../dnswire/index.ts';
import type { QueryView, ResourceRecord, WireName } from '../../../dnswire/index.ts';
import { emptyAnswer } from '../../plugin.ts';
import type { Answer, AnswerError, DnsPlugin, Query } from '../../plugin.ts';
import type { Resolve } from '../../chain.ts';
import { buildTemplate, writeTemplate } from './answer-template.ts';
import type { AnswerTemplate, Patch } from './answer-template.ts';
import type { ClusterZone, ZoneAnswer } from './cluster-zone.ts';
import type { NameEntry } from './name-tree.ts';
import { explainMiss } from './explain-miss.ts';

const MAX_ALIASES = 10;
const NO_RECORDS: readonly ResourceRecord[] = [];

export interface KubernetesPlugin extends DnsPlugin {
  readonly zone: ClusterZone;
  /** Writes the reply into `out` and returns its length; 0: take the complete way. */
  fast(view: QueryView, packet: Uint8Array, out: Buffer, limit: number): number;
  /** True when the reply that `fast` wrote last has no records: a reason may be added. */
  readonly negative: boolean;
  reason(key: WireName, type: number): AnswerError | undefined;
}

export interface KubernetesPluginOptions {
  readonly zone: ClusterZone;
  /** Say that recursion is available, because a plugin behind this one forwards. */
  readonly recursion: boolean;
  /** Asks the whole chain; for the targets of ExternalName services. */
  readonly resolve: Resolve;
}

export function createKubernetesPlugin(options: KubernetesPluginOptions): KubernetesPlugin {
  return new Kubernetes(options);
}

class Kubernetes implements KubernetesPlugin {
  readonly name = 'kubernetes';
  readonly zone: ClusterZone;
  negative = false;
  readonly #options: KubernetesPluginOptions;
  readonly #flags: number;
  readonly #patch: Patch = { id: 0, queryFlags: 0, nameLength: 0, packet: undefined, serial: 0, turn: 0, limit: 0 };
  /** Prepared NXDOMAIN replies, one a zone and length of the question's name: only letters and serial differ. */
  readonly #denials = new Map<WireName, (Denial | undefined)[]>();

  constructor(options: KubernetesPluginOptions) {
    this.#options = options;
    this.zone = options.zone;
    this.#flags = Flag.QR | Flag.AA | (options.recursion ? Flag.RA : 0);
  }

  fast(view: QueryView, packet: Uint8Array, out: Buffer, limit: number): number {
    const entry = this.zone.options.index.find(view.key);
    if (entry === undefined) return this.#fastDenial(view, packet, out, limit);
    // These carry the zone's name in record data, in the client's letters.
    if (view.mixedCase && (view.type === Type.SRV || view.type === Type.NS)) return 0;
    const template = entry.templates?.get(view.type) ?? this.#prepare(entry, view.type);
    if (template === undefined) return 0;
    this.negative = template.negative;
    const patch = this.#patchFor(view, packet, limit);
    patch.turn = entry.turn;
    entry.turn = (entry.turn + 1) & 0xffff;
    return writeTemplate(template, out, patch);
  }

  #patchFor(view: QueryView, packet: Uint8Array, limit: number): Patch {
    const patch = this.#patch;
    patch.id = view.id;
    patch.queryFlags = view.flags;
    patch.nameLength = view.nameLength;
    patch.packet = view.mixedCase ? packet : undefined;
    patch.serial = this.zone.options.serial();
    patch.limit = limit;
    return patch;
  }

  #prepare(entry: NameEntry, type: number): AnswerTemplate | undefined {
    const zone = this.zone.zoneOf(entry.key);
    if (zone === undefined) return undefined;
    // Depends on other names too (own address, glue), so it is made new each time.
    if (entry.key === zone && type === Type.NS) return undefined;
    const found = this.zone.answerFrom(entry, entry.key, type, zone);
    if (found.kind !== 'records' && found.kind !== 'nodata') return undefined;
    const records = found.kind === 'records' ? found : { answers: [], additionals: [] };
    const message = {
      id: 0,
      flags: this.#flags,
      rcode: Rcode.NOERROR,
      questions: [{ name: entry.key, type, class: 1 }],
      answers: records.answers,
      authorities: found.kind === 'nodata' ? [this.zone.soa(zone)] : [],
      additionals: records.additionals,
    };
    const template = buildTemplate(message, type === Type.A || type === Type.AAAA);
    // A client may ask for any of 65,536 types; only a few are worth keeping.
    const keep = found.kind === 'records' || type === Type.A || type === Type.AAAA || type === Type.SRV;
    if (keep) (entry.templates ??= new Map()).set(type, template);
    return template;
  }

  #fastDenial(view: QueryView, packet: Uint8Array, out: Buffer, limit: number): number {
    const { zone } = this;
    // Only the cluster zones: names in reverse zones that are not here go on to the next plugin.
    const within = zone.options.zones.find((z) => isBelow(view.key, z));
    if (within === undefined) return 0;
    if (zone.answerMissing(view.key, view.key, view.type, within).kind !== 'nxdomain') return 0;
    let byLength = this.#denials.get(within);
    if (byLength === undefined) this.#denials.set(within, (byLength = []));
    let denial = byLength[view.nameLength];
    if (denial === undefined) {
      const message = {
        id: 0,
        flags: this.#flags,
        rcode: Rcode.NXDOMAIN,
        questions: [{ name: nameOfLength(view.nameLength, within), type: 0, class: 1 }],
        answers: [],
        authorities: [zone.soa(within)],
        additionals: [],
      };
      denial = { template: buildTemplate(message, false) };
      byLength[view.nameLength] = denial;
    }
    const patch = this.#patchFor(view, packet, limit);
    patch.packet = packet;
    const length = writeTemplate(denial.template, out, patch);
    if (length > 0) out.writeUInt16BE(view.type, 12 + view.nameLength);
    this.negative = true;
    return length;
  }

  reason(key: WireName, type: number): AnswerError | undefined {
    return explainMiss(this.zone, key, type);
  }

  async handle(query: Query, next: () => Promise<Answer>): Promise<Answer> {
    const found = this.zone.answer(query.name, query.key, query.type);
    return found.kind === 'pass' ? next() : this.#answerOf(query, found);
  }

  async #answerOf(query: Query, found: Exclude<ZoneAnswer, { kind: 'pass' }>): Promise<Answer> {
    switch (found.kind) {
      case 'records':
        return { ...this.#positive(found.answers), additionals: found.additionals };
      case 'alias':
        return this.#follow(query, found.cname, found.target, found.zone);
      case 'nodata':
        return this.#negative(query, Rcode.NOERROR, found.zone);
      case 'nxdomain':
        return this.#negative(query, Rcode.NXDOMAIN, found.zone);
      case 'unsure':
        return this.#negative(query, Rcode.SERVFAIL, found.zone);
    }
  }

  #positive(answers: readonly ResourceRecord[]): Answer {
    return {
      rcode: Rcode.NOERROR,
      authoritative: true,
      answers,
      authorities: NO_RECORDS,
      additionals: NO_RECORDS,
      from: this.name,
    };
  }

  #negative(query: Query, rcode: number, zone: WireName): Answer {
    const owner = query.name.slice(query.name.length - zone.length) as WireName;
    const authorities = [this.zone.soa(owner)];
    const error = this.reason(query.key, query.type);
    return { ...emptyAnswer(rcode, this.name, error), authoritative: true, authorities };
  }

  /** The CNAME of an ExternalName service and what its target has. */
  async #follow(query: Query, cname: ResourceRecord, target: WireName, zone: WireName): Promise<Answer> {
    const local = this.zone.options.zones.some((z) => isBelow(target, z));
    query.trace?.push(`alias to ${local ? 'a name of the cluster' : 'an outside name'}`);
    const end: Answer =
      query.depth >= MAX_ALIASES
        ? emptyAnswer(Rcode.SERVFAIL, this.name, {
            code: Ede.OTHER,
            text: 'the chain of aliases is too long or a loop',
          })
        : await this.#options.resolve({ ...query, name: target, key: target, depth: query.depth + 1 });
    if (local && end.answers.length === 0) {
      // An alias into the cluster that leads nowhere: the name exists and has no such record.
      const answer = this.#negative(query, Rcode.NOERROR, zone);
      return end.error === undefined ? answer : { ...answer, error: end.error };
    }
    const answer: Answer = {
      ...end,
      authoritative: true,
      answers: [cname, ...end.answers],
      additionals: NO_RECORDS,
      from: this.name,
    };
    return answer;
  }
}

/** A name of this length in the zone that shares no label with what is in the SOA. */
function nameOfLength(length: number, zone: WireName): WireName {
  const labels: string[] = [];
  for (let left = length - zone.length; left > 0;) {
    // A remainder of one byte would be a label without letters.
    const size = left === 65 ? 63 : Math.min(left, 64);
    labels.push('*'.repeat(size - 1));
    left -= size;
  }
  return joinLabels(labels, zone);
}

interface Denial {
  readonly template: AnswerTemplate;
}
