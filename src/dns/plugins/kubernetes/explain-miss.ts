// Why a cluster name has no answer, in a short sentence: which part is missing. Goes out as Extended DNS Error and is
// what `portico dns query` prints.
import { Ede, formatName, nameLabels, Type, typeName } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import type { AnswerError } from '../../plugin.ts';
import type { ClusterZone } from './cluster-zone.ts';

/** The reason for NODATA, NXDOMAIN or SERVFAIL; undefined for names of other zones. */
export function explainMiss(zone: ClusterZone, key: WireName, type: number): AnswerError | undefined {
  const within = zone.zoneOf(key);
  if (within === undefined) return undefined;
  const { index, synced, pods } = zone.options;
  const other = (text: string): AnswerError => ({ code: Ede.OTHER, text });
  const entry = index.find(key);
  if (entry === undefined && !synced())
    return { code: Ede.NOT_READY, text: 'the list of services is not complete yet' };
  if (!zone.options.zones.includes(within)) return other(`no service or endpoint has this address`);

  const labels = nameLabels(key.slice(0, key.length - within.length) as WireName).map((l) => l);
  const kind = labels.at(-1);
  const namespace = labels.at(-2);
  const name = labels.at(-3);
  if (kind === undefined) return other(`the zone itself has no ${typeName(type)} record`);
  if (kind !== 'svc' && kind !== 'pod')
    return entry === undefined ? other(`names here end in svc or pod, not ${kind}`) : noSuchType(type);
  if (namespace === undefined) return noSuchType(type);
  if (!index.exposes(namespace)) return other(`namespace ${namespace} is not shown by configuration`);
  if (kind === 'pod') {
    if (pods === 'disabled') return other('pod names are switched off');
    if (index.namespace(namespace) === undefined) return other(`no namespace ${namespace}`);
    if (name === undefined) return noSuchType(type);
    if (labels.length > 3) return other('pod names have one label in front of the namespace');
    return other(pods === 'verified' ? `no pod with address ${name} in ${namespace}` : `${name} is no address`);
  }
  const source = name === undefined ? undefined : index.source(namespace, name);
  if (source?.service === undefined) {
    if (index.namespace(namespace) === undefined && entry === undefined) return other(`no namespace ${namespace}`);
    if (name === undefined) return noSuchType(type);
    return other(`no service ${name} in namespace ${namespace}`);
  }
  return explainService(zone, key, type, labels.slice(0, -3), source.key);
}

function noSuchType(type: number): AnswerError {
  return { code: Ede.OTHER, text: `the name exists without ${typeName(type)} records` };
}

function explainService(
  zone: ClusterZone,
  key: WireName,
  type: number,
  front: readonly string[],
  id: string,
): AnswerError {
  const { index } = zone.options;
  const [namespace = '', name = ''] = id.split('/');
  const source = index.source(namespace, name);
  const service = source?.service;
  const other = (text: string): AnswerError => ({ code: Ede.OTHER, text });
  if (source === undefined || service === undefined) return other(`no service ${id}`);
  const entry = index.find(key);
  const slices = [...source.slices.values()];
  const ready = slices.reduce((n, s) => n + s.endpoints.addresses.length, 0);
  const notReady = slices.reduce((n, s) => n + s.notReady, 0);
  const endpoints = notReady > 0 ? `no ready endpoint (${notReady} not ready)` : 'no endpoint';
  if (service.type === 'ExternalName') {
    if (front.length > 0) return other(`service ${id} is an ExternalName: no names below it`);
    return entry === undefined
      ? other(`externalName "${service.externalName}" of service ${id} is no domain name`)
      : noSuchType(type);
  }
  if (entry !== undefined) {
    if (type !== Type.A && type !== Type.AAAA) return noSuchType(type);
    const family = type === Type.A ? 'IPv4' : 'IPv6';
    const has = index.records(entry).some((records) => records.addresses.length > 0);
    return has ? other(`wrong family: ${formatName(key)} has no ${family} address`) : noSuchType(type);
  }
  if (service.type === 'ClusterIP' && service.clusterIps.length === 0)
    return other(`service ${id} has no cluster IP yet`);
  if (ready === 0 && (service.type === 'Headless' || front.length === 0))
    return other(`service ${id} has ${endpoints}`);
  const isPort = front.length === 2;
  if (isPort) return other(`service ${id} has no port ${front.join('.')}`);
  if (front.length > 2) return other(`too many labels in front of service ${id}`);
  return other(`service ${id} has no ready endpoint named ${front.join('.')}`);
}
