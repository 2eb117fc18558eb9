// Tables of core kinds other than Pod.
import { formatAgeOf } from '../age.ts';
import { joinHostPort } from '../../ip/index.ts';
import type { core, eventsApi } from '../types.ts';
import {
  ageColumn,
  containerColumns,
  firstFew,
  formatLabels,
  joinOrNone,
  loadBalancerAddresses,
  nameColumn,
  none,
  orNone,
} from './cells.ts';
import type { Column } from './contract.ts';

export const namespaceColumns: readonly Column<core.Namespace>[] = [
  nameColumn,
  { name: 'Status', description: 'Active or Terminating.', cell: (n) => n.status?.phase ?? '' },
  ageColumn,
];

function nodeStatus(node: core.Node): string {
  const ready = (node.status?.conditions ?? []).find((c) => c.type === 'Ready');
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'];
  if (node.spec?.unschedulable === true) words.push('SchedulingDisabled');
  return words.join(',');
}

function nodeRoles(node: core.Node): string {
  const rolePrefix = 'node-role.kubernetes.io/';
  const roles = Object.entries(node.metadata?.labels ?? {}).flatMap(([key, value]) =>
    key.startsWith(rolePrefix) && key !== rolePrefix
      ? [key.slice(rolePrefix.length)]
      : key === 'kubernetes.io/role' && value !== ''
        ? [value]
        : [],
  );
  return joinOrNone([...new Set(roles)].sort());
}

const nodeAddress = (node: core.Node, type: string): string =>
  orNone((node.status?.addresses ?? []).find((a) => a.type === type)?.address);

const orUnknown = (text: string | undefined): string => (text === undefined || text === '' ? '<unknown>' : text);

export const nodeColumns: readonly Column<core.Node>[] = [
  nameColumn,
  { name: 'Status', description: 'Whether the node takes and runs pods.', cell: nodeStatus },
  { name: 'Roles', description: 'Roles by node-role labels.', cell: nodeRoles },
  ageColumn,
  { name: 'Version', description: 'Version of the node agent.', cell: (n) => n.status?.nodeInfo?.kubeletVersion ?? '' },
  {
    name: 'Internal-IP',
    description: 'Address inside the cluster.',
    wide: true,
    cell: (n) => nodeAddress(n, 'InternalIP'),
  },
  {
    name: 'External-IP',
    description: 'Address outside the cluster.',
    wide: true,
    cell: (n) => nodeAddress(n, 'ExternalIP'),
  },
  {
    name: 'OS-Image',
    description: 'Operating system.',
    wide: true,
    cell: (n) => orUnknown(n.status?.nodeInfo?.osImage),
  },
  {
    name: 'Kernel-Version',
    description: 'Kernel release.',
    wide: true,
    cell: (n) => orUnknown(n.status?.nodeInfo?.kernelVersion),
  },
  {
    name: 'Container-Runtime',
    description: 'What runs the containers.',
    wide: true,
    cell: (n) => orUnknown(n.status?.nodeInfo?.containerRuntimeVersion),
  },
];

function externalIp(service: core.Service): string {
  const spec = service.spec ?? {};
  const external = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ExternalName':
      return spec.externalName ?? '';
    case 'LoadBalancer': {
      const balancer = loadBalancerAddresses(service.status?.loadBalancer?.ingress);
      if (external.length > 0) return [...(balancer === '' ? [] : [balancer]), ...external].join(',');
      return balancer === '' ? '<pending>' : balancer;
    }
    default:
      return joinOrNone(external);
  }
}

const portText = (p: core.ServicePort): string =>
  (p.nodePort ?? 0) > 0 ? `${p.port}:${p.nodePort}/${p.protocol}` : `${p.port}/${p.protocol}`;

export const serviceColumns: readonly Column<core.Service>[] = [
  nameColumn,
  { name: 'Type', description: 'How the service is exposed.', cell: (s) => s.spec?.type ?? '' },
  {
    name: 'Cluster-IP',
    description: 'Virtual address, or None when headless.',
    cell: (s) => orNone(s.spec?.clusterIPs?.[0]),
  },
  { name: 'External-IP', description: 'Addresses or name outside the cluster.', cell: externalIp },
  {
    name: 'Port(s)',
    description: 'port[:nodePort]/protocol.',
    cell: (s) => joinOrNone((s.spec?.ports ?? []).map(portText)),
  },
  ageColumn,
  {
    name: 'Selector',
    description: 'Labels of the pods behind it.',
    wide: true,
    cell: (s) => formatLabels(s.spec?.selector),
  },
];

function endpointTexts(e: core.Endpoints): string[] {
  return (e.subsets ?? []).flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map((a) => a.ip)
      : ports.flatMap((p) => addresses.map((a) => joinHostPort(a.ip, p.port))),
  );
}

export const endpointsColumns: readonly Column<core.Endpoints>[] = [
  nameColumn,
  { name: 'Endpoints', description: 'Ready addresses and ports.', cell: (e) => firstFew(endpointTexts(e), none) },
  ageColumn,
];

const count = (...maps: readonly (object | undefined)[]): number =>
  maps.reduce((sum, m) => sum + Object.keys(m ?? {}).length, 0);

export const configMapColumns: readonly Column<core.ConfigMap>[] = [
  nameColumn,
  { name: 'Data', type: 'string', description: 'Number of keys.', cell: (c) => count(c.data, c.binaryData) },
  ageColumn,
];

export const secretColumns: readonly Column<core.Secret>[] = [
  nameColumn,
  { name: 'Type', description: 'What the secret is for.', cell: (s) => s.type ?? '' },
  { name: 'Data', type: 'string', description: 'Number of keys.', cell: (s) => count(s.data) },
  ageColumn,
];

export const limitRangeColumns: readonly Column<core.LimitRange>[] = [
  nameColumn,
  { name: 'Created At', description: 'When it was made.', cell: (l) => l.metadata?.creationTimestamp ?? '' },
];

export const serviceAccountColumns: readonly Column<core.ServiceAccount>[] = [
  nameColumn,
  {
    name: 'Secrets',
    type: 'string',
    description: 'Number of secrets it names.',
    cell: (s) => (s.secrets ?? []).length,
  },
  ageColumn,
];

export const replicationControllerColumns: readonly Column<core.ReplicationController>[] = [
  nameColumn,
  { name: 'Desired', type: 'integer', description: 'Pods wanted.', cell: (r) => r.spec?.replicas ?? 0 },
  { name: 'Current', type: 'integer', description: 'Pods there.', cell: (r) => r.status?.replicas ?? 0 },
  { name: 'Ready', type: 'integer', description: 'Pods ready.', cell: (r) => r.status?.readyReplicas ?? 0 },
  ageColumn,
  ...containerColumns,
  { name: 'Selector', description: 'Labels of its pods.', wide: true, cell: (r) => formatLabels(r.spec?.selector) },
];

const firstSeen = (e: core.Event): string | undefined => e.firstTimestamp ?? e.eventTime;
const lastSeen = (e: core.Event): string | undefined => e.series?.lastObservedTime ?? e.lastTimestamp ?? firstSeen(e);
const objectText = (o: core.ObjectReference | undefined): string => {
  const kind = (o?.kind ?? '').toLowerCase();
  return (o?.name ?? '') === '' ? kind : `${kind}/${o?.name}`;
};

export const eventColumns: readonly Column<core.Event>[] = [
  { name: 'Last Seen', description: 'When it happened last.', cell: (e, now) => formatAgeOf(lastSeen(e), now) },
  { name: 'Type', description: 'Normal or Warning.', cell: (e) => e.type ?? '' },
  { name: 'Reason', description: 'Why, in one word.', cell: (e) => e.reason ?? '' },
  { name: 'Object', description: 'What it is about.', cell: (e) => objectText(e.involvedObject) },
  { name: 'Subobject', description: 'Which part of it.', wide: true, cell: (e) => e.involvedObject?.fieldPath ?? '' },
  {
    name: 'Source',
    description: 'Who reports it.',
    wide: true,
    cell: (e) =>
      [e.source?.component ?? e.reportingComponent ?? '', e.source?.host ?? ''].filter((t) => t !== '').join(', '),
  },
  { name: 'Message', description: 'What happened.', cell: (e) => (e.message ?? '').trim() },
  {
    name: 'First Seen',
    description: 'When it happened first.',
    wide: true,
    cell: (e, now) => formatAgeOf(firstSeen(e), now),
  },
  {
    name: 'Count',
    type: 'string',
    description: 'How often.',
    wide: true,
    cell: (e) => e.series?.count ?? Math.max(e.count ?? 0, 1),
  },
  { ...nameColumn, wide: true },
];

/** The new shape shows the same table. */
export const newEventColumns: readonly Column<eventsApi.Event>[] = eventColumns.map((column) => ({
  ...column,
  cell: (e: eventsApi.Event, now: number) =>
    column.cell(
      {
        ...(e as object),
        metadata: e.metadata,
        involvedObject: e.regarding ?? {},
        message: e.note,
        source: e.deprecatedSource,
        firstTimestamp: e.deprecatedFirstTimestamp,
        lastTimestamp: e.deprecatedLastTimestamp,
        count: e.deprecatedCount,
        reportingComponent: e.reportingController,
      } as core.Event,
      now,
    ),
}));
