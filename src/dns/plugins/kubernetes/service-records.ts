// From one Service and its EndpointSlices to the names it gives: pure functions. Kubernetes DNS specification 1.1.0
// §2.3–2.5, and the extensions people rely on (SRV at the bare service name, endpoint names under a ClusterIP service).
import { joinLabels, packAddress, parseName } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import type { DnsEndpoints, DnsPort, DnsService, DnsSlice } from './dns-objects.ts';

/** A host that SRV records point at: the service itself (label '') or one of its endpoints. */
export interface SrvTarget {
  readonly label: string;
  readonly addresses: readonly string[];
}

export interface SrvGroup {
  readonly port: number;
  readonly targets: readonly SrvTarget[];
}

/** What one source gives to one name. All of it empty: the name only exists. */
export interface NameRecords {
  readonly addresses: readonly string[];
  readonly srv: readonly SrvGroup[];
  /** SRV targets are this name, or a label below it. */
  readonly srvBase: WireName | undefined;
  readonly ptr: WireName | undefined;
  /** The PTR of a ClusterIP hides those of endpoints with the same address. */
  readonly ptrOfService: boolean;
  readonly cname: WireName | undefined;
  readonly text: string | undefined;
}

const NONE: readonly never[] = [];

/** Records with the given parts; every object has the same shape. */
export function nameRecords(parts: Partial<NameRecords>): NameRecords {
  return {
    addresses: parts.addresses ?? NONE,
    srv: parts.srv ?? NONE,
    srvBase: parts.srvBase,
    ptr: parts.ptr,
    ptrOfService: parts.ptrOfService ?? false,
    cname: parts.cname,
    text: parts.text,
  };
}

export interface RecordOptions {
  /** Cluster zones in lower case; PTR records point into the first. */
  readonly zones: readonly WireName[];
  /** Pod name instead of dashed address for endpoints without hostname, when it is a label. */
  readonly endpointPodNames: boolean;
  /** ClusterIP services without ready endpoints do not exist. */
  readonly ignoreEmptyService: boolean;
}

/** Label of the endpoint at `i` below its service. @example '10-1-2-3', '2001-db8--0' */
export function endpointLabel(endpoints: DnsEndpoints, i: number, usePodNames: boolean): string {
  const hostname = endpoints.hostnames?.[i] ?? '';
  if (hostname !== '') return hostname;
  const pod = usePodNames ? (endpoints.pods?.[i] ?? '') : '';
  if (pod !== '' && pod.length <= 63 && !pod.includes('.')) return pod.toLowerCase();
  return dashedAddress(endpoints.addresses[i] ?? '');
}

export function dashedAddress(address: string): string {
  const dashed = address.replaceAll(/[.:]/g, '-');
  // A label may not end in a dash.
  return dashed.endsWith('-') ? `${dashed}0` : dashed;
}

/** The name of a service in a zone. */
export function serviceName(zone: WireName, namespace: string, name: string): WireName {
  return joinLabels([name.toLowerCase(), namespace.toLowerCase(), 'svc'], zone);
}

const portName = (port: DnsPort, base: WireName): WireName => joinLabels([`_${port.name}`, `_${port.protocol}`], base);

const readyCount = (slices: readonly DnsSlice[]): number =>
  slices.reduce((count, slice) => count + slice.endpoints.addresses.length, 0);

/** The target of an ExternalName service; undefined when it is no domain name. */
function aliasOf(service: DnsService): WireName | undefined {
  // A CNAME must point at a name; an address there is a mistake that only NXDOMAIN makes visible.
  if (service.externalName === '' || packAddress(service.externalName) !== undefined) return undefined;
  try {
    return parseName(service.externalName.toLowerCase());
  } catch {
    return undefined;
  }
}

/** True when the service has its own name; without it there are none below it either. */
function exists(service: DnsService, slices: readonly DnsSlice[], options: RecordOptions): boolean {
  if (service.type === 'ExternalName') return aliasOf(service) !== undefined;
  if (service.type === 'Headless') return readyCount(slices) > 0;
  if (service.clusterIps.length === 0) return false;
  return !options.ignoreEmptyService || readyCount(slices) > 0;
}

/** The service's own name and those of its ports, in one zone. Endpoint names are found by `endpointsOfLabel`. */
export function serviceNames(
  service: DnsService,
  slices: readonly DnsSlice[],
  zone: WireName,
  options: RecordOptions,
): WireName[] {
  if (!exists(service, slices, options)) return [];
  const base = serviceName(zone, service.namespace, service.name);
  if (service.type === 'ExternalName') return [base];
  const names = new Set([base]);
  const from = service.type === 'Headless' ? slices.filter((s) => s.endpoints.addresses.length > 0) : [service];
  for (const { ports } of from) for (const port of ports) if (port.name !== '') names.add(portName(port, base));
  return [...names];
}

/** The records of one of `serviceNames`. */
export function recordsOfName(
  name: WireName,
  base: WireName,
  service: DnsService,
  slices: readonly DnsSlice[],
  options: RecordOptions,
): NameRecords {
  const cname = service.type === 'ExternalName' ? aliasOf(service) : undefined;
  if (cname !== undefined) return nameRecords({ cname });
  const isBase = name === base;
  const wanted = (port: DnsPort) => isBase || (port.name !== '' && portName(port, base) === name);
  if (service.type === 'ClusterIP') {
    const addresses = service.clusterIps;
    const targets = [{ label: '', addresses }];
    const srv = service.ports.filter(wanted).map((port) => ({ port: port.port, targets }));
    return nameRecords({ addresses, srv, srvBase: base });
  }
  const addresses = new Set<string>();
  const srv: SrvGroup[] = [];
  for (const slice of slices) {
    const ports = slice.ports.filter(wanted);
    if (!isBase && ports.length === 0) continue;
    for (const address of slice.endpoints.addresses) addresses.add(address);
    const targets = ports.length === 0 ? [] : srvTargets(slice, options);
    if (targets.length > 0) for (const port of ports) srv.push({ port: port.port, targets });
  }
  return nameRecords({ addresses: [...addresses], srv, srvBase: base });
}

function srvTargets(slice: DnsSlice, options: RecordOptions): SrvTarget[] {
  return Array.from(labelsOf([slice], options), ([label, addresses]) => ({ label, addresses }));
}

/** Addresses of the endpoints by their label, without repetition. */
export function labelsOf(slices: readonly DnsSlice[], options: RecordOptions): Map<string, string[]> {
  const byLabel = new Map<string, string[]>();
  for (const { endpoints } of slices)
    for (const [i, address] of endpoints.addresses.entries()) {
      const label = endpointLabel(endpoints, i, options.endpointPodNames);
      const known = byLabel.get(label);
      if (known === undefined) byLabel.set(label, [address]);
      else if (!known.includes(address)) known.push(address);
    }
  return byLabel;
}

/** Where the address of a service or of one of its endpoints points back to; undefined: it has no such address. */
export function ptrOf(
  address: string,
  service: DnsService,
  slices: readonly DnsSlice[],
  options: RecordOptions,
): NameRecords | undefined {
  const [zone] = options.zones;
  if (zone === undefined || service.type === 'ExternalName' || !exists(service, slices, options)) return undefined;
  const base = serviceName(zone, service.namespace, service.name);
  if (service.clusterIps.includes(address)) return nameRecords({ ptr: base, ptrOfService: true });
  for (const { endpoints } of slices) {
    const i = endpoints.addresses.indexOf(address);
    if (i < 0) continue;
    try {
      return nameRecords({ ptr: joinLabels([endpointLabel(endpoints, i, options.endpointPodNames)], base) });
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** Every address that a service answers for in the reverse zones: none when it has no name to point to. */
export function addressesOf(
  service: DnsService | undefined,
  slices: readonly DnsSlice[],
  options: RecordOptions,
): Set<string> {
  if (service === undefined || service.type === 'ExternalName' || !exists(service, slices, options)) return new Set();
  const out = new Set(service.clusterIps);
  for (const slice of slices) for (const address of slice.endpoints.addresses) out.add(address);
  return out;
}

/** True when DNS cannot tell the two versions apart. */
export function sameService(a: DnsService | undefined, b: DnsService | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  return (
    a.type === b.type &&
    a.externalName === b.externalName &&
    sameList(a.clusterIps, b.clusterIps) &&
    sameList(a.external ?? NONE, b.external ?? NONE) &&
    samePorts(a.ports, b.ports)
  );
}

/** True when DNS cannot tell the two versions apart. The order of ports, revisions and unready endpoints do not count. */
export function sameSlices(a: readonly DnsSlice[], b: readonly DnsSlice[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((slice, i) => {
    const other = b[i];
    if (slice === other) return true;
    if (other === undefined || slice.name !== other.name || !samePorts(slice.ports, other.ports)) return false;
    const [x, y] = [slice.endpoints, other.endpoints];
    return (
      sameList(x.addresses, y.addresses) &&
      sameList(x.hostnames ?? NONE, y.hostnames ?? NONE) &&
      sameList(x.pods ?? NONE, y.pods ?? NONE) &&
      sameList(x.zones ?? NONE, y.zones ?? NONE)
    );
  });
}

function samePorts(a: readonly DnsPort[], b: readonly DnsPort[]): boolean {
  const text = (ports: readonly DnsPort[]) =>
    ports
      .map((p) => `${p.name}/${p.protocol}/${p.port}`)
      .toSorted()
      .join();
  return a === b || (a.length === b.length && text(a) === text(b));
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
