// What each controller may do: a role and a service account of its own, as kube-controller-manager gives them with
// --use-service-account-credentials. Names are Kubernetes'. Reading what they all watch is the shared informers' part,
// which have the identity system:kube-controller-manager; here stand writes, and what is asked of the server itself.
import { EVENTS, everyKind, rule, type Rule } from './rule.ts';

const NODE_SIGNERS = ['kubernetes.io/kube-apiserver-client-kubelet', 'kubernetes.io/kubelet-serving'];
const CERTIFICATES = 'certificates.k8s.io';
const PODS = ['create', 'delete', 'patch'];
const REVISIONS = rule(['create', 'delete', 'get', 'patch', 'update'], 'apps', 'controllerrevisions');

/** By the name of the service account in kube-system. */
export const CONTROLLER_RULES: Readonly<Record<string, readonly Rule[]>> = {
  'certificate-controller': [
    rule(['delete', 'get', 'update'], CERTIFICATES, 'certificatesigningrequests'),
    rule(['update'], CERTIFICATES, 'certificatesigningrequests/approval certificatesigningrequests/status'),
    rule(['approve', 'sign'], CERTIFICATES, 'signers', NODE_SIGNERS),
    rule(['sign'], CERTIFICATES, 'signers', ['kubernetes.io/kube-apiserver-client']),
    rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
    ...EVENTS,
  ],
  'cronjob-controller': [
    rule(['get', 'update'], 'batch', 'cronjobs'),
    rule(['update'], 'batch', 'cronjobs/status'),
    rule(['create', 'delete', 'get', 'patch', 'update'], 'batch', 'jobs'),
    ...EVENTS,
  ],
  'daemon-set-controller': [
    rule(['get'], 'apps', 'daemonsets'),
    rule(['update'], 'apps', 'daemonsets/status'),
    rule(PODS, '', 'pods'),
    REVISIONS,
    ...EVENTS,
  ],
  'deployment-controller': [
    rule(['get', 'patch', 'update'], 'apps', 'deployments'),
    rule(['update'], 'apps', 'deployments/status'),
    rule(['create', 'delete', 'get', 'patch', 'update'], 'apps', 'replicasets'),
    ...EVENTS,
  ],
  'disruption-controller': [rule(['update'], 'policy', 'poddisruptionbudgets/status'), ...EVENTS],
  'endpoint-controller': [rule(['create', 'delete', 'get', 'update'], '', 'endpoints'), ...EVENTS],
  'endpointslice-controller': [
    rule(['create', 'delete', 'get', 'update'], 'discovery.k8s.io', 'endpointslices'),
    ...EVENTS,
  ],
  'endpointslicemirroring-controller': [
    rule(['create', 'delete', 'get', 'update'], 'discovery.k8s.io', 'endpointslices'),
    ...EVENTS,
  ],
  'ephemeral-volume-controller': [rule(['create', 'get'], '', 'persistentvolumeclaims'), ...EVENTS],
  'generic-garbage-collector': [...everyKind(['delete', 'get', 'patch']), ...EVENTS],
  'job-controller': [
    // Those whose time to live is over go, too.
    rule(['delete', 'get', 'patch', 'update'], 'batch', 'jobs'),
    rule(['update'], 'batch', 'jobs/status'),
    rule(PODS, '', 'pods'),
    ...EVENTS,
  ],
  'namespace-controller': [
    rule(['delete', 'get'], '', 'namespaces'),
    rule(['update'], '', 'namespaces/finalize namespaces/status'),
    ...everyKind(['delete', 'deletecollection', 'get', 'list'], (r) => r.namespaced),
  ],
  // Also gives nodes their pod CIDRs.
  'node-controller': [
    rule(['get', 'patch', 'update'], '', 'nodes'),
    rule(['patch', 'update'], '', 'nodes/status pods/status'),
    rule(['delete'], '', 'pods'),
    ...EVENTS,
  ],
  'persistent-volume-binder': [
    rule(['create', 'delete', 'get', 'patch', 'update'], '', 'persistentvolumes'),
    rule(['get', 'patch', 'update'], '', 'persistentvolumeclaims'),
    rule(['patch', 'update'], '', 'persistentvolumeclaims/status persistentvolumes/status'),
    ...EVENTS,
  ],
  'pod-garbage-collector': [
    rule(['delete'], '', 'pods'),
    rule(['patch', 'update'], '', 'pods/status'),
    rule(['get'], '', 'nodes'),
    ...EVENTS,
  ],
  // Also keeps volumes that are claimed.
  'pvc-protection-controller': [
    rule(['get', 'update'], '', 'persistentvolumeclaims persistentvolumes'),
    rule(['get', 'list'], '', 'pods'),
    ...EVENTS,
  ],
  'replicaset-controller': [
    rule(['get'], 'apps', 'replicasets'),
    rule(['update'], 'apps', 'replicasets/status'),
    rule(PODS, '', 'pods'),
    ...EVENTS,
  ],
  'replication-controller': [
    rule(['get'], '', 'replicationcontrollers'),
    rule(['update'], '', 'replicationcontrollers/status'),
    rule(PODS, '', 'pods'),
    ...EVENTS,
  ],
  // Also publishes the cluster's authority.
  'service-account-controller': [
    rule(['create'], '', 'serviceaccounts'),
    rule(['create', 'update'], '', 'configmaps'),
    ...EVENTS,
  ],
  'statefulset-controller': [
    rule(['get'], 'apps', 'statefulsets'),
    rule(['update'], 'apps', 'statefulsets/status'),
    rule([...PODS, 'get', 'update'], '', 'pods'),
    rule(['create', 'delete', 'get', 'update'], '', 'persistentvolumeclaims'),
    REVISIONS,
    ...EVENTS,
  ],
};

/** What a controller may do where the system lives, and nowhere else. */
export const CONTROLLER_SYSTEM_RULES: Readonly<Record<string, readonly Rule[]>> = {
  'token-cleaner': [rule(['delete', 'get'], '', 'secrets')],
};
