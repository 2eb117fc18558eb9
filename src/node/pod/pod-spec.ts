// Small questions about a pod's spec. Pure.
import type { core, Pod } from '../../api/objects.ts';
import type { HostPort } from '../contract.ts';

export const specOf = (pod: Pod): core.PodSpec => pod.spec ?? { containers: [] };
export const namespaceOf = (pod: Pod): string => pod.metadata.namespace ?? 'default';
export const podKey = (pod: Pod): string => `${namespaceOf(pod)}/${pod.metadata.name}`;
export const isHostNetwork = (pod: Pod): boolean => specOf(pod).hostNetwork === true;

/** An init container that goes on running beside the others. */
export const isSidecar = (c: core.Container): boolean => (c as { restartPolicy?: string }).restartPolicy === 'Always';

/** Init, regular and ephemeral containers, in the order they start. */
export function allContainers(pod: Pod): core.Container[] {
  const spec = specOf(pod);
  return [...(spec.initContainers ?? []), ...spec.containers, ...ephemeralContainers(pod)];
}

export function ephemeralContainers(pod: Pod): core.Container[] {
  return (specOf(pod).ephemeralContainers ?? []) as core.Container[];
}

export function findContainer(pod: Pod, name: string): core.Container | undefined {
  return allContainers(pod).find((c) => c.name === name);
}

export function gracePeriodSeconds(pod: Pod): number {
  return pod.metadata.deletionGracePeriodSeconds ?? specOf(pod).terminationGracePeriodSeconds ?? 30;
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

export function hostPorts(pod: Pod): HostPort[] {
  const sidecars = (specOf(pod).initContainers ?? []).filter(isSidecar);
  return [...sidecars, ...specOf(pod).containers].flatMap((c) =>
    (c.ports ?? []).flatMap((p) =>
      p.hostPort === undefined || p.hostPort === 0
        ? []
        : [
            {
              protocol: (p.protocol ?? 'TCP') as HostPort['protocol'],
              hostPort: p.hostPort,
              containerPort: p.containerPort,
              hostIp: p.hostIP === undefined || p.hostIP === '0.0.0.0' || p.hostIP === '::' ? '' : p.hostIP,
            },
          ],
    ),
  );
}

/** A field younger than the types at hand. */
const hostnameOverrideOf = (pod: Pod): string | undefined =>
  (specOf(pod) as { hostnameOverride?: string }).hostnameOverride;

/** The host name inside the pod: `spec.hostnameOverride`, `spec.hostname`, else the pod's name cut to what the kernel takes. */
export function hostnameOf(pod: Pod, nodeName: string): string {
  if (isHostNetwork(pod)) return nodeName;
  const name = hostnameOverrideOf(pod) ?? specOf(pod).hostname;
  return name !== undefined && name !== '' ? name : pod.metadata.name.slice(0, 63).replace(/[-.]+$/, '');
}

/** With a subdomain a pod has a name in the cluster's DNS. */
export function podFqdn(pod: Pod, clusterDomain: string): string | undefined {
  const spec = specOf(pod);
  if ((spec.subdomain ?? '') === '' || hostnameOverrideOf(pod) !== undefined || isHostNetwork(pod)) return undefined;
  return `${hostnameOf(pod, '')}.${spec.subdomain}.${namespaceOf(pod)}.svc.${clusterDomain}`;
}
