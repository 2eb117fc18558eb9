// Everything this server answers for: the stored kinds, the reviews that are only computed, and the subresources of
// each. Routing, discovery and authorization read this one table.
import { allResources, type Resource } from '../../api/index.ts';

export interface ServedSubresource {
  readonly name: string;
  /** Kind of its body or answer; absent: the parent's. */
  readonly kind?: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

export interface ServedResource {
  readonly resource: Resource;
  /** Kept in the store; the others only answer a POST. */
  readonly stored: boolean;
  readonly verbs: readonly string[];
  readonly subresources: ReadonlyMap<string, ServedSubresource>;
}

const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const READ_WRITE = ['get', 'patch', 'update'];
const CONNECT = ['create', 'get'];
const PROXY = ['create', 'delete', 'get', 'patch', 'update'];

const subresourceRows: Readonly<Record<string, Omit<ServedSubresource, 'name'>>> = {
  status: { verbs: READ_WRITE },
  approval: { verbs: READ_WRITE },
  scale: { kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: READ_WRITE },
  log: { verbs: ['get'] },
  exec: { kind: 'PodExecOptions', verbs: CONNECT },
  attach: { kind: 'PodAttachOptions', verbs: CONNECT },
  portforward: { kind: 'PodPortForwardOptions', verbs: CONNECT },
  binding: { kind: 'Binding', verbs: ['create'] },
  eviction: { kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
  ephemeralcontainers: { verbs: READ_WRITE },
  token: { kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] },
  finalize: { verbs: ['update'] },
};
const proxyKinds: Readonly<Record<string, string>> = {
  pods: 'PodProxyOptions',
  services: 'ServiceProxyOptions',
  nodes: 'NodeProxyOptions',
};

function subresourcesOf(resource: Resource): ReadonlyMap<string, ServedSubresource> {
  const found = new Map<string, ServedSubresource>();
  for (const name of resource.subresources ?? []) {
    const kind = proxyKinds[resource.plural];
    const row = name === 'proxy' && kind !== undefined ? { kind, verbs: PROXY } : subresourceRows[name];
    if (row === undefined) throw new Error(`no row for subresource ${resource.plural}/${name} in served-resources.ts`);
    found.set(name, { name, ...row });
  }
  return found;
}

type ReviewRow = Pick<Resource, 'group' | 'kind' | 'plural' | 'namespaced'>;
const authentication = 'authentication.k8s.io';
const authorization = 'authorization.k8s.io';
const reviewRows: readonly ReviewRow[] = [
  { group: authentication, kind: 'TokenReview', plural: 'tokenreviews', namespaced: false },
  { group: authentication, kind: 'SelfSubjectReview', plural: 'selfsubjectreviews', namespaced: false },
  { group: authorization, kind: 'SubjectAccessReview', plural: 'subjectaccessreviews', namespaced: false },
  { group: authorization, kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews', namespaced: false },
  { group: authorization, kind: 'SelfSubjectRulesReview', plural: 'selfsubjectrulesreviews', namespaced: false },
  { group: authorization, kind: 'LocalSubjectAccessReview', plural: 'localsubjectaccessreviews', namespaced: true },
  { group: '', kind: 'Binding', plural: 'bindings', namespaced: true },
];

const stored: readonly ServedResource[] = allResources.map((resource) => ({
  resource,
  stored: true,
  verbs: ALL_VERBS,
  subresources: subresourcesOf(resource),
}));

const reviews: readonly ServedResource[] = reviewRows.map((row) => ({
  resource: { ...row, version: 'v1', singular: row.kind.toLowerCase() },
  stored: false,
  verbs: ['create'],
  subresources: new Map(),
}));

export const servedResources: readonly ServedResource[] = [...stored, ...reviews];

const byPath = new Map(
  servedResources.map((s) => [`${s.resource.group}/${s.resource.version}/${s.resource.plural}`, s]),
);

export const findServed = (group: string, version: string, plural: string): ServedResource | undefined =>
  byPath.get(`${group}/${version}/${plural}`);

/** Groups in the order in which discovery shows them, each with its versions. */
export const servedGroups: ReadonlyMap<string, readonly string[]> = groupsOf(servedResources);

function groupsOf(all: readonly ServedResource[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { resource } of all) {
    const versions = groups.get(resource.group) ?? [];
    if (!versions.includes(resource.version)) versions.push(resource.version);
    groups.set(resource.group, versions);
  }
  return groups;
}
