// The cluster's zone as a whole, for zone transfers.
import { isBelow, joinLabels, Type } from '../../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../../dnswire/index.ts';
import type { TransferSource } from '../transfer/transfer.ts';
import type { ClusterZone } from './cluster-zone.ts';
import type { RecordIndex } from './index-records.ts';
import type { Source } from './name-tree.ts';
import { labelsOf, serviceName } from './service-records.ts';

export function clusterTransfer(zone: ClusterZone): TransferSource {
  return {
    transferOf(key) {
      if (!zone.options.zones.includes(key)) return undefined;
      return {
        ready: zone.options.synced(),
        serial: zone.options.serial(),
        soa: (owner) => zone.soa(owner),
        records: (owner) => zoneRecords(zone, owner, key),
      };
    },
  };
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
