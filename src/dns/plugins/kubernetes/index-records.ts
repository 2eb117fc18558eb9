// The answer index: every name of the cluster zones with its records, kept up to date object by object. Work is
// proportional to the service that changed. A name without records that has names below it (an empty non-terminal) has
// an entry too, so a lookup that finds nothing is an NXDOMAIN (RFC 8020).
import { isBelow, joinLabels, parentName, ROOT } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import type { AnswerTemplate } from './answer-template.ts';
import type { DnsNamespace, DnsService, DnsSlice } from './dns-objects.ts';
import { nameRecords, sameRecords, serviceRecords } from './service-records.ts';
import type { NameRecords, RecordOptions } from './service-records.ts';

/** A service with its slices: one source of names. The parts without a service are fixed names and namespaces. */
export interface Source {
  readonly key: string;
  service: DnsService | undefined;
  readonly slices: Map<string, DnsSlice>;
  names: readonly WireName[];
}

export interface NamePart {
  readonly source: Source;
  records: NameRecords;
}

export interface NameEntry {
  readonly key: WireName;
  /** One part nearly always; several for an address that several services share. */
  parts: NamePart[];
  /** How many names directly below exist. */
  children: number;
  /** Ready answers by type, made when first asked for, dropped when a part changes. */
  templates: Map<number, AnswerTemplate> | undefined;
  /** Turns through the addresses. */
  turn: number;
}

export interface IndexOptions extends RecordOptions {
  /** Reverse zones in lower case; PTR records outside are left out. */
  readonly reverseZones: readonly WireName[];
  /** Reverse zones whose misses go on to the next plugin: those keep no empty non-terminals. */
  readonly openReverseZones: readonly WireName[];
  /** `pods disabled`: no name below `pod.ZONE`. */
  readonly podNames: boolean;
  /** Namespaces to show; undefined: all. */
  readonly namespaces?: ReadonlySet<string>;
}

const UNCHANGED: readonly WireName[] = [];

export class RecordIndex {
  readonly #options: IndexOptions;
  readonly #entries = new Map<WireName, NameEntry>();
  readonly #sources = new Map<string, Source>();
  readonly #namespaces = new Map<string, DnsNamespace>();
  readonly #dirty = new Set<Source>();
  #touched = 0;

  constructor(options: IndexOptions) {
    this.#options = options;
    for (const zone of options.zones) {
      this.#replace(source(`zone ${zone}`), new Map([[zone, nameRecords({})]]));
      const fixed: [string[], NameRecords][] = [
        [['dns-version'], nameRecords({ text: '1.1.0' })],
        [['svc'], nameRecords({})],
        [['pod'], nameRecords({})],
      ];
      const records = new Map(fixed.map(([labels, r]) => [joinLabels(labels, zone), r]));
      this.#replace(source(`fixed ${zone}`), records);
    }
  }

  /** Answers for this name, or undefined when it does not exist. */
  find(key: WireName): NameEntry | undefined {
    return this.#entries.get(key);
  }

  get size(): number {
    return this.#entries.size;
  }

  namespace(name: string): DnsNamespace | undefined {
    return this.#namespaces.get(name);
  }

  /** True when the namespace is not hidden by configuration. */
  exposes(namespace: string): boolean {
    return this.#options.namespaces?.has(namespace) ?? true;
  }

  source(namespace: string, name: string): Source | undefined {
    return this.#sources.get(`${namespace}/${name}`);
  }

  sources(): Iterable<Source> {
    return this.#sources.values();
  }

  entries(): Iterable<NameEntry> {
    return this.#entries.values();
  }

  setService(key: string, service: DnsService | undefined): void {
    if (service === undefined) {
      const known = this.#sources.get(key);
      if (known === undefined) return;
      known.service = undefined;
      this.#dirty.add(known);
    } else if (this.exposes(service.namespace)) {
      const at = this.#sourceOf(key);
      at.service = service;
      this.#dirty.add(at);
    }
  }

  /** `before` is what was set last under this key. */
  setSlice(key: string, before: DnsSlice | undefined, after: DnsSlice | undefined): void {
    if (before !== undefined && before.service !== '') {
      const owner = `${before.namespace}/${before.service}`;
      const known = this.#sources.get(owner);
      if (known?.slices.delete(key) === true) this.#dirty.add(known);
    }
    if (after === undefined || after.service === '' || !this.exposes(after.namespace)) return;
    const at = this.#sourceOf(`${after.namespace}/${after.service}`);
    at.slices.set(key, after);
    this.#dirty.add(at);
  }

  setNamespace(name: string, namespace: DnsNamespace | undefined): void {
    if (!this.exposes(name)) return;
    if (namespace === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, namespace);
    const records = new Map<WireName, NameRecords>();
    if (namespace !== undefined)
      for (const zone of this.#options.zones)
        for (const kind of this.#options.podNames ? ['svc', 'pod'] : ['svc'])
          records.set(joinLabels([name.toLowerCase(), kind], zone), nameRecords({}));
    this.#replace(this.#sourceOf(`namespace ${name}`), records);
    if (namespace === undefined) this.#sources.delete(`namespace ${name}`);
  }

  /** Addresses of this server, for `ns.dns.ZONE` to which the SOA points. */
  setLocalAddresses(addresses: readonly string[]): void {
    const records = new Map<WireName, NameRecords>();
    if (addresses.length > 0)
      for (const zone of this.#options.zones) records.set(joinLabels(['ns', 'dns'], zone), nameRecords({ addresses }));
    this.#replace(this.#sourceOf('local addresses'), records);
  }

  /** Brings the answers up to date with what was set since; says how many names changed. */
  commit(): number {
    for (const dirty of this.#dirty) {
      const service = dirty.service;
      const slices = Array.from(dirty.slices.values());
      // Watch events arrive in any order; answers must not depend on it.
      if (slices.length > 1) slices.sort((a, b) => (a.name < b.name ? -1 : 1));
      this.#replace(dirty, service === undefined ? new Map() : serviceRecords(service, slices, this.#options));
      if (service === undefined && slices.length === 0) this.#sources.delete(dirty.key);
    }
    this.#dirty.clear();
    const touched = this.#touched;
    this.#touched = 0;
    return touched;
  }

  #sourceOf(key: string): Source {
    let known = this.#sources.get(key);
    if (known === undefined) this.#sources.set(key, (known = source(key)));
    return known;
  }

  #replace(from: Source, records: ReadonlyMap<WireName, NameRecords>): void {
    for (const name of from.names) if (!records.has(name)) this.#removePart(name, from);
    const names: WireName[] = [];
    for (const [name, value] of records) {
      if (!this.#wanted(name)) continue;
      names.push(name);
      this.#putPart(name, from, value);
    }
    from.names = names.length === 0 ? UNCHANGED : names;
  }

  /** Reverse names outside the configured zones are not ours to answer. */
  #wanted(name: WireName): boolean {
    const { zones, reverseZones } = this.#options;
    return zones.some((zone) => isBelow(name, zone)) || reverseZones.some((zone) => isBelow(name, zone));
  }

  #putPart(name: WireName, from: Source, records: NameRecords): void {
    const entry = this.#entryOf(name);
    const known = entry.parts.find((part) => part.source === from);
    if (known !== undefined) {
      if (sameRecords(known.records, records)) return;
      known.records = records;
    } else {
      entry.parts.push({ source: from, records });
      if (entry.parts.length > 1) entry.parts.sort((a, b) => (a.source.key < b.source.key ? -1 : 1));
    }
    entry.templates = undefined;
    this.#touched += 1;
  }

  #removePart(name: WireName, from: Source): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    const left = entry.parts.filter((part) => part.source !== from);
    if (left.length === entry.parts.length) return;
    entry.parts = left;
    entry.templates = undefined;
    this.#touched += 1;
    this.#dropIfUnused(entry);
  }

  #entryOf(name: WireName): NameEntry {
    let entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    entry = { key: name, parts: [], children: 0, templates: undefined, turn: 0 };
    this.#entries.set(name, entry);
    if (this.#hasParent(name)) this.#entryOf(parentName(name)).children += 1;
    return entry;
  }

  #dropIfUnused(entry: NameEntry): void {
    if (entry.parts.length > 0 || entry.children > 0) return;
    this.#entries.delete(entry.key);
    if (!this.#hasParent(entry.key)) return;
    const parent = this.#entries.get(parentName(entry.key));
    if (parent === undefined) return;
    parent.children -= 1;
    this.#dropIfUnused(parent);
  }

  #hasParent(name: WireName): boolean {
    const { zones, reverseZones, openReverseZones } = this.#options;
    const parent = parentName(name);
    if (name === ROOT) return false;
    if (zones.some((zone) => isBelow(parent, zone))) return true;
    return (
      reverseZones.some((zone) => isBelow(parent, zone)) && !openReverseZones.some((zone) => isBelow(parent, zone))
    );
  }
}

function source(key: string): Source {
  return { key, service: undefined, slices: new Map(), names: UNCHANGED };
}
