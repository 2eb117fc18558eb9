// Metadata of EndpointSlices: names, labels, annotations. Pure.
import type { EndpointSlice, KubeObject, Service, Unstored } from '../../api/objects.ts';
import { controllerReference } from '../runtime/owners.ts';
import { shortHash } from '../runtime/short-hash.ts';
import type { AddressType, EndpointGroup } from './desired-endpoints.ts';

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const HEADLESS = 'service.kubernetes.io/headless';
export const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';
export const CONTROLLER_NAME = 'endpointslice-controller.k8s.io';

export const isHeadless = (service: Service): boolean => service.spec?.clusterIP === 'None';

/** The Service's labels and those by which slices are found. */
export function sliceLabels(service: Service): Record<string, string> {
  const { [HEADLESS]: _, ...own } = service.metadata.labels ?? {};
  return {
    ...own,
    ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
    [SERVICE_NAME]: service.metadata.name,
    [MANAGED_BY]: CONTROLLER_NAME,
  };
}

export function withTriggerTime(
  annotations: Readonly<Record<string, string>> | undefined,
  triggerTime: string | undefined,
): Record<string, string> {
  const { [TRIGGER_TIME]: _, ...rest } = annotations ?? {};
  return triggerTime === undefined ? rest : { ...rest, [TRIGGER_TIME]: triggerTime };
}

// DIFFERS: Kubernetes lets the server generate the name; ours follows from the Service and a number, because then a
// repeated creation (after a crash, or before our copy has caught up) meets the first one instead of doubling it.
export function sliceName(service: KubeObject, type: AddressType, taken: ReadonlySet<string>, salt: number): string {
  for (let i = salt; ; i++) {
    const hash = shortHash(`${service.metadata.uid}/${type}/${i}`);
    const name = `${service.metadata.name.slice(0, 57)}-${hash.slice(-5)}`;
    if (!taken.has(name)) return name;
  }
}

export function newSlice(
  service: Service,
  type: AddressType,
  group: EndpointGroup,
  name: string,
  triggerTime: string | undefined,
): Unstored<EndpointSlice> {
  const annotations = withTriggerTime({}, triggerTime);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name,
      ...(service.metadata.namespace === undefined ? {} : { namespace: service.metadata.namespace }),
      labels: sliceLabels(service),
      ...(triggerTime === undefined ? {} : { annotations }),
      ownerReferences: [controllerReference(service)],
    },
    addressType: type,
    endpoints: group.endpoints,
    ports: group.ports,
  };
}
