// The table of resources: one row a kind, read by the API server (routing, discovery), the clients and kubectl's
// short names. Adding a kind starts with a row here.
import type * as t from './types.ts';

/** One served resource. The type parameter ties the row to the shape of its objects. */
export interface Resource<T extends t.KubeObject = t.KubeObject> {
  /** API group, '' for core. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Plural lower-case name used in URLs. */
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Subresources that are served under /NAME/, e.g. 'status'. */
  readonly subresources?: readonly string[];
  /** What every answer warns of. */
  readonly deprecation?: string;
  /** Never present; carries T for inference. */
  readonly objectType?: T;
}

type Row = Omit<Resource, 'objectType' | 'singular'> & { singular?: string };

function resource<T extends t.KubeObject>(row: Row): Resource<T> {
  return { singular: row.kind.toLowerCase(), ...row };
}

const core = { group: '', version: 'v1' };
const apps = { group: 'apps', version: 'v1' };
const batch = { group: 'batch', version: 'v1' };
const networking = { group: 'networking.k8s.io', version: 'v1' };
const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1' };
const all = ['all'];

export const namespaces = resource<t.Namespace>({
  ...core,
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
  shortNames: ['ns'],
  subresources: ['status', 'finalize'],
});
export const nodes = resource<t.Node>({
  ...core,
  kind: 'Node',
  plural: 'nodes',
  namespaced: false,
  shortNames: ['no'],
  subresources: ['status', 'proxy'],
});
export const pods = resource<t.Pod>({
  ...core,
  kind: 'Pod',
  plural: 'pods',
  namespaced: true,
  shortNames: ['po'],
  categories: all,
  subresources: [
    'status',
    'log',
    'exec',
    'attach',
    'portforward',
    'proxy',
    'binding',
    'eviction',
    'ephemeralcontainers',
  ],
});
export const services = resource<t.Service>({
  ...core,
  kind: 'Service',
  plural: 'services',
  namespaced: true,
  shortNames: ['svc'],
  categories: all,
  subresources: ['status', 'proxy'],
});
export const endpoints = resource<t.Endpoints>({
  ...core,
  kind: 'Endpoints',
  plural: 'endpoints',
  singular: 'endpoints',
  namespaced: true,
  shortNames: ['ep'],
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
});
export const configMaps = resource<t.ConfigMap>({
  ...core,
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
  shortNames: ['cm'],
});
export const secrets = resource<t.Secret>({ ...core, kind: 'Secret', plural: 'secrets', namespaced: true });
export const serviceAccounts = resource<t.ServiceAccount>({
  ...core,
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
  shortNames: ['sa'],
  subresources: ['token'],
});
export const events = resource<t.CoreEvent>({
  ...core,
  kind: 'Event',
  plural: 'events',
  namespaced: true,
  shortNames: ['ev'],
});
export const limitRanges = resource<t.LimitRange>({
  ...core,
  kind: 'LimitRange',
  plural: 'limitranges',
  namespaced: true,
  shortNames: ['limits'],
});
export const persistentVolumes = resource<t.PersistentVolume>({
  ...core,
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  namespaced: false,
  shortNames: ['pv'],
  subresources: ['status'],
});
export const persistentVolumeClaims = resource<t.PersistentVolumeClaim>({
  ...core,
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  namespaced: true,
  shortNames: ['pvc'],
  subresources: ['status'],
});
export const replicationControllers = resource<t.ReplicationController>({
  ...core,
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  namespaced: true,
  shortNames: ['rc'],
  categories: all,
  subresources: ['status', 'scale'],
});
export const deployments = resource<t.Deployment>({
  ...apps,
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
  shortNames: ['deploy'],
  categories: all,
  subresources: ['status', 'scale'],
});
export const replicaSets = resource<t.ReplicaSet>({
  ...apps,
  kind: 'ReplicaSet',
  plural: 'replicasets',
  namespaced: true,
  shortNames: ['rs'],
  categories: all,
  subresources: ['status', 'scale'],
});
export const statefulSets = resource<t.StatefulSet>({
  ...apps,
  kind: 'StatefulSet',
  plural: 'statefulsets',
  namespaced: true,
  shortNames: ['sts'],
  categories: all,
  subresources: ['status', 'scale'],
});
export const daemonSets = resource<t.DaemonSet>({
  ...apps,
  kind: 'DaemonSet',
  plural: 'daemonsets',
  namespaced: true,
  shortNames: ['ds'],
  categories: all,
  subresources: ['status'],
});
export const controllerRevisions = resource<t.ControllerRevision>({
  ...apps,
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  namespaced: true,
});
export const jobs = resource<t.Job>({
  ...batch,
  kind: 'Job',
  plural: 'jobs',
  namespaced: true,
  categories: all,
  subresources: ['status'],
});
export const cronJobs = resource<t.CronJob>({
  ...batch,
  kind: 'CronJob',
  plural: 'cronjobs',
  namespaced: true,
  shortNames: ['cj'],
  categories: all,
  subresources: ['status'],
});
export const endpointSlices = resource<t.EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
});
export const leases = resource<t.Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
});
export const certificateSigningRequests = resource<t.CertificateSigningRequest>({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  namespaced: false,
  shortNames: ['csr'],
  subresources: ['status', 'approval'],
});
/** Same storage as core/v1 events, other shape. */
export const eventsV1 = resource<t.EventsEvent>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
  shortNames: ['ev'],
});
export const ingresses = resource<t.Ingress>({
  ...networking,
  kind: 'Ingress',
  plural: 'ingresses',
  namespaced: true,
  shortNames: ['ing'],
  subresources: ['status'],
});
export const ingressClasses = resource<t.IngressClass>({
  ...networking,
  kind: 'IngressClass',
  plural: 'ingressclasses',
  namespaced: false,
});
export const networkPolicies = resource<t.NetworkPolicy>({
  ...networking,
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  namespaced: true,
  shortNames: ['netpol'],
});
export const serviceCIDRs = resource<t.ServiceCIDR>({
  ...networking,
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  namespaced: false,
  subresources: ['status'],
});
export const ipAddresses = resource<t.IPAddress>({
  ...networking,
  kind: 'IPAddress',
  plural: 'ipaddresses',
  namespaced: false,
  shortNames: ['ip'],
});
export const podDisruptionBudgets = resource<t.PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  namespaced: true,
  shortNames: ['pdb'],
  subresources: ['status'],
});
export const priorityClasses = resource<t.PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  namespaced: false,
  shortNames: ['pc'],
});
export const storageClasses = resource<t.StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  namespaced: false,
  shortNames: ['sc'],
});
export const roles = resource<t.Role>({ ...rbac, kind: 'Role', plural: 'roles', namespaced: true });
export const roleBindings = resource<t.RoleBinding>({
  ...rbac,
  kind: 'RoleBinding',
  plural: 'rolebindings',
  namespaced: true,
});
export const clusterRoles = resource<t.ClusterRole>({
  ...rbac,
  kind: 'ClusterRole',
  plural: 'clusterroles',
  namespaced: false,
});
export const clusterRoleBindings = resource<t.ClusterRoleBinding>({
  ...rbac,
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  namespaced: false,
});

/** apiVersion as it stands in objects: `v1`, `apps/v1`. */
export function apiVersionOf(r: Pick<Resource, 'group' | 'version'>): string {
  return r.group === '' ? r.version : `${r.group}/${r.version}`;
}
