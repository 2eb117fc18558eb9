// From one Service and its EndpointSlices to the names it gives: a pure function. Kubernetes DNS specification 1.1.0
// §2.3–2.5, and the extensions people rely on (SRV at the bare service name, endpoint names under a ClusterIP service).
import { joinLabels, packAddress, parseName, reverseName } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import type { DnsEndpoint, DnsPort, DnsService, DnsSlice } from './dns-objects.ts';

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

/** Label of an endpoint below its service. @example '10-1-2-3', '2001-db8--0' */
export function endpointLabel(endpoint: DnsEndpoint, usePodNames: boolean): string {
  if (endpoint.hostname !== '') return endpoint.hostname;
  if (usePodNames && endpoint.pod !== '' && endpoint.pod.length <= 63 && !endpoint.pod.includes('.'))
    return endpoint.pod.toLowerCase();
  return dashedAddress(endpoint.address);
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

/** All names that a service gives, in all zones, with their records. */
export function serviceRecords(
  service: DnsService,
  slices: readonly DnsSlice[],
  options: RecordOptions,
): Map<WireName, NameRecords> {
  const out = new Map<WireName, NameRecords>();
  const [primary] = options.zones;
  for (const zone of options.zones) {
    const base = serviceName(zone, service.namespace, service.name);
    if (service.type === 'ExternalName') externalName(service, base, out);
    else if (service.type === 'ClusterIP') clusterIp(service, slices, base, options, out, zone === primary);
    else headless(slices, base, options, out);
    if (service.type !== 'ExternalName') endpointNames(slices, base, options, out, zone === primary);
  }
  return out;
}

function externalName(service: DnsService, base: WireName, out: Map<WireName, NameRecords>): void {
  // A CNAME must point at a name; an address there is a mistake that only NXDOMAIN makes visible.
  if (service.externalName === '' || packAddress(service.externalName) !== undefined) return;
  try {
    out.set(base, nameRecords({ cname: parseName(service.externalName.toLowerCase()) }));
  } catch {
    // The API server checks externalName; another one's mistake gives no record.
  }
}

function clusterIp(
  service: DnsService,
  slices: readonly DnsSlice[],
  base: WireName,
  options: RecordOptions,
  out: Map<WireName, NameRecords>,
  withPtr: boolean,
): void {
  const addresses = service.clusterIps;
  if (addresses.length === 0) return;
  if (options.ignoreEmptyService && slices.every((s) => s.endpoints.length === 0)) return;
  const targets = [{ label: '', addresses }];
  const groups = service.ports.map((p) => ({ port: p.port, targets }));
  out.set(base, nameRecords({ addresses, srv: groups, srvBase: base }));
  for (const [i, port] of service.ports.entries()) {
    const group = groups[i];
    if (port.name !== '' && group !== undefined)
      out.set(portName(port, base), nameRecords({ addresses, srv: [group], srvBase: base }));
  }
  if (withPtr) for (const address of addresses) addPtr(out, address, base, true);
}

const portName = (port: DnsPort, base: WireName): WireName => joinLabels([`_${port.name}`, `_${port.protocol}`], base);

function headless(
  slices: readonly DnsSlice[],
  base: WireName,
  options: RecordOptions,
  out: Map<WireName, NameRecords>,
): void {
  const all = new Set<string>();
  const groups: SrvGroup[] = [];
  const byPort = new Map<WireName, { addresses: Set<string>; groups: SrvGroup[] }>();
  for (const slice of slices) {
    if (slice.endpoints.length === 0) continue;
    for (const endpoint of slice.endpoints) all.add(endpoint.address);
    const targets = srvTargets(slice, options);
    for (const port of slice.ports) {
      const group = { port: port.port, targets };
      groups.push(group);
      if (port.name === '') continue;
      const name = portName(port, base);
      let at = byPort.get(name);
      if (at === undefined) byPort.set(name, (at = { addresses: new Set(), groups: [] }));
      at.groups.push(group);
      for (const endpoint of slice.endpoints) at.addresses.add(endpoint.address);
    }
  }
  if (all.size === 0) return;
  const addresses = [...all];
  out.set(base, nameRecords({ addresses, srv: groups, srvBase: base }));
  for (const [name, at] of byPort) {
    // Nearly always every endpoint has every port: then one array serves all names.
    const own = at.addresses.size === all.size ? addresses : [...at.addresses];
    out.set(name, nameRecords({ addresses: own, srv: at.groups, srvBase: base }));
  }
}

function srvTargets(slice: DnsSlice, options: RecordOptions): SrvTarget[] {
  const byLabel = new Map<string, string[]>();
  for (const endpoint of slice.endpoints) {
    const label = endpointLabel(endpoint, options.endpointPodNames);
    const addresses = byLabel.get(label);
    if (addresses === undefined) byLabel.set(label, [endpoint.address]);
    else if (!addresses.includes(endpoint.address)) addresses.push(endpoint.address);
  }
  return Array.from(byLabel, ([label, addresses]) => ({ label, addresses }));
}

function endpointNames(
  slices: readonly DnsSlice[],
  base: WireName,
  options: RecordOptions,
  out: Map<WireName, NameRecords>,
  withPtr: boolean,
): void {
  const byLabel = new Map<string, string[]>();
  for (const slice of slices)
    for (const endpoint of slice.endpoints) {
      const label = endpointLabel(endpoint, options.endpointPodNames);
      const addresses = byLabel.get(label);
      if (addresses === undefined) byLabel.set(label, [endpoint.address]);
      else if (!addresses.includes(endpoint.address)) addresses.push(endpoint.address);
    }
  for (const [label, addresses] of byLabel) {
    let name: WireName;
    try {
      name = joinLabels([label], base);
    } catch {
      continue;
    }
    out.set(name, nameRecords({ addresses }));
    if (withPtr) for (const address of addresses) addPtr(out, address, name, false);
  }
}

function addPtr(out: Map<WireName, NameRecords>, address: string, target: WireName, ofService: boolean): void {
  const packed = packAddress(address);
  if (packed === undefined) return;
  const owner = reverseName(packed);
  // One PTR a service and address: the first label wins, a ClusterIP over an endpoint.
  if (!out.has(owner)) out.set(owner, nameRecords({ ptr: target, ptrOfService: ofService }));
}

export function sameRecords(a: NameRecords, b: NameRecords): boolean {
  return (
    a.ptr === b.ptr &&
    a.ptrOfService === b.ptrOfService &&
    a.cname === b.cname &&
    a.text === b.text &&
    sameList(a.addresses, b.addresses) &&
    a.srv.length === b.srv.length &&
    a.srv.every((group, i) => sameGroup(group, b.srv[i]))
  );
}

function sameGroup(a: SrvGroup, b: SrvGroup | undefined): boolean {
  if (b === undefined || a.port !== b.port || a.targets.length !== b.targets.length) return false;
  return a.targets.every((target, i) => {
    const other = b.targets[i];
    return other !== undefined && target.label === other.label && sameList(target.addresses, other.addresses);
  });
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
