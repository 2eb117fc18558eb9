// Zone transfer (AXFR, and IXFR as far as "nothing has changed"): for those the configuration allows, over TCP.
import { Class, Ede, isBelow, joinLabels, numberAt, Rcode, Type } from '../../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../../dnswire/index.ts';
import { networkContains } from '../../networks.ts';
import { emptyAnswer } from '../../plugin.ts';
import type { Answer, DnsPlugin, Query } from '../../plugin.ts';
import type { ClusterZone } from './cluster-zone.ts';
import { labelsOf, serviceName } from './service-records.ts';
import type { RecordIndex, Source } from './index-records.ts';

/** @param allowed networks (CIDR or addresses), or `*`. */
export function createTransfer(zone: ClusterZone, allowed: readonly string[]): DnsPlugin {
  const isTransfer = (type: number) => type === Type.AXFR || type === Type.IXFR;
  return {
    name: 'transfer',
    concerns: (_key, type) => isTransfer(type),
    handle(query, next) {
      return isTransfer(query.type) ? Promise.resolve(transfer(zone, allowed, query)) : next();
    },
  };
}

function transfer(zone: ClusterZone, allowed: readonly string[], query: Query): Answer {
  const refuse = (code: number, text: string) => emptyAnswer(Rcode.REFUSED, 'transfer', { code, text });
  if (!zone.options.zones.includes(query.key)) return refuse(Ede.NOT_AUTHORITATIVE, 'not a zone of this server');
  if (!allowed.some((network) => networkContains(network, query.client.address)))
    return refuse(Ede.PROHIBITED, 'zone transfers are not allowed from here');
  if (query.transport !== 'tcp') return refuse(Ede.NOT_SUPPORTED, 'zone transfers go over TCP');
  if (!zone.options.synced())
    return emptyAnswer(Rcode.SERVFAIL, 'transfer', { code: Ede.NOT_READY, text: 'the zone is not complete yet' });
  const answers =
    query.type === Type.IXFR && query.serial === zone.options.serial()
      ? [zone.soa(query.name)]
      : zoneRecords(zone, query.name, query.key);
  return { ...emptyAnswer(Rcode.NOERROR, 'transfer'), authoritative: true, answers };
}

/** Everything of a zone between two SOA records: services sorted by name. No pod, reverse or zonal names. */
export function zoneRecords(zone: ClusterZone, owner: WireName, key: WireName): ResourceRecord[] {
  const soa = zone.soa(owner);
  const servers = zone.nameServers(owner, key);
  const out: ResourceRecord[] = [soa, ...servers.answers, ...servers.additionals];
  const sources = [...zone.options.index.sources()].filter((s) => s.service !== undefined);
  sources.sort((a, b) => (a.key < b.key ? -1 : 1));
  const version = joinLabels(['dns-version'], key);
  for (const name of [version, ...sources.flatMap((s) => namesOf(s, key, zone.options.index))]) {
    const entry = zone.options.index.find(name);
    if (entry === undefined) continue;
    // Port names have addresses only as a courtesy.
    const types = name.startsWith('_', 1) ? [Type.SRV] : [Type.CNAME, Type.A, Type.AAAA, Type.SRV, Type.TXT];
    for (const type of types) {
      const found = zone.answerFrom(entry, name, type, key);
      if (found.kind === 'records') out.push(...found.answers);
    }
  }
  out.push(soa);
  return out;
}

/** Names of a service in the zone, its own first; endpoint names only where they are part of the specification. */
function namesOf(source: Source, key: WireName, index: RecordIndex): WireName[] {
  const { service, slices } = source.built;
  if (service === undefined) return [];
  const base = serviceName(key, service.namespace, service.name);
  const ports = source.names.filter((name) => name !== base && isBelow(name, base));
  const labels = service.type === 'Headless' ? [...labelsOf(slices, index.options).keys()] : [];
  return [base, ...[...ports, ...labels.map((label) => joinLabels([label], base))].toSorted()];
}

/** The serial of the SOA that an IXFR carries in its authority section. */
export function serialOf(records: readonly ResourceRecord[]): number | undefined {
  const soa = records.find((r) => r.type === Type.SOA && r.class === Class.IN);
  return soa === undefined ? undefined : numberAt(soa.rdata, soa.rdata.length - 20, 4);
}
