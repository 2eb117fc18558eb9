// What every cluster has from the first moment: namespaces, roles, the service CIDR, and the Service through which pods
// reach this API. Runs at each start and changes only what is missing or no longer true.
import {
  clusterRoleBindings,
  clusterRoles,
  deepEqual,
  endpoints,
  endpointSlices,
  isConflict,
  isNotFound,
  namespaces,
  priorityClasses,
  roleBindings,
  roles,
  serviceCIDRs,
  services,
  SYSTEM_PRIORITY_CLASSES,
  type ClusterRole,
  type KubeObject,
  type Resource,
} from '../../api/index.ts';
import { ipFamily } from '../../ip/index.ts';
import type { ServerWrites } from './server-writes.ts';
import type { ServerAddress } from './servers.ts';
import {
  bootstrapBindings,
  bootstrapNamespaceRoles,
  bootstrapRoles,
  type BootstrapBinding,
  type BootstrapRole,
} from './bootstrap-roles.ts';

export interface BootstrapOptions {
  readonly serviceCidrs: readonly string[];
  /** First address of the primary service CIDR. */
  readonly serviceAddress: string;
  /** The cluster's servers, all on one port. */
  readonly servers: readonly ServerAddress[];
  /** The first run of a server: roles of earlier versions are brought up to date. */
  readonly atStart: boolean;
}

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const AUTOUPDATE = { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' } };
const BOOTSTRAP_LABEL = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };

export async function bootstrap(api: ServerWrites, options: BootstrapOptions): Promise<void> {
  const ensure = (resource: Resource, object: object) => api.ensure(resource, object);
  // Together: one durable write for all of them.
  await Promise.all(NAMESPACES.map((name) => ensure(namespaces, { metadata: { name } })));
  await Promise.all([
    ...SYSTEM_PRIORITY_CLASSES.map(({ name, value, description }) =>
      ensure(priorityClasses, { metadata: { name }, value, description }),
    ),
    ensure(serviceCIDRs, { metadata: { name: 'kubernetes' }, spec: { cidrs: [...options.serviceCidrs] } }),
    ...bootstrapRoles.map(async (role) => {
      const now = await ensure(clusterRoles, {
        metadata: { name: role.name, ...AUTOUPDATE, labels: { ...BOOTSTRAP_LABEL, ...role.labels } },
        rules: role.rules,
        ...(role.aggregate === undefined ? {} : { aggregationRule: aggregationRule(role.aggregate) }),
      });
      if (options.atStart && isOutdated(now as ClusterRole, role)) {
        await unlessOvertaken(api.update(clusterRoles, { ...now, rules: role.rules }));
      }
    }),
    ...bootstrapBindings.map((binding) =>
      ensure(clusterRoleBindings, {
        metadata: { name: binding.name, ...AUTOUPDATE, labels: BOOTSTRAP_LABEL },
        roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: binding.role },
        subjects: subjectsOf(binding),
      }),
    ),
    ...bootstrapNamespaceRoles.flatMap((role) => {
      const metadata = { name: role.name, namespace: role.namespace, ...AUTOUPDATE, labels: BOOTSTRAP_LABEL };
      const roleRef = { apiGroup: RBAC, kind: 'Role', name: role.name };
      return [
        ensure(roles, { metadata, rules: role.rules }),
        ensure(roleBindings, { metadata, roleRef, subjects: subjectsOf(role) }),
      ];
    }),
    kubernetesService(api, options),
  ]);
}

const RBAC = 'rbac.authorization.k8s.io';

function subjectsOf({ subjects }: Pick<BootstrapBinding, 'subjects'>): object[] {
  return subjects.map(([kind, name]) => {
    if (kind !== 'ServiceAccount') return { apiGroup: RBAC, kind, name };
    const [namespace, account] = name.split(':');
    return { kind, name: account, namespace };
  });
}

/** Another server did the same in the same moment; what is still wrong is put right at the next turn. */
async function unlessOvertaken(update: Promise<unknown>): Promise<void> {
  await update.catch((error: unknown) => {
    if (!isConflict(error)) throw error;
  });
}

/** A role from an earlier version of this program, unless somebody took it into their own hands. */
function isOutdated(now: ClusterRole, role: BootstrapRole): boolean {
  const automatic = now.metadata.annotations?.['rbac.authorization.kubernetes.io/autoupdate'] === 'true';
  return automatic && role.aggregate === undefined && !deepEqual(now.rules ?? [], role.rules);
}

const aggregationRule = (roles: readonly string[]) => ({
  clusterRoleSelectors: roles.map((role) => ({
    matchLabels: { [`rbac.authorization.k8s.io/aggregate-to-${role}`]: 'true' },
  })),
});

/** `default/kubernetes`: 10.96.0.1:443 leads to where the servers listen. */
async function kubernetesService(api: ServerWrites, options: BootstrapOptions): Promise<void> {
  const addresses = options.servers.map((s) => s.address);
  const [{ address, port } = { address: '', port: 0 }] = options.servers;
  const name = 'kubernetes';
  const metadata = { name, namespace: 'default' };
  const ensure = async (resource: Resource, object: object, isRight: (now: KubeObject) => boolean) => {
    let now: KubeObject;
    try {
      now = await api.get(resource, 'default', name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await api.ensure(resource, object);
      return;
    }
    if (!isRight(now)) await unlessOvertaken(api.update(resource, { ...object, metadata: now.metadata }));
  };
  const labels = { labels: { component: 'apiserver', provider: 'kubernetes' } };
  const spec = {
    type: 'ClusterIP',
    clusterIP: options.serviceAddress,
    clusterIPs: [options.serviceAddress],
    ipFamilies: [ipFamily(options.serviceAddress)],
    ipFamilyPolicy: 'SingleStack',
    sessionAffinity: 'None',
    ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: port }],
  };
  await ensure(services, { metadata: { ...metadata, ...labels }, spec }, (now) => {
    const ports = (now as { spec?: { ports?: { targetPort?: unknown }[] } }).spec?.ports;
    return ports?.length === 1 && ports[0]?.targetPort === port;
  });
  const mirrored = { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } };
  const subsets = [{ addresses: addresses.map((ip) => ({ ip })), ports: [{ name: 'https', port, protocol: 'TCP' }] }];
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  await ensure(endpoints, { metadata: { ...metadata, ...mirrored }, subsets }, (now) =>
    same((now as { subsets?: unknown }).subsets, subsets),
  );
  const slice = {
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
    addressType: ipFamily(address),
    endpoints: addresses.map((each) => ({ addresses: [each], conditions: { ready: true } })),
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
  await ensure(endpointSlices, slice, (now) => {
    const { endpoints: list, ports } = now as { endpoints?: { addresses?: string[] }[]; ports?: { port?: number }[] };
    return (
      same(
        list?.map((e) => e.addresses?.[0]),
        addresses,
      ) && ports?.[0]?.port === port
    );
  });
}
