// Endpoints of a headless service by the zone they run in: `ZONE.pin._zone.SERVICE…` gives only those,
// `ZONE.prefer._zone.SERVICE…` gives all when the zone has none. Opt-in, as in CoreDNS.
import { countLabels, isBelow, nameLabels } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import type { DnsSlice } from './dns-objects.ts';
import type { RecordIndex } from './index-records.ts';
import { nameRecords, recordsOfName, serviceName } from './service-records.ts';
import type { NameRecords } from './service-records.ts';

/** Undefined when the name is no zonal name of an existing headless service. */
export function zonalRecords(index: RecordIndex, key: WireName, zones: readonly WireName[]): NameRecords | undefined {
  const zone = zones.find((z) => isBelow(key, z));
  if (zone === undefined || countLabels(key) !== countLabels(zone) + 6) return undefined;
  const [place = '', directive, marker, name = '', namespace = '', kind] = nameLabels(key);
  if (marker !== '_zone' || kind !== 'svc' || (directive !== 'pin' && directive !== 'prefer')) return undefined;
  const { service, slices } = index.source(namespace, name)?.built ?? { service: undefined, slices: [] };
  const base = serviceName(zone, namespace, name);
  if (service?.type !== 'Headless' || index.find(base) === undefined) return undefined;
  const local = slices.map((slice) => only(slice, place));
  const none = local.every((slice) => slice.endpoints.addresses.length === 0);
  // Nothing in the zone: pinned names exist without records.
  if (none && directive === 'pin') return nameRecords({});
  return recordsOfName(base, base, service, none ? slices : local, index.options);
}

function only(slice: DnsSlice, place: string): DnsSlice {
  const { addresses, hostnames, pods, zones } = slice.endpoints;
  const wanted = addresses.map((_, i) => zones?.[i]?.toLowerCase() === place);
  const pick = <T>(values: readonly T[]): T[] => values.filter((_, i) => wanted[i] === true);
  const maybe = (values: readonly string[] | undefined) => (values === undefined ? undefined : pick(values));
  const endpoints = {
    addresses: pick(addresses),
    hostnames: maybe(hostnames),
    pods: maybe(pods),
    zones: maybe(zones),
  };
  return { ...slice, endpoints };
}
