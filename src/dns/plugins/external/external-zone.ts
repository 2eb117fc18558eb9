// What a zone for the world outside answers: services by the addresses that lead to them from there (externalIPs, load
// balancers), and headless ones by their endpoints when that is wanted. Values only: no waiting, no sockets.
import {
  addressOfReverseName,
  Class,
  formatAddress,
  isBelow,
  joinLabels,
  nameLabels,
  packAddress,
  parseName,
  soaRdata,
  srvRdata,
  Type,
} from '../../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../../dnswire/index.ts';
import type { ClusterZone } from '../kubernetes/cluster-zone.ts';
import type { DnsService, DnsSlice } from '../kubernetes/dns-objects.ts';
import { glue, recordsOfParts } from '../kubernetes/part-records.ts';
import { labelsOf, nameRecords, recordsOfName } from '../kubernetes/service-records.ts';
import type { NameRecords } from '../kubernetes/service-records.ts';

export interface ExternalConfig {
  /** Lower case; reverse zones among them answer for the addresses of services. */
  readonly zones: readonly WireName[];
  readonly reverseZones: readonly WireName[];
  /** Label of the names that the zone itself needs: `ns1.APEX.ZONE`. */
  readonly apex: string;
  readonly ttlSeconds: number;
  readonly headless: boolean;
  /** Zones whose missing names go on to the next plugin. */
  readonly fallthrough: readonly WireName[];
}

export type ExternalAnswer =
  | {
      readonly kind: 'records';
      readonly answers: readonly ResourceRecord[];
      readonly additionals: readonly ResourceRecord[];
    }
  | { readonly kind: 'alias'; readonly cname: ResourceRecord }
  | { readonly kind: 'nodata' | 'nxdomain'; readonly why: string };

type Part = NameRecords | { readonly host: WireName; readonly srvPorts: readonly number[] };

const isAddress = (text: string): boolean => packAddress(text) !== undefined;

export class ExternalZone {
  readonly config: ExternalConfig;
  readonly #cluster: ClusterZone;
  /** Longest first. */
  readonly #zones: readonly WireName[];
  /** Services by external address, as of a version of the index. */
  #reverse: { version: number; services: Map<string, DnsService[]> } | undefined;

  constructor(config: ExternalConfig, cluster: ClusterZone) {
    this.config = config;
    this.#cluster = cluster;
    this.#zones = [...config.zones, ...config.reverseZones].toSorted((a, b) => b.length - a.length);
  }

  get synced(): boolean {
    return this.#cluster.options.synced();
  }

  get serial(): number {
    return this.#cluster.options.serial();
  }

  /** The zone of these that holds the name. */
  zoneOf(key: WireName): WireName | undefined {
    return this.#zones.find((zone) => isBelow(key, zone));
  }

  /** @param name the question with the client's letters, @param key the same in lower case, in `zone`. */
  answer(name: WireName, key: WireName, type: number, zone: WireName): ExternalAnswer {
    if (this.config.reverseZones.includes(zone)) return this.#reverseAnswer(name, key, type, zone);
    const labels = nameLabels(key.slice(0, key.length - zone.length) as WireName);
    if (labels.length === 0) return this.#apex(name, type, zone);
    if (labels.at(-1) === this.config.apex) return this.#belowApex(name, labels.slice(0, -1), type);
    const part = this.#partOf(labels, key, zone);
    if (part === undefined) return { kind: 'nxdomain', why: this.#missing(labels) };
    if ('host' in part) return this.#hostAnswer(part, name, type);
    const { answers, additionals } = recordsOfParts([part], { name, type, zone, ttl: this.config.ttlSeconds });
    return answers.length > 0
      ? { kind: 'records', answers, additionals }
      : { kind: 'nodata', why: 'the name exists without such records' };
  }

  /** @param owner the zone, in the letters to be sent. */
  soa(owner: WireName): ResourceRecord {
    const { apex, ttlSeconds } = this.config;
    const rdata = soaRdata({
      mname: joinLabels(['ns1', apex], owner),
      rname: joinLabels(['hostmaster', apex], owner),
      serial: this.serial,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ttlSeconds,
    });
    return this.#record(owner, Type.SOA, rdata);
  }

  /** Everything in the zone between two SOA records. */
  records(owner: WireName, zone: WireName): ResourceRecord[] {
    const out: ResourceRecord[] = [this.soa(owner)];
    const add = (answer: ExternalAnswer) => {
      if (answer.kind === 'records')
        out.push(...answer.answers, ...(answer.answers[0]?.type === Type.NS ? answer.additionals : []));
      else if (answer.kind === 'alias') out.push(answer.cname);
    };
    add(this.#apex(owner, Type.NS, zone));
    const sources = [...this.#cluster.options.index.sources()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
    for (const { built } of sources) {
      const { service, slices } = built;
      if (service === undefined || !this.#isShown(service, slices)) continue;
      const base = joinLabels([service.name, service.namespace], zone);
      const ask = (name: WireName, types: readonly number[]) =>
        types.forEach((type) => add(this.answer(name, name, type, zone)));
      const isAlias = service.external?.some(isAddress) === false;
      ask(base, isAlias ? [Type.A, Type.SRV] : [Type.A, Type.AAAA, Type.SRV]);
      const { ports } = service;
      for (const port of ports)
        if (port.name !== '') ask(joinLabels([`_${port.name}`, `_${port.protocol}`], base), [Type.SRV]);
      if (service.external === undefined)
        for (const label of labelsOf(slices, this.#cluster.options.index.options).keys())
          ask(joinLabels([label], base), [Type.A, Type.AAAA]);
    }
    return [...out, this.soa(owner)];
  }

  #record(name: WireName, type: number, rdata: string): ResourceRecord {
    return { name, type, class: Class.IN, ttl: this.config.ttlSeconds, rdata };
  }

  #isShown(service: DnsService, slices: readonly DnsSlice[]): boolean {
    if (service.type === 'ExternalName') return false;
    if (service.external !== undefined) return true;
    return this.config.headless && service.type === 'Headless' && slices.some((s) => s.endpoints.addresses.length > 0);
  }

  /** `SERVICE.NAMESPACE`, `PORT.PROTOCOL.SERVICE.NAMESPACE`, `ENDPOINT.SERVICE.NAMESPACE`; undefined: no such name. */
  #partOf(labels: readonly string[], key: WireName, zone: WireName): Part | undefined {
    const { index } = this.#cluster.options;
    const [namespace = '', name, ...front] = labels.toReversed();
    if (!index.exposes(namespace)) return undefined;
    if (name === undefined) return index.namespace(namespace) === undefined ? undefined : nameRecords({});
    const { service, slices } = index.source(namespace, name)?.built ?? { service: undefined, slices: [] };
    if (service === undefined || !this.#isShown(service, slices)) return undefined;
    const base = joinLabels([name, namespace], zone);
    if (front.length === 1 && service.external === undefined) {
      const addresses = labelsOf(slices, index.options).get(front[0] ?? '');
      const ports = [...new Set(slices.flatMap((s) => s.ports.map((p) => p.port)))];
      // An endpoint is the host of its own SRV record.
      if (addresses !== undefined)
        return nameRecords({
          addresses,
          srvBase: key,
          srv: ports.map((port) => ({ port, targets: [{ label: '', addresses }] })),
        });
    }
    const marked = (label: string) => (label.startsWith('_') ? label : `_${label}`);
    const own = front.length === 0 ? base : joinLabels(front.toReversed().map(marked), base);
    const ports = service.external === undefined ? slices.flatMap((s) => s.ports) : service.ports;
    const wanted = ports.filter((p) => p.name !== '' && joinLabels([`_${p.name}`, `_${p.protocol}`], base) === own);
    if (front.length === 1)
      return ports.some((p) => p.name !== '' && `_${p.protocol}` === marked(front[0] ?? ''))
        ? nameRecords({})
        : undefined;
    if (front.length > 2 || (front.length === 2 && wanted.length === 0)) return undefined;
    const addresses = (service.external ?? []).filter(isAddress);
    const [host] = service.external ?? [];
    if (service.external !== undefined && addresses.length === 0)
      return {
        host: parseName((host ?? '').toLowerCase()),
        srvPorts: (front.length === 0 ? ports : wanted).map((p) => p.port),
      };
    const seen: DnsService =
      service.external === undefined ? service : { ...service, type: 'ClusterIP', clusterIps: addresses };
    return recordsOfName(own, base, seen, slices, index.options);
  }

  /** A load balancer that is known by name. */
  #hostAnswer(part: Extract<Part, { host: WireName }>, name: WireName, type: number): ExternalAnswer {
    if (type === Type.A || type === Type.AAAA || type === Type.CNAME)
      return { kind: 'alias', cname: this.#record(name, Type.CNAME, part.host) };
    if (type !== Type.SRV || part.srvPorts.length === 0)
      return { kind: 'nodata', why: 'the name exists without such records' };
    const weight = Math.max(1, Math.floor(100 / part.srvPorts.length));
    const answers = part.srvPorts.map((port) => this.#record(name, Type.SRV, srvRdata(0, weight, port, part.host)));
    return { kind: 'records', answers, additionals: [] };
  }

  #apex(name: WireName, type: number, zone: WireName): ExternalAnswer {
    if (type === Type.SOA) return { kind: 'records', answers: [this.soa(name)], additionals: [] };
    if (type !== Type.NS) return { kind: 'nodata', why: 'the zone itself has no such record' };
    const host = joinLabels(['ns1', this.config.apex], name.length === zone.length ? name : zone);
    const additionals = glue(host, this.#ownAddresses(), this.config.ttlSeconds);
    return { kind: 'records', answers: [this.#record(name, Type.NS, host)], additionals };
  }

  #belowApex(name: WireName, labels: readonly string[], type: number): ExternalAnswer {
    const nodata: ExternalAnswer = { kind: 'nodata', why: 'the name exists without such records' };
    if (labels.length === 0) return nodata;
    if (labels.length > 1 || labels[0] !== 'ns1') return { kind: 'nxdomain', why: 'only ns1 stands here' };
    const answers = glue(name, this.#ownAddresses(), this.config.ttlSeconds).filter((r) => r.type === type);
    return answers.length > 0 ? { kind: 'records', answers, additionals: [] } : nodata;
  }

  /** External addresses of the services that lead to this server. */
  #ownAddresses(): string[] {
    const { index, localAddresses } = this.#cluster.options;
    const out = new Set<string>();
    for (const address of localAddresses())
      for (const { service } of index.sourcesAt(address).map((source) => source.built))
        if (service?.external !== undefined) for (const to of service.external.filter(isAddress)) out.add(to);
        else if (this.config.headless && service?.type === 'Headless') out.add(address);
    return [...out];
  }

  #reverseAnswer(name: WireName, key: WireName, type: number, zone: WireName): ExternalAnswer {
    if (key === zone) return this.#apex(name, type, zone);
    const packed = addressOfReverseName(key);
    const services = packed === undefined ? undefined : this.#byAddress().get(formatAddress(packed));
    if (services === undefined) return { kind: 'nxdomain', why: 'no service has this external address' };
    const [forward] = this.config.zones;
    if (type !== Type.PTR || forward === undefined)
      return { kind: 'nodata', why: 'the name exists without such records' };
    const answers = services.map((s) => this.#record(name, Type.PTR, joinLabels([s.name, s.namespace], forward)));
    return { kind: 'records', answers, additionals: [] };
  }

  #byAddress(): Map<string, DnsService[]> {
    const { index } = this.#cluster.options;
    if (this.#reverse?.version === index.version) return this.#reverse.services;
    const services = new Map<string, DnsService[]>();
    for (const { built } of index.sources())
      for (const address of built.service?.external ?? []) {
        const known = services.get(address);
        if (known === undefined) services.set(address, [built.service as DnsService]);
        else known.push(built.service as DnsService);
      }
    this.#reverse = { version: index.version, services };
    return services;
  }

  #missing(labels: readonly string[]): string {
    const { index } = this.#cluster.options;
    const [namespace = '', name] = labels.toReversed();
    if (!index.exposes(namespace)) return `namespace ${namespace} is not shown by configuration`;
    if (name === undefined || index.namespace(namespace) === undefined) return `no namespace ${namespace}`;
    const service = index.source(namespace, name)?.built.service;
    if (service === undefined) return `no service ${name} in namespace ${namespace}`;
    if (service.external === undefined) return `service ${namespace}/${name} has no external address`;
    return `service ${namespace}/${name} has no such port`;
  }
}
