// API objects in short notation, for the tests of this room.
import { endpointSlices, namespaces, pods, services } from '../../api/objects.ts';
import type { core, discovery, EndpointSlice, Namespace, Pod, Service, Unstored } from '../../api/objects.ts';
import type { FakeClient } from '../../client/index.ts';

/** `http:80`, `dns:53/UDP`, `:9000` for an unnamed port. */
export function ports(...texts: string[]): core.ServicePort[] {
  return texts.map((text) => {
    const [, name = '', port = '', protocol = 'TCP'] = /^([^:]*):(\d+)(?:\/(\w+))?$/.exec(text) ?? [];
    return { ...(name === '' ? {} : { name }), port: Number(port), protocol };
  });
}

export function namespace(name: string): Unstored<Namespace> {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

/** @param id `namespace/name` */
export function service(id: string, spec: core.ServiceSpec): Unstored<Service> {
  const [ns = '', name = ''] = id.split('/');
  return { apiVersion: 'v1', kind: 'Service', metadata: { namespace: ns, name }, spec };
}

/** A ClusterIP service; `None` makes it headless. */
export function clusterIp(id: string, ips: string | string[], ...portTexts: string[]): Unstored<Service> {
  const clusterIPs = typeof ips === 'string' ? [ips] : ips;
  return service(id, {
    type: 'ClusterIP',
    clusterIP: clusterIPs[0] ?? '',
    clusterIPs,
    ports: ports(...portTexts),
  });
}

export function externalName(id: string, target: string): Unstored<Service> {
  return service(id, { type: 'ExternalName', externalName: target });
}

/** `172.0.0.1`, `172.0.0.1=hostname`, `!172.0.0.1` for not ready, `172.0.0.1@zone-a`. */
function endpoint(text: string): discovery.Endpoint {
  const [, not, address = '', hostname, zone] = /^(!?)([^=@]+)(?:=([^@]+))?(?:@(.+))?$/.exec(text) ?? [];
  return {
    addresses: [address],
    conditions: { ready: not !== '!' },
    ...(hostname === undefined ? {} : { hostname }),
    ...(zone === undefined ? {} : { zone }),
  };
}

/** @param id `namespace/service` or `namespace/service/suffix` for a second slice. */
export function slice(id: string, portTexts: string[], ...endpoints: string[]): Unstored<EndpointSlice> {
  const [ns = '', serviceName = '', suffix = 'a'] = id.split('/');
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace: ns,
      name: `${serviceName}-${suffix}`,
      labels: { 'kubernetes.io/service-name': serviceName },
    },
    addressType: endpoints.some((e) => e.includes(':')) ? 'IPv6' : 'IPv4',
    ports: ports(...portTexts),
    endpoints: endpoints.map(endpoint),
  };
}

export function pod(id: string, ...ips: string[]): Unstored<Pod> {
  const [ns = '', name = ''] = id.split('/');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: ns, name },
    status: { phase: 'Running', podIP: ips[0] ?? '', podIPs: ips.map((ip) => ({ ip })) },
  };
}

export type AnyObject = Unstored<Namespace> | Unstored<Service> | Unstored<EndpointSlice> | Unstored<Pod>;

export async function createAll(client: FakeClient, objects: readonly AnyObject[]): Promise<void> {
  for (const object of objects) {
    if (object.kind === 'Namespace') await client.resource(namespaces).create(object as Unstored<Namespace>);
    else if (object.kind === 'Service') await client.resource(services).create(object as Unstored<Service>);
    else if (object.kind === 'Pod') await client.resource(pods).create(object as Unstored<Pod>);
    else await client.resource(endpointSlices).create(object as Unstored<EndpointSlice>);
  }
}
