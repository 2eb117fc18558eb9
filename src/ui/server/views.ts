// From API objects to what the page shows of them. Pure: one object in, one view out.
import { summarizePod } from '../../api/objects.ts';
import type { EndpointSlice, Node, Pod, Service } from '../../api/objects.ts';
import type { EndpointView, NodeView, PodView, PortView, ServiceView, SliceView } from '../contract.ts';

const keyOf = (object: { metadata: { namespace?: string | undefined; name: string } }) =>
  object.metadata.namespace === undefined
    ? object.metadata.name
    : `${object.metadata.namespace}/${object.metadata.name}`;

export function nodeView(node: Node): NodeView {
  const condition = node.status?.conditions?.find((c) => c.type === 'Ready');
  const ready = condition?.status === 'True';
  const notes = [
    ...(ready ? [] : [condition?.message || condition?.reason || 'not ready yet']),
    ...(node.spec?.unschedulable === true ? ['takes no new pods'] : []),
  ];
  return {
    key: node.metadata.name,
    addresses: (node.status?.addresses ?? []).flatMap((a) => (a.type === 'InternalIP' ? [a.address] : [])),
    podCidrs: node.spec?.podCIDRs ?? (node.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR]),
    ready,
    note: notes.join('; '),
  };
}

export function podView(pod: Pod): PodView {
  const addresses = (pod.status?.podIPs ?? [{ ip: pod.status?.podIP }]).flatMap(({ ip }) => ip || []);
  return {
    key: keyOf(pod),
    namespace: pod.metadata.namespace ?? '',
    name: pod.metadata.name,
    uid: pod.metadata.uid,
    node: pod.spec?.nodeName ?? '',
    addresses,
    status: summarizePod({ ...pod, apiVersion: 'v1', kind: 'Pod' }).status,
    ready: pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false,
    terminating: pod.metadata.deletionTimestamp !== undefined,
    running: pod.status?.phase === 'Running' && pod.metadata.deletionTimestamp === undefined,
    hostNetwork: pod.spec?.hostNetwork === true,
    workload: workloadOf(pod),
  };
}

/** A ReplicaSet's name is its Deployment's name and a hash of the template, which its pods carry as a label. */
function workloadOf(pod: Pod): string {
  const owner = pod.metadata.ownerReferences?.find((o) => o.controller === true);
  if (owner === undefined) return pod.metadata.name;
  const hash = pod.metadata.labels?.['pod-template-hash'];
  return hash !== undefined && owner.name.endsWith(`-${hash}`) ? owner.name.slice(0, -hash.length - 1) : owner.name;
}

export function serviceView(service: Service): ServiceView {
  const addresses = service.spec?.clusterIPs ?? [service.spec?.clusterIP ?? ''];
  return {
    key: keyOf(service),
    namespace: service.metadata.namespace ?? '',
    name: service.metadata.name,
    type: service.spec?.type ?? 'ClusterIP',
    addresses: addresses.filter((ip) => ip !== '' && ip !== 'None'),
    ports: (service.spec?.ports ?? []).map((p): PortView => ({
      name: p.name ?? '',
      protocol: p.protocol === 'UDP' || p.protocol === 'SCTP' ? p.protocol : 'TCP',
      port: p.port,
      ...(p.nodePort ? { nodePort: p.nodePort } : {}),
    })),
  };
}

const SERVICE_NAME = 'kubernetes.io/service-name';

export function sliceView(slice: EndpointSlice): SliceView {
  const namespace = slice.metadata.namespace ?? '';
  return {
    key: keyOf(slice),
    service: `${namespace}/${slice.metadata.labels?.[SERVICE_NAME] ?? ''}`,
    ports: (slice.ports ?? []).map((p) => `${p.port}/${p.protocol ?? 'TCP'}`),
    // Kubernetes writes null for none.
    endpoints: (slice.endpoints ?? []).flatMap((endpoint) => {
      const { ready = true, serving = ready, terminating = false } = endpoint.conditions ?? {};
      const target = endpoint.targetRef?.kind === 'Pod' ? endpoint.targetRef : undefined;
      return endpoint.addresses.map((address): EndpointView => ({
        address,
        ...(target?.name === undefined ? {} : { pod: `${target.namespace ?? namespace}/${target.name}` }),
        ...(endpoint.nodeName === undefined ? {} : { node: endpoint.nodeName }),
        ready,
        serving,
        terminating,
      }));
    }),
  };
}
