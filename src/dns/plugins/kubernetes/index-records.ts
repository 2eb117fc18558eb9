// The answer index: the names of the cluster zones, kept up to date object by object. Work is proportional to the service
// that changed. A name without records that has names below it (an empty non-terminal) has an entry too, so a lookup
// that finds nothing is an NXDOMAIN (RFC 8020). Names of single endpoints are most of a cluster's names and hardly ever
// asked for: they are found through their service and become entries when somebody asks.
import { addressOfReverseName, formatAddress, isBelow, joinLabels, nameLabels } from '../../../dnswire/index.ts';
import { packAddress, parentName, reverseName } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import type { DnsNamespace, DnsService, DnsSlice } from './dns-objects.ts';
import { bySourceKey, NameTree } from './name-tree.ts';
import type { NameEntry, Source } from './name-tree.ts';
import {
  addressesOf,
  labelsOf,
  nameRecords,
  ptrOf,
  recordsOfName,
  sameService,
  sameSlices,
} from './service-records.ts';
import { serviceName, serviceNames } from './service-records.ts';
import type { NameRecords, RecordOptions } from './service-records.ts';

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

const NO_NAMES: readonly WireName[] = [];
const NOTHING: Source['built'] = { service: undefined, slices: [] };

export class RecordIndex {
  readonly options: IndexOptions;
  readonly #names: NameTree;
  readonly #sources = new Map<string, Source>();
  readonly #namespaces = new Map<string, DnsNamespace>();
  /** Which services have an address, for reverse names. */
  readonly #byAddress = new Map<string, Source | Source[]>();
  readonly #dirty = new Set<Source>();
  readonly #closedReverse: readonly WireName[];
  #touched = 0;
  /** Another number after every commit that changed an answer. */
  version = 0;

  constructor(options: IndexOptions) {
    this.options = options;
    this.#closedReverse = options.reverseZones.filter((zone) => !options.openReverseZones.includes(zone));
    this.#names = new NameTree([...options.zones, ...this.#closedReverse]);
    for (const zone of [...options.zones, ...this.#closedReverse])
      this.#setFixed(`zone ${zone}`, new Map([[zone, nameRecords({})]]));
    for (const zone of options.zones)
      this.#setFixed(
        `fixed ${zone}`,
        new Map([
          [joinLabels(['dns-version'], zone), nameRecords({ text: '1.1.0' })],
          [joinLabels(['svc'], zone), nameRecords({})],
          [joinLabels(['pod'], zone), nameRecords({})],
        ]),
      );
  }

  /** The entry of an existing name; undefined: there is no such name. */
  find(key: WireName): NameEntry | undefined {
    return this.#names.get(key) ?? this.#findEndpoint(key) ?? this.#findReverse(key);
  }

  /** What the sources of an entry give to its name. */
  records(entry: NameEntry): NameRecords[] {
    return entry.sources.map((source) => this.#recordsOf(source, entry.key));
  }

  get size(): number {
    return this.#names.size;
  }

  namespace(name: string): DnsNamespace | undefined {
    return this.#namespaces.get(name);
  }

  /** True when the namespace is not hidden by configuration. */
  exposes(namespace: string): boolean {
    return this.options.namespaces?.has(namespace) ?? true;
  }

  source(namespace: string, name: string): Source | undefined {
    return this.#sources.get(`${namespace}/${name}`);
  }

  sources(): Iterable<Source> {
    return this.#sources.values();
  }

  /** The services that answer for an address, in canonical text, whether or not its reverse zone is served. */
  sourcesAt(address: string): readonly Source[] {
    const found = this.#byAddress.get(address) ?? [];
    return Array.isArray(found) ? found.toSorted(bySourceKey) : [found];
  }

  entries(): Iterable<NameEntry> {
    return this.#names.values();
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
    const known = this.#namespaces.has(name);
    if (namespace === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, namespace);
    if (known === (namespace !== undefined)) return;
    const records = new Map<WireName, NameRecords>();
    if (namespace !== undefined)
      for (const zone of this.options.zones)
        for (const kind of this.options.podNames ? ['svc', 'pod'] : ['svc'])
          records.set(joinLabels([name.toLowerCase(), kind], zone), nameRecords({}));
    this.#setFixed(`namespace ${name}`, records);
  }

  /** Addresses of this server, for `ns.dns.ZONE` to which the SOA points. */
  setLocalAddresses(addresses: readonly string[]): void {
    const records = new Map<WireName, NameRecords>();
    if (addresses.length > 0)
      for (const zone of this.options.zones) records.set(joinLabels(['ns', 'dns'], zone), nameRecords({ addresses }));
    this.#setFixed('local addresses', records);
  }

  /** Brings the answers up to date with what was set since; says how many sources changed their answers. */
  commit(): number {
    for (const source of this.#dirty) {
      const slices = source.slices.size === 0 ? NOTHING.slices : [...source.slices.values()];
      // Watch events arrive in any order; answers must not depend on it.
      const ordered = slices.length > 1 ? slices.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : slices;
      this.#rebuild(source, { service: source.service, slices: ordered });
      if (source.service === undefined && slices.length === 0) this.#sources.delete(source.key);
    }
    this.#dirty.clear();
    const touched = this.#touched;
    this.#touched = 0;
    if (touched > 0) this.version += 1;
    return touched;
  }

  #sourceOf(key: string): Source {
    let source = this.#sources.get(key);
    if (source === undefined) {
      source = {
        key,
        service: undefined,
        slices: new Map(),
        built: NOTHING,
        fixed: undefined,
        names: NO_NAMES,
        asked: undefined,
        labels: undefined,
      };
      this.#sources.set(key, source);
    }
    return source;
  }

  #setFixed(key: string, records: ReadonlyMap<WireName, NameRecords>): void {
    const source = this.#sourceOf(key);
    source.fixed = records;
    this.#setNames(source, [...records.keys()]);
    this.#touched += 1;
    if (records.size === 0) this.#sources.delete(key);
  }

  #rebuild(source: Source, next: Source['built']): void {
    const before = source.built;
    source.built = next;
    // Slices of a service that does not exist give nothing.
    const visible = before.service !== undefined || next.service !== undefined;
    if (!visible) return;
    if (sameService(before.service, next.service) && sameSlices(before.slices, next.slices)) return;
    this.#touched += 1;
    source.labels = undefined;
    for (const name of source.asked ?? []) this.#names.forget(name);
    source.asked = undefined;
    const { service, slices } = next;
    const { zones } = this.options;
    const names =
      service === undefined ? NO_NAMES : zones.flatMap((zone) => serviceNames(service, slices, zone, this.options));
    const had = addressesOf(before.service, before.slices, this.options);
    const has = addressesOf(service, slices, this.options);
    for (const address of had) if (!has.has(address)) this.#dropAddress(address, source);
    for (const address of has) if (!had.has(address)) this.#addAddress(address, source);
    this.#setNames(source, this.#closedReverse.length === 0 ? names : [...names, ...this.#closedNames(has)]);
  }

  /** Reverse names in zones that are answered completely from here: those need their empty non-terminals. */
  #closedNames(addresses: Iterable<string>): WireName[] {
    return [...addresses]
      .map((address) => reverseName(packAddress(address) ?? ''))
      .filter((name) => this.#closedReverse.some((zone) => isBelow(name, zone)));
  }

  #addAddress(address: string, source: Source): void {
    const known = this.#byAddress.get(address);
    if (known === undefined) this.#byAddress.set(address, source);
    else this.#byAddress.set(address, [...(Array.isArray(known) ? known : [known]), source]);
    this.#forgetReverse(address);
  }

  #dropAddress(address: string, source: Source): void {
    const known = this.#byAddress.get(address);
    const left = Array.isArray(known) ? known.filter((s) => s !== source) : [];
    const [only] = left;
    if (only === undefined) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left.length === 1 ? only : left);
    this.#forgetReverse(address);
  }

  /** An entry made for a question about this address is out of date. */
  #forgetReverse(address: string): void {
    const packed = packAddress(address);
    if (packed === undefined) return;
    const name = reverseName(packed);
    // Names of closed zones are kept as any other name.
    if (!this.#closedReverse.some((zone) => isBelow(name, zone))) this.#names.forget(name);
  }

  #setNames(source: Source, names: readonly WireName[]): void {
    const wanted = new Set(names);
    for (const name of source.names) if (!wanted.has(name)) this.#names.remove(name, source);
    for (const name of wanted) this.#names.add(name, source);
    source.names = wanted.size === 0 ? NO_NAMES : [...wanted];
  }

  /** `LABEL.SERVICE…`: an endpoint of a service. */
  #findEndpoint(key: WireName): NameEntry | undefined {
    const base = parentName(key);
    const source = this.#names.get(base)?.sources[0];
    const { service, slices } = source?.built ?? NOTHING;
    if (source === undefined || service === undefined || service.type === 'ExternalName') return undefined;
    if (!this.#isOwnName(base, service)) return undefined;
    source.labels ??= labelsOf(slices, this.options);
    if (!source.labels.has(key.slice(1, 1 + key.charCodeAt(0)))) return undefined;
    return this.#remember(key, [source], [source]);
  }

  /** Endpoints stand below the service's own name, not below those of its ports. */
  #isOwnName(name: WireName, service: DnsService): boolean {
    return this.options.zones.some((zone) => name === serviceName(zone, service.namespace, service.name));
  }

  #findReverse(key: WireName): NameEntry | undefined {
    if (!key.endsWith('\x04arpa\0')) return undefined;
    if (!this.options.reverseZones.some((zone) => isBelow(key, zone))) return undefined;
    const packed = addressOfReverseName(key);
    const found = packed === undefined ? undefined : this.#byAddress.get(formatAddress(packed));
    if (found === undefined) return undefined;
    const all = Array.isArray(found) ? found : [found];
    const sources = all.filter((s) => this.#recordsOf(s, key).ptr !== undefined);
    return sources.length === 0 ? undefined : this.#remember(key, sources.toSorted(bySourceKey), all);
  }

  /** @param dependsOn whose changes make the entry out of date: also those that give nothing to it now. */
  #remember(key: WireName, sources: readonly Source[], dependsOn: readonly Source[]): NameEntry {
    const entry = this.#names.remember(key, sources);
    for (const source of dependsOn) (source.asked ??= new Set()).add(entry.key);
    return entry;
  }

  #recordsOf(source: Source, name: WireName): NameRecords {
    const fixed = source.fixed?.get(name);
    if (fixed !== undefined) return fixed;
    const { service, slices } = source.built;
    if (service === undefined) return nameRecords({});
    if (name.endsWith('\x04arpa\0') && !this.options.zones.some((zone) => isBelow(name, zone))) {
      const packed = addressOfReverseName(name);
      const ptr = packed === undefined ? undefined : ptrOf(formatAddress(packed), service, slices, this.options);
      return ptr ?? nameRecords({});
    }
    const zone = this.options.zones.find((z) => isBelow(name, z));
    if (zone === undefined) return nameRecords({});
    const base = serviceName(zone, service.namespace, service.name);
    if (source.names.includes(name)) return recordsOfName(name, base, service, slices, this.options);
    source.labels ??= labelsOf(slices, this.options);
    const addresses = source.labels.get(nameLabels(name)[0] ?? '') ?? [];
    return nameRecords({ addresses });
  }
}
