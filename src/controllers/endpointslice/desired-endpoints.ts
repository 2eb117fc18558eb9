// From a Service and its pods to endpoints, grouped by the ports that they resolve to: pure.
import type { Node, Pod, Service, core, discovery } from '../../api/objects.ts';
import { isIpv6 } from '../../ip/index.ts';
import { canonicalText } from '../runtime/canonical.ts';
import { isDeleting, isPodFinished, isPodReady } from '../runtime/pod-state.ts';

export type AddressType = 'IPv4' | 'IPv6';

export interface EndpointGroup {
  ports: discovery.EndpointPort[];
  endpoints: discovery.Endpoint[];
}

/** Computed once for each version of a pod: both it and the next one ask. */
const facts = new WeakMap<Pod, string>();

/** What of a pod goes into its endpoint; other changes of a pod change nothing here. */
export function podFacts(pod: Pod): string {
  let text = facts.get(pod);
  if (text === undefined) {
    const { hostname, subdomain, nodeName } = pod.spec ?? {};
    const addresses = pod.status?.podIPs?.map((a) => a.ip).join() ?? pod.status?.podIP;
    const state = [isPodReady(pod), isDeleting(pod), isPodFinished(pod)];
    const labels = canonicalText(pod.metadata.labels);
    text = [pod.metadata.uid, addresses, hostname, subdomain, nodeName, ...state, labels].join('|');
    facts.set(pod, text);
  }
  return text;
}

export const needsSlices = (service: Service): boolean =>
  service.spec?.type !== 'ExternalName' && Object.keys(service.spec?.selector ?? {}).length > 0;

/** The families a Service has endpoints for, the primary first. */
export function addressTypesOf(service: Service, pods: Iterable<Pod>): AddressType[] {
  const families = service.spec?.ipFamilies;
  if (families !== undefined && families.length > 0) return families as AddressType[];
  const clusterIp = service.spec?.clusterIP;
  if (clusterIp !== undefined && clusterIp !== '' && clusterIp !== 'None') return [familyOf(clusterIp)];
  // A server that does not fill in families: go by what the pods have.
  const found = new Set<AddressType>();
  for (const pod of pods) for (const address of addressesOf(pod)) found.add(familyOf(address));
  return found.size === 0 ? ['IPv4'] : [...found].toSorted();
}

const familyOf = (address: string): AddressType => (isIpv6(address) ? 'IPv6' : 'IPv4');

function addressesOf(pod: Pod): string[] {
  const { podIPs, podIP } = pod.status ?? {};
  const all = podIPs?.map((a) => a.ip ?? '') ?? [];
  return (all.length > 0 ? all : [podIP ?? '']).filter((a) => a !== '');
}

/** The endpoints that the Service should have, one group for each set of resolved ports. */
export function desiredGroups(
  service: Service,
  pods: Iterable<Pod>,
  type: AddressType,
  nodeOf: (name: string) => Node | undefined,
): Map<string, EndpointGroup> {
  const groups = new Map<string, EndpointGroup>();
  const sorted = [...pods].toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const pod of sorted) {
    if (isPodFinished(pod)) continue;
    const addresses = addressesOf(pod).filter((a) => familyOf(a) === type);
    if (addresses.length === 0) continue;
    const ports = resolvePorts(service, pod);
    const key = portsKey(ports);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { ports, endpoints: [] }));
    group.endpoints.push(endpointOf(service, pod, addresses, nodeOf));
  }
  return groups;
}

export function portsKey(ports: readonly discovery.EndpointPort[] | undefined): string {
  return (ports ?? [])
    .map((p) => `${p.name ?? ''}/${p.protocol ?? 'TCP'}/${p.port ?? ''}/${p.appProtocol ?? ''}`)
    .toSorted()
    .join();
}

/** Ports that the pod does not have are left out. */
function resolvePorts(service: Service, pod: Pod): discovery.EndpointPort[] {
  const ports: discovery.EndpointPort[] = [];
  for (const port of service.spec?.ports ?? []) {
    const number = targetPortOf(port, pod);
    if (number === undefined) continue;
    ports.push({
      name: port.name ?? '',
      port: number,
      protocol: port.protocol ?? 'TCP',
      ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
    });
  }
  return ports;
}

function targetPortOf(port: core.ServicePort, pod: Pod): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target === 0 ? port.port : target;
  if (/^\d+$/.test(target)) return Number(target);
  const restartable = (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
  for (const container of [...(pod.spec?.containers ?? []), ...restartable]) {
    const found = container.ports?.find((p) => p.name === target && (p.protocol ?? 'TCP') === (port.protocol ?? 'TCP'));
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}

function endpointOf(
  service: Service,
  pod: Pod,
  addresses: string[],
  nodeOf: (name: string) => Node | undefined,
): discovery.Endpoint {
  const serving = isPodReady(pod);
  const terminating = isDeleting(pod);
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const { nodeName, hostname, subdomain } = pod.spec ?? {};
  const { name, namespace, uid } = pod.metadata;
  const zone = nodeName === undefined ? undefined : nodeOf(nodeName)?.metadata.labels?.['topology.kubernetes.io/zone'];
  const named = hostname !== undefined && hostname !== '' && subdomain === service.metadata.name;
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(named ? { hostname } : {}),
    targetRef: { kind: 'Pod', ...(namespace === undefined ? {} : { namespace }), name, uid },
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined || zone === '' ? {} : { zone }),
  };
}
