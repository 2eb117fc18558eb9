// From a hand-written Endpoints object to the groups of endpoints that its slices should have: pure.
import type { Endpoints, Service, core, discovery } from '../../api/objects.ts';
import { ipFamily, parseIp } from '../../ip/index.ts';
import { portsKey } from '../endpointslice/desired-endpoints.ts';
import type { AddressType, EndpointGroup } from '../endpointslice/desired-endpoints.ts';
import { HEADLESS, MANAGED_BY, SERVICE_NAME, TRIGGER_TIME } from '../endpointslice/slice-object.ts';

export const MIRRORING_NAME = 'endpointslicemirroring-controller.k8s.io';
const SKIP = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER = 'control-plane.alpha.kubernetes.io/leader';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const MOST_PER_SUBSET = 1000;

/** Endpoints are mirrored when a human wrote them: the Service is there and selects nothing itself. */
export function needsMirror(endpoints: Endpoints, service: Service | undefined): boolean {
  const { labels = {}, annotations = {}, deletionTimestamp } = endpoints.metadata;
  return (
    service !== undefined &&
    deletionTimestamp === undefined &&
    service.metadata.deletionTimestamp === undefined &&
    Object.keys(service.spec?.selector ?? {}).length === 0 &&
    labels[SKIP] !== 'true' &&
    !(LEADER in annotations)
  );
}

/** One group for each set of ports, for one family. */
export function mirroredGroups(endpoints: Endpoints, type: AddressType): Map<string, EndpointGroup> {
  const groups = new Map<string, EndpointGroup>();
  for (const subset of endpoints.subsets ?? []) {
    const ports = (subset.ports ?? []).map(endpointPort);
    const found = [
      ...(subset.addresses ?? []).map((a) => endpointOf(a, true)),
      ...(subset.notReadyAddresses ?? []).map((a) => endpointOf(a, false)),
    ]
      .slice(0, MOST_PER_SUBSET)
      .filter((e) => typeOf(e.addresses[0]) === type);
    if (found.length === 0) continue;
    const key = portsKey(ports);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ports, endpoints: found });
    else group.endpoints.push(...found);
  }
  return groups;
}

function typeOf(address: string | undefined): AddressType | undefined {
  const ip = address === undefined ? undefined : parseIp(address);
  return ip === undefined ? undefined : ipFamily(ip);
}

function endpointPort(p: core.EndpointPort): discovery.EndpointPort {
  return {
    name: p.name ?? '',
    port: p.port,
    protocol: p.protocol ?? 'TCP',
    ...(p.appProtocol === undefined ? {} : { appProtocol: p.appProtocol }),
  };
}

function endpointOf(a: core.EndpointAddress, ready: boolean): discovery.Endpoint {
  return {
    addresses: [a.ip],
    conditions: { ready },
    ...(a.hostname === undefined ? {} : { hostname: a.hostname }),
    ...(a.nodeName === undefined ? {} : { nodeName: a.nodeName }),
    ...(a.targetRef === undefined ? {} : { targetRef: a.targetRef }),
  };
}

/** Labels and annotations are handed down, but for those that speak of the object itself. */
export function mirroredMetadata(endpoints: Endpoints): {
  labels: Record<string, string>;
  annotations: Record<string, string>;
} {
  const { [HEADLESS]: _headless, ...labels } = endpoints.metadata.labels ?? {};
  const { [LAST_APPLIED]: _applied, [TRIGGER_TIME]: _trigger, ...annotations } = endpoints.metadata.annotations ?? {};
  return {
    labels: { ...labels, [SERVICE_NAME]: endpoints.metadata.name, [MANAGED_BY]: MIRRORING_NAME },
    annotations,
  };
}
