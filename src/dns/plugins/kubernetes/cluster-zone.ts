// What the cluster's zones answer, from the index: the rules of the record table, as values. No waiting, no sockets.
import { Class, countLabels, isBelow, joinLabels, nameLabels, packAddress } from '../../../dnswire/index.ts';
import { formatAddress, parentName, soaRdata, Type } from '../../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../../dnswire/index.ts';
import type { RecordIndex } from './index-records.ts';
import type { NameEntry } from './name-tree.ts';
import { glue, recordsOfParts } from './part-records.ts';
import { ptrOf } from './service-records.ts';
import type { NameRecords } from './service-records.ts';
import { zonalRecords } from './zonal-records.ts';

export type PodMode = 'disabled' | 'insecure' | 'verified';

export interface ClusterZoneOptions {
  /** Lower case; the first is the main one. */
  readonly zones: readonly WireName[];
  readonly reverseZones: readonly WireName[];
  /** Zones whose misses go to the next plugin. */
  readonly fallthrough: readonly WireName[];
  readonly ttlSeconds: number;
  readonly pods: PodMode;
  /** Names of headless services by the zone of their endpoints. */
  readonly zonal: boolean;
  readonly index: RecordIndex;
  /** False until the first complete list: what is not found may exist. */
  readonly synced: () => boolean;
  /** For `verified`: a live pod of the namespace has the address. */
  readonly hasPod: (namespace: string, address: string) => boolean;
  /** Addresses that this server can be reached at. */
  readonly localAddresses: () => readonly string[];
  /** Unix time of the last change that DNS can see. */
  readonly serial: () => number;
}

export type ZoneAnswer =
  | { kind: 'records'; zone: WireName; answers: ResourceRecord[]; additionals: ResourceRecord[] }
  | { kind: 'alias'; zone: WireName; cname: ResourceRecord; target: WireName }
  | { kind: 'nodata' | 'nxdomain' | 'unsure'; zone: WireName }
  /** Not a name of ours, or one that the next plugin may know. */
  | { kind: 'pass' };

const PASS: ZoneAnswer = { kind: 'pass' };
const MAX_SOA_TTL = 300;

export class ClusterZone {
  readonly options: ClusterZoneOptions;
  /** Longest first. */
  readonly #zones: readonly WireName[];
  readonly #underscoreLabels: readonly number[];
  readonly #podZones: readonly WireName[];

  constructor(options: ClusterZoneOptions) {
    this.options = options;
    this.#zones = [...options.zones, ...options.reverseZones].toSorted((a, b) => b.length - a.length);
    this.#underscoreLabels = options.zones.flatMap((zone) => [countLabels(zone) + 4, countLabels(zone) + 5]);
    this.#podZones = options.zones.map((zone) => joinLabels(['pod'], zone));
  }

  zoneOf(key: WireName): WireName | undefined {
    for (const zone of this.#zones) if (isBelow(key, zone)) return zone;
    return undefined;
  }

  /** True when the next plugin is asked for names that are not here. */
  isOpen(key: WireName): boolean {
    return this.options.fallthrough.some((zone) => isBelow(key, zone));
  }

  /** @param name the question with the client's letters, @param key the same in lower case. */
  answer(name: WireName, key: WireName, type: number): ZoneAnswer {
    const zone = this.zoneOf(key);
    if (zone === undefined) return PASS;
    const entry = this.options.index.find(key);
    if (entry !== undefined) return this.answerFrom(entry, name, type, zone);
    return this.answerMissing(name, key, type, zone);
  }

  /** The answer of a name that is not in the index: nearly always that it does not exist. */
  answerMissing(name: WireName, key: WireName, type: number, zone: WireName): ZoneAnswer {
    const entry = this.#withoutUnderscores(key);
    if (entry !== undefined) return this.answerFrom(entry, name, type, zone);
    const zonal = this.options.zonal ? zonalRecords(this.options.index, key, this.options.zones) : undefined;
    if (zonal !== undefined) return this.#answerOf([zonal], name, type, zone);
    return this.#synthetic(name, key, type, zone) ?? this.#miss(key, zone);
  }

  /** The answer of an existing name. */
  answerFrom(entry: NameEntry, name: WireName, type: number, zone: WireName): ZoneAnswer {
    if (entry.key === zone) return this.#apex(name, type, zone);
    if (entry.sources.length === 0 && this.isOpen(entry.key)) return PASS;
    const parts = this.options.index.records(entry);
    const alias = parts.find((part) => part.cname !== undefined)?.cname;
    if (alias !== undefined) {
      if (type === Type.SRV) return { kind: 'nodata', zone };
      const cname = this.#record(name, Type.CNAME, alias);
      if (type === Type.CNAME) return { kind: 'records', zone, answers: [cname], additionals: [] };
      return { kind: 'alias', zone, cname, target: alias };
    }
    return this.#answerOf(parts, name, type, zone);
  }

  #answerOf(parts: readonly NameRecords[], name: WireName, type: number, zone: WireName): ZoneAnswer {
    const { answers, additionals } = recordsOfParts(parts, { name, type, zone, ttl: this.options.ttlSeconds });
    return answers.length === 0 ? { kind: 'nodata', zone } : { kind: 'records', zone, answers, additionals };
  }

  /** @param owner the zone, in the letters to be sent. */
  soa(owner: WireName): ResourceRecord {
    const { ttlSeconds, serial } = this.options;
    const rdata = soaRdata({
      mname: joinLabels(['ns', 'dns'], owner),
      rname: joinLabels(['hostmaster'], owner),
      serial: serial(),
      refresh: 7200,
      retry: 1800,
      expire: 86400,
      minimum: ttlSeconds,
    });
    return this.#record(owner, Type.SOA, rdata, Math.min(ttlSeconds, MAX_SOA_TTL));
  }

  #record(name: WireName, type: number, rdata: string, ttl = this.options.ttlSeconds): ResourceRecord {
    return { name, type, class: Class.IN, ttl, rdata };
  }

  #apex(name: WireName, type: number, zone: WireName): ZoneAnswer {
    if (type === Type.SOA) return { kind: 'records', zone, answers: [this.soa(name)], additionals: [] };
    if (type === Type.NS) {
      const { answers, additionals } = this.nameServers(name, zone);
      return answers.length > 0 ? { kind: 'records', zone, answers, additionals } : { kind: 'nodata', zone };
    }
    return { kind: 'nodata', zone };
  }

  /** NS records with glue: the Services that lead to this server, else `ns.dns.ZONE`. */
  nameServers(owner: WireName, zone: WireName): { answers: ResourceRecord[]; additionals: ResourceRecord[] } {
    const { index, localAddresses, zones } = this.options;
    const hosts = new Map<WireName, readonly string[]>();
    const inZone = zones.includes(zone) ? zone : zones[0];
    if (inZone === undefined) return { answers: [], additionals: [] };
    for (const address of localAddresses())
      for (const { built } of index.sourcesAt(address)) {
        const { service, slices } = built;
        const records = service === undefined ? undefined : ptrOf(address, service, slices, index.options);
        if (records?.ptr === undefined) continue;
        const target = service?.type === 'ClusterIP' ? parentOf(records) : records.ptr;
        const entry = index.find(target);
        const addresses = entry === undefined ? [] : index.records(entry).flatMap((r) => r.addresses);
        if (addresses.length > 0) hosts.set(target, addresses);
      }
    if (hosts.size === 0 && localAddresses().length > 0) hosts.set(joinLabels(['ns', 'dns'], inZone), localAddresses());
    const answers = Array.from(hosts.keys(), (host) => this.#record(owner, Type.NS, host));
    const additionals = Array.from(hosts).flatMap(([host, addresses]) =>
      glue(host, addresses, this.options.ttlSeconds),
    );
    return { answers, additionals };
  }

  /** `http.tcp.SERVICE` is taken for `_http._tcp.SERVICE`, as existing clients expect. */
  #withoutUnderscores(key: WireName): NameEntry | undefined {
    // SERVICE.NAMESPACE.svc.ZONE with one or two labels in front.
    if (!this.#underscoreLabels.includes(countLabels(key))) return undefined;
    const zone = this.options.zones.find((z) => isBelow(key, z));
    if (zone === undefined) return undefined;
    const front = countLabels(key) - 3 - countLabels(zone);
    if (front !== 2 && front !== 1) return undefined;
    const all = nameLabels(key);
    if (all[front + 2] !== 'svc') return undefined;
    const marked = all.slice(0, front).map((label) => (label.startsWith('_') ? label : `_${label}`));
    try {
      let base = key;
      for (let i = 0; i < front; i++) base = parentName(base);
      return this.options.index.find(joinLabels(marked, base));
    } catch {
      // The marked name is too long to exist.
      return undefined;
    }
  }

  /** Names below pod.ZONE, which are not in the index: `10-0-0-1.NAMESPACE.pod.ZONE`. */
  #synthetic(name: WireName, key: WireName, type: number, zone: WireName): ZoneAnswer | undefined {
    const { pods, index, hasPod } = this.options;
    if (pods === 'disabled') return undefined;
    const podZone = this.#podZones.find((z) => isBelow(key, z));
    if (podZone === undefined) return undefined;
    const [label, namespace, ...more] = nameLabels(key.slice(0, -podZone.length) as WireName);
    if (label === undefined || namespace === undefined || more.length > 0) return undefined;
    const packed = addressOfLabel(label);
    if (packed === undefined || !index.exposes(namespace)) return undefined;
    if (index.namespace(namespace) === undefined) return undefined;
    if (pods === 'verified' && !hasPod(namespace, formatAddress(packed))) return undefined;
    const own = packed.length === 4 ? Type.A : Type.AAAA;
    if (type !== own) return { kind: 'nodata', zone };
    return { kind: 'records', zone, answers: [this.#record(name, own, packed)], additionals: [] };
  }

  #miss(key: WireName, zone: WireName): ZoneAnswer {
    if (this.isOpen(key)) return PASS;
    return { kind: this.options.synced() ? 'nxdomain' : 'unsure', zone };
  }
}

/** The service's own name: a PTR of an endpoint of a ClusterIP service is one label below it. */
function parentOf(records: NameRecords): WireName {
  const ptr = records.ptr as WireName;
  return records.ptrOfService ? ptr : parentName(ptr);
}

/** `10-0-0-1` and `fd00--1` as addresses: exactly three single dashes make it IPv4. */
export function addressOfLabel(label: string): string | undefined {
  const dashes = label.split('-').length - 1;
  if (dashes === 3 && !label.includes('--')) return packAddress(label.replaceAll('-', '.'));
  return packAddress(label.replaceAll('-', ':'));
}
