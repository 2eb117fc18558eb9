// Tables of the kinds outside the core group.
import type { IPAddress, KubeObject, ServiceCIDR, apps, coordination, discovery, networking, rbac } from '../types.ts';
import {
  ageColumn,
  containerColumns,
  firstFew,
  formatLabels,
  formatSelector,
  joinOrNone,
  loadBalancerAddresses,
  nameColumn,
  none,
  orNone,
} from './cells.ts';
import type { Column } from './contract.ts';

export const deploymentColumns: readonly Column<apps.Deployment>[] = [
  nameColumn,
  {
    name: 'Ready',
    description: 'Pods ready, of those wanted.',
    cell: (d) => `${d.status?.readyReplicas ?? 0}/${d.spec?.replicas ?? 0}`,
  },
  {
    name: 'Up-to-date',
    type: 'string',
    description: 'Pods of the newest template.',
    cell: (d) => d.status?.updatedReplicas ?? 0,
  },
  {
    name: 'Available',
    type: 'string',
    description: 'Pods ready long enough.',
    cell: (d) => d.status?.availableReplicas ?? 0,
  },
  ageColumn,
  ...containerColumns,
  { name: 'Selector', description: 'Labels of its pods.', wide: true, cell: (d) => formatSelector(d.spec?.selector) },
];

export const replicaSetColumns: readonly Column<apps.ReplicaSet>[] = [
  nameColumn,
  { name: 'Desired', type: 'integer', description: 'Pods wanted.', cell: (r) => r.spec?.replicas ?? 0 },
  { name: 'Current', type: 'integer', description: 'Pods there.', cell: (r) => r.status?.replicas ?? 0 },
  { name: 'Ready', type: 'integer', description: 'Pods ready.', cell: (r) => r.status?.readyReplicas ?? 0 },
  ageColumn,
  ...containerColumns,
  { name: 'Selector', description: 'Labels of its pods.', wide: true, cell: (r) => formatSelector(r.spec?.selector) },
];

export const statefulSetColumns: readonly Column<apps.StatefulSet>[] = [
  nameColumn,
  {
    name: 'Ready',
    description: 'Pods ready, of those wanted.',
    cell: (s) => `${s.status?.readyReplicas ?? 0}/${s.spec?.replicas ?? 0}`,
  },
  ageColumn,
  ...containerColumns,
];

export const daemonSetColumns: readonly Column<apps.DaemonSet>[] = [
  nameColumn,
  {
    name: 'Desired',
    type: 'integer',
    description: 'Nodes that should run it.',
    cell: (d) => d.status?.desiredNumberScheduled ?? 0,
  },
  {
    name: 'Current',
    type: 'integer',
    description: 'Nodes that have a pod.',
    cell: (d) => d.status?.currentNumberScheduled ?? 0,
  },
  { name: 'Ready', type: 'integer', description: 'Pods ready.', cell: (d) => d.status?.numberReady ?? 0 },
  {
    name: 'Up-to-date',
    type: 'integer',
    description: 'Pods of the newest template.',
    cell: (d) => d.status?.updatedNumberScheduled ?? 0,
  },
  {
    name: 'Available',
    type: 'integer',
    description: 'Pods ready long enough.',
    cell: (d) => d.status?.numberAvailable ?? 0,
  },
  {
    name: 'Node Selector',
    description: 'Labels of the nodes it runs on.',
    cell: (d) => formatLabels(d.spec?.template?.spec?.nodeSelector),
  },
  ageColumn,
  ...containerColumns,
  { name: 'Selector', description: 'Labels of its pods.', wide: true, cell: (d) => formatSelector(d.spec?.selector) },
];

function controllerOf(revision: apps.ControllerRevision): string {
  const owner = (revision.metadata?.ownerReferences ?? []).find((o) => o.controller === true);
  if (owner === undefined) return none;
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}

export const controllerRevisionColumns: readonly Column<apps.ControllerRevision>[] = [
  nameColumn,
  { name: 'Controller', description: 'Whose history this is.', cell: controllerOf },
  { name: 'Revision', type: 'string', description: 'Number of the state.', cell: (r) => r.revision },
  ageColumn,
];

/** The scale subresource of any workload. */
export const scaleColumns: readonly Column<Scale>[] = [
  nameColumn,
  { name: 'Desired', type: 'string', description: 'Pods wanted.', cell: (s) => s.spec?.replicas ?? 0 },
  { name: 'Available', type: 'string', description: 'Pods there.', cell: (s) => s.status?.replicas ?? 0 },
  ageColumn,
];

interface Scale extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number };
}

export const endpointSliceColumns: readonly Column<discovery.EndpointSlice>[] = [
  nameColumn,
  { name: 'AddressType', description: 'IPv4, IPv6 or FQDN.', cell: (s) => s.addressType },
  {
    name: 'Ports',
    description: 'Ports of all endpoints.',
    cell: (s) =>
      firstFew(
        (s.ports ?? []).map((p) => (p.port === undefined ? '*' : String(p.port))),
        '<unset>',
      ),
  },
  {
    name: 'Endpoints',
    description: 'Addresses.',
    cell: (s) =>
      firstFew(
        (s.endpoints ?? []).flatMap((e) => e.addresses),
        '<unset>',
      ),
  },
  ageColumn,
];

export const leaseColumns: readonly Column<coordination.Lease>[] = [
  nameColumn,
  { name: 'Holder', description: 'Who holds it.', cell: (l) => l.spec?.holderIdentity ?? '' },
  ageColumn,
];

function ingressHosts(ingress: networking.Ingress): string {
  const hosts = (ingress.spec?.rules ?? []).map((r) => r.host ?? '').filter((h) => h !== '');
  return firstFew(hosts, '*');
}

export const ingressColumns: readonly Column<networking.Ingress>[] = [
  nameColumn,
  { name: 'Class', description: 'Which controller serves it.', cell: (i) => orNone(i.spec?.ingressClassName) },
  { name: 'Hosts', description: 'Host names it answers to.', cell: ingressHosts },
  {
    name: 'Address',
    description: 'Where it is reached.',
    cell: (i) => loadBalancerAddresses(i.status?.loadBalancer?.ingress),
  },
  {
    name: 'Ports',
    description: '80, and 443 with TLS.',
    cell: (i) => ((i.spec?.tls ?? []).length > 0 ? '80, 443' : '80'),
  },
  ageColumn,
];

function classParameters(c: networking.IngressClass): string {
  const p = c.spec?.parameters;
  if (p === undefined) return none;
  return `${p.kind}${(p.apiGroup ?? '') === '' ? '' : `.${p.apiGroup}`}/${p.name}`;
}

export const ingressClassColumns: readonly Column<networking.IngressClass>[] = [
  nameColumn,
  { name: 'Controller', description: 'Who serves this class.', cell: (c) => c.spec?.controller ?? '' },
  { name: 'Parameters', description: 'Object with further settings.', cell: classParameters },
  ageColumn,
];

export const networkPolicyColumns: readonly Column<networking.NetworkPolicy>[] = [
  nameColumn,
  { name: 'Pod-Selector', description: 'Pods it is about.', cell: (p) => formatSelector(p.spec?.podSelector) },
  ageColumn,
];

export const serviceCidrColumns: readonly Column<ServiceCIDR>[] = [
  nameColumn,
  { name: 'CIDRs', description: 'Ranges for service addresses.', cell: (c) => joinOrNone(c.spec?.cidrs) },
  ageColumn,
];

function parentText(address: IPAddress): string {
  const p = address.spec?.parentRef;
  if (p === undefined) return none;
  const resource = (p.group ?? '') === '' ? (p.resource ?? '') : `${p.resource}.${p.group}`;
  return [resource, p.namespace ?? '', p.name ?? ''].filter((t) => t !== '').join('/');
}

export const ipAddressColumns: readonly Column<IPAddress>[] = [
  nameColumn,
  { name: 'ParentRef', description: 'Who uses the address.', cell: parentText },
];

const createdAt: Column<{ metadata?: { creationTimestamp?: string } }> = {
  name: 'Created At',
  type: 'string',
  description: 'Time of creation.',
  cell: (o) => o.metadata?.creationTimestamp ?? '',
};

export const roleColumns: readonly Column<rbac.Role | rbac.ClusterRole>[] = [nameColumn, createdAt];

type Binding = rbac.RoleBinding | rbac.ClusterRoleBinding;

const subjects = (b: Binding, kind: string): string =>
  (b.subjects ?? [])
    .filter((s) => s.kind === kind)
    .map((s) => (kind === 'ServiceAccount' ? `${s.namespace ?? ''}/${s.name}` : s.name))
    .join(', ');

export const bindingColumns: readonly Column<Binding>[] = [
  nameColumn,
  { name: 'Role', description: 'What is granted.', cell: (b) => `${b.roleRef.kind}/${b.roleRef.name}` },
  ageColumn,
  { name: 'Users', description: 'Users it is granted to.', wide: true, cell: (b) => subjects(b, 'User') },
  { name: 'Groups', description: 'Groups it is granted to.', wide: true, cell: (b) => subjects(b, 'Group') },
  {
    name: 'ServiceAccounts',
    description: 'Service accounts it is granted to.',
    wide: true,
    cell: (b) => subjects(b, 'ServiceAccount'),
  },
];

/** For a kind that has no table of its own. */
export const plainColumns: readonly Column<{ metadata?: { creationTimestamp?: string } }>[] = [nameColumn, createdAt];
