// The roles and bindings that exist from the first start. Names and reach are Kubernetes' own, for the kinds served here.
import { AGENT_SETTINGS, CLUSTER_INFO, NODE_BOOTSTRAPPERS } from '../../api/index.ts';
import { CONTROLLER_RULES, CONTROLLER_SYSTEM_RULES } from './controller-roles.ts';
import { ALL, EVENTS, everyKind, READ, rule, WRITE, type Rule } from './rule.ts';

export interface BootstrapRole {
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly aggregate?: readonly string[];
}

/** A subject: a user, a group, or the service account `namespace:name`. */
type Subject = readonly [kind: 'User' | 'Group' | 'ServiceAccount', name: string];

export interface BootstrapBinding {
  readonly name: string;
  readonly role: string;
  readonly subjects: readonly Subject[];
}

/** A role that holds in one namespace, with its binding of the same name. */
export interface BootstrapNamespaceRole extends BootstrapRole {
  readonly namespace: string;
  readonly subjects: readonly Subject[];
}

const urls = (...nonResourceURLs: string[]): Rule => ({ verbs: ['get'], nonResourceURLs });

const APPS =
  'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status';
const WRITABLE_APPS =
  'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale';
const CORE_VIEW =
  'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas namespaces services/status';
const CORE_EDIT =
  'configmaps events persistentvolumeclaims pods replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy pods/attach pods/exec pods/portforward pods/proxy pods/eviction';

const view: readonly Rule[] = [
  rule(READ, '', CORE_VIEW),
  rule(READ, 'discovery.k8s.io', 'endpointslices'),
  rule(READ, 'apps', APPS),
  rule(READ, 'networking.k8s.io', 'ingresses ingresses/status networkpolicies'),
  rule(READ, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
  rule(READ, 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
];
const edit: readonly Rule[] = [
  rule(READ, '', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy'),
  rule(['impersonate'], '', 'serviceaccounts'),
  rule(['create'], '', 'serviceaccounts/token'),
  rule(WRITE, '', CORE_EDIT),
  rule(['create'], '', 'bindings'),
  rule(WRITE, 'apps', WRITABLE_APPS),
  rule(WRITE, 'networking.k8s.io', 'ingresses networkpolicies'),
  rule(ALL, 'coordination.k8s.io', 'leases'),
  rule(WRITE, 'policy', 'poddisruptionbudgets'),
  rule(WRITE, 'batch', 'cronjobs jobs'),
];
const admin: readonly Rule[] = [
  rule(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews'),
  rule(ALL, 'rbac.authorization.k8s.io', 'rolebindings roles'),
];

const lease = (name: string): readonly Rule[] => [
  rule(['create', 'list', 'watch'], 'coordination.k8s.io', 'leases'),
  rule(['get', 'update', 'patch'], 'coordination.k8s.io', 'leases', [name]),
];

const CERTIFICATES = 'certificates.k8s.io';
const NODE_CLIENT = 'system:certificates.k8s.io:certificatesigningrequests';

const controllerRole = (name: string) => `system:controller:${name}`;
const aggregateTo = (role: string) => ({ [`rbac.authorization.k8s.io/aggregate-to-${role}`]: 'true' });

export const bootstrapRoles: readonly BootstrapRole[] = [
  {
    name: 'cluster-admin',
    rules: [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['*'], nonResourceURLs: ['*'] },
    ],
  },
  { name: 'admin', rules: [], aggregate: ['admin'] },
  { name: 'edit', rules: [], aggregate: ['edit'], labels: aggregateTo('admin') },
  { name: 'view', rules: [], aggregate: ['view'], labels: aggregateTo('edit') },
  { name: 'system:aggregate-to-admin', rules: admin, labels: aggregateTo('admin') },
  { name: 'system:aggregate-to-edit', rules: edit, labels: aggregateTo('edit') },
  { name: 'system:aggregate-to-view', rules: view, labels: aggregateTo('view') },
  {
    name: 'system:discovery',
    rules: [
      urls(
        '/api',
        '/api/*',
        '/apis',
        '/apis/*',
        '/healthz',
        '/livez',
        '/openapi',
        '/openapi/*',
        '/readyz',
        '/version',
        '/version/',
      ),
    ],
  },
  {
    name: 'system:public-info-viewer',
    rules: [urls('/healthz', '/healthz/*', '/livez', '/livez/*', '/readyz', '/readyz/*', '/version', '/version/')],
  },
  {
    name: 'system:basic-user',
    rules: [
      rule(['create'], 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
      rule(['create'], 'authentication.k8s.io', 'selfsubjectreviews'),
    ],
  },
  {
    name: 'system:monitoring',
    rules: [urls('/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/metrics/slis', '/readyz', '/readyz/*')],
  },
  {
    name: 'system:service-account-issuer-discovery',
    rules: [
      urls(
        '/.well-known/openid-configuration',
        '/.well-known/openid-configuration/',
        '/openid/v1/jwks',
        '/openid/v1/jwks/',
      ),
    ],
  },
  {
    name: 'system:auth-delegator',
    rules: [
      rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
      rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
    ],
  },
  {
    name: 'system:node-proxier',
    rules: [
      rule(['list', 'watch'], '', 'services endpoints'),
      rule(READ, '', 'nodes'),
      rule(['list', 'watch'], 'discovery.k8s.io', 'endpointslices'),
      rule(['list', 'watch'], 'networking.k8s.io', 'servicecidrs'),
      ...EVENTS,
    ],
  },
  {
    name: 'system:coredns',
    rules: [
      rule(['list', 'watch'], '', 'endpoints services pods namespaces'),
      rule(['list', 'watch'], 'discovery.k8s.io', 'endpointslices'),
    ],
  },
  {
    name: 'system:node-bootstrapper',
    rules: [rule(['create', ...READ], CERTIFICATES, 'certificatesigningrequests')],
  },
  // What the approver asks before it approves by itself: a node's first certificate, and a node's own renewal.
  {
    name: `${NODE_CLIENT}:nodeclient`,
    rules: [rule(['create'], CERTIFICATES, 'certificatesigningrequests/nodeclient')],
  },
  {
    name: `${NODE_CLIENT}:selfnodeclient`,
    rules: [rule(['create'], CERTIFICATES, 'certificatesigningrequests/selfnodeclient')],
  },
  // The add-ons' part that belongs to no namespace.
  { name: 'system:addons', rules: [rule(['create'], 'storage.k8s.io', 'storageclasses')] },
  // Keeps the API server's own routes to pods.
  { name: 'system:pod-routes', rules: [rule(READ, '', 'nodes')] },
  {
    name: 'system:kube-scheduler',
    rules: [
      ...EVENTS,
      ...lease('kube-scheduler'),
      rule(READ, '', 'nodes namespaces services replicationcontrollers persistentvolumeclaims persistentvolumes'),
      rule(['delete', ...READ], '', 'pods'),
      rule(['create'], '', 'bindings pods/binding'),
      rule(['patch', 'update'], '', 'pods/status'),
      rule(['patch', 'update'], '', 'persistentvolumeclaims'),
      rule(READ, 'storage.k8s.io', 'storageclasses'),
      rule(READ, 'apps', 'replicasets statefulsets'),
      rule(READ, 'policy', 'poddisruptionbudgets'),
      rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
      rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
    ],
  },
  {
    name: 'system:kube-controller-manager',
    rules: [
      ...EVENTS,
      ...lease('portico-server'),
      // The informers that all controllers share; what each may write is a role of its own.
      ...everyKind(['list', 'watch']),
      rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
      rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
    ],
  },
  ...Object.entries(CONTROLLER_RULES).map(([name, rules]) => ({ name: controllerRole(name), rules })),
];

export const bootstrapBindings: readonly BootstrapBinding[] = [
  { name: 'cluster-admin', role: 'cluster-admin', subjects: [['Group', 'system:masters']] },
  { name: 'system:monitoring', role: 'system:monitoring', subjects: [['Group', 'system:monitoring']] },
  { name: 'system:discovery', role: 'system:discovery', subjects: [['Group', 'system:authenticated']] },
  { name: 'system:basic-user', role: 'system:basic-user', subjects: [['Group', 'system:authenticated']] },
  {
    name: 'system:public-info-viewer',
    role: 'system:public-info-viewer',
    subjects: [
      ['Group', 'system:authenticated'],
      ['Group', 'system:unauthenticated'],
    ],
  },
  { name: 'system:node-proxier', role: 'system:node-proxier', subjects: [['User', 'system:kube-proxy']] },
  {
    name: 'system:coredns',
    role: 'system:coredns',
    subjects: [
      ['User', 'system:coredns'],
      ['ServiceAccount', 'kube-system:kube-dns'],
    ],
  },
  { name: 'portico:node-bootstrap', role: 'system:node-bootstrapper', subjects: [['Group', NODE_BOOTSTRAPPERS]] },
  { name: 'portico:node-approve', role: `${NODE_CLIENT}:nodeclient`, subjects: [['Group', NODE_BOOTSTRAPPERS]] },
  { name: 'portico:node-renew', role: `${NODE_CLIENT}:selfnodeclient`, subjects: [['Group', 'system:nodes']] },
  { name: 'system:addons', role: 'system:addons', subjects: [['User', 'system:addons']] },
  { name: 'system:pod-routes', role: 'system:pod-routes', subjects: [['User', 'system:pod-routes']] },
  { name: 'system:kube-scheduler', role: 'system:kube-scheduler', subjects: [['User', 'system:kube-scheduler']] },
  {
    name: 'system:kube-controller-manager',
    role: 'system:kube-controller-manager',
    subjects: [['User', 'system:kube-controller-manager']],
  },
  {
    name: 'system:service-account-issuer-discovery',
    role: 'system:service-account-issuer-discovery',
    subjects: [['Group', 'system:serviceaccounts']],
  },
  ...Object.keys(CONTROLLER_RULES).map((name) => ({
    name: controllerRole(name),
    role: controllerRole(name),
    subjects: [['ServiceAccount', `kube-system:${name}`]] as const,
  })),
];

export const bootstrapNamespaceRoles: readonly BootstrapNamespaceRole[] = [
  ...Object.entries(CONTROLLER_SYSTEM_RULES).map(([name, rules]) => ({
    name: controllerRole(name),
    namespace: 'kube-system',
    rules,
    subjects: [['ServiceAccount', `kube-system:${name}`]] as const,
  })),
  // Deploys the add-ons: makes what is missing of them, and can neither read nor change what is there.
  {
    name: 'system:addons',
    namespace: 'kube-system',
    rules: [rule(['create'], '', 'configmaps serviceaccounts services'), rule(['create'], 'apps', 'deployments')],
    subjects: [['User', 'system:addons']],
  },
  // Tells hosts what they need to join: the authority to everybody, the settings to those who join and to nodes.
  ...(['kube-public', 'kube-system'] as const).map((namespace) => ({
    name: 'system:cluster-info',
    namespace,
    rules: [
      rule(['create'], '', 'configmaps'),
      rule(['get', 'patch'], '', 'configmaps', [namespace === 'kube-public' ? CLUSTER_INFO : AGENT_SETTINGS]),
    ],
    subjects: [['User', 'system:cluster-info']] as const,
  })),
  {
    name: 'portico:cluster-info-reader',
    namespace: 'kube-public',
    rules: [rule(['get'], '', 'configmaps', [CLUSTER_INFO])],
    subjects: [
      ['User', 'system:anonymous'],
      ['Group', 'system:authenticated'],
    ],
  },
  {
    name: 'portico:agent-settings-reader',
    namespace: 'kube-system',
    rules: [rule(['get'], '', 'configmaps', [AGENT_SETTINGS])],
    subjects: [
      ['Group', NODE_BOOTSTRAPPERS],
      ['Group', 'system:nodes'],
    ],
  },
];
