// What node agents may do: read what pods, proxy and pod network of a node need; write their own node, lease and pods'
// status. Secrets, configmaps, claims and tokens only of pods that run on the node. Node restriction (admission) narrows the
// writes further.
import { claimNames, pods, type core, type Pod } from '../../api/index.ts';
import type { ReadOptions, Store } from '../../store/index.ts';
import { storedObject } from '../objects/stored-object.ts';
import { keyPrefix } from '../objects/storage-key.ts';
import type { Attributes, Decision } from './attributes.ts';
import { nodeNameOf } from './node-name.ts';
import { ruleAllows } from './rbac-rules.ts';
import type { Rule } from './rbac-index.ts';

const READ = ['get', 'list', 'watch'];
const rule = (verbs: readonly string[], group: string, resources: string): Rule => ({
  verbs: [...verbs],
  apiGroups: [group],
  resources: resources.split(' '),
});

const RULES: readonly Rule[] = [
  rule(READ, '', 'services endpoints namespaces'),
  // By name: an agent asks whether the volume of a folder it keeps is still wanted.
  rule(['get'], '', 'persistentvolumes'),
  rule([...READ, 'create', 'update', 'patch', 'delete'], '', 'nodes'),
  rule(['update', 'patch'], '', 'nodes/status'),
  rule([...READ, 'create', 'delete'], '', 'pods'),
  rule(['update', 'patch'], '', 'pods/status'),
  rule(['create'], '', 'pods/eviction'),
  rule(['create', 'update', 'patch'], '', 'events'),
  rule(['create', 'update', 'patch'], 'events.k8s.io', 'events'),
  rule([...READ, 'create', 'update', 'patch', 'delete'], 'coordination.k8s.io', 'leases'),
  rule(READ, 'discovery.k8s.io', 'endpointslices'),
  rule(['create', ...READ], 'certificates.k8s.io', 'certificatesigningrequests'),
  rule(READ, 'networking.k8s.io', 'servicecidrs networkpolicies'),
  rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
  rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews localsubjectaccessreviews'),
];

const REFERENCED: ReadonlySet<string> = new Set(['secrets', 'configmaps', 'serviceaccounts', 'persistentvolumeclaims']);

/** Undefined when the user is no node agent. */
export function createNodeAuthorizer(store: Store): (attributes: Attributes) => Promise<Decision | undefined> {
  return async (a) => {
    const node = nodeNameOf(a.user);
    if (node === undefined) return undefined;
    if (a.group === '' && REFERENCED.has(a.resource)) {
      const isRead = a.subresource === '' && READ.includes(a.verb);
      const isToken = a.resource === 'serviceaccounts' && a.subresource === 'token' && a.verb === 'create';
      if (!isRead && !isToken) return { allowed: false, reason: '' };
      if (a.name === '') return { allowed: false, reason: `can only read resources of this type by name` };
      if (await isReferenced(store, node, a)) return { allowed: true, reason: '' };
      return { allowed: false, reason: `no relationship found between node '${node}' and this object` };
    }
    if (a.resource === 'leases' && a.namespace !== 'kube-node-lease')
      return { allowed: false, reason: 'can only access leases in the "kube-node-lease" system namespace' };
    return { allowed: RULES.some((r) => ruleAllows(r, a)), reason: '' };
  };
}

/** Does a pod of the node refer to the object? Asked when agents start pods, so a walk over the namespace will do. */
async function isReferenced(store: Store, node: string, a: Attributes): Promise<boolean> {
  // The authority's certificate goes into every pod; it is no secret.
  if (a.resource === 'configmaps' && a.name === 'kube-root-ca.crt') return true;
  const found = async (age: ReadOptions) => {
    const page = await store.list(keyPrefix(pods, a.namespace), age);
    return page.entries.some((entry) => {
      const object = storedObject(entry).object as Pod;
      const { spec } = object;
      if (spec?.nodeName !== node) return false;
      if (a.resource === 'persistentvolumeclaims') return claimNames(object).includes(a.name);
      return referencedNames(spec, a.resource).has(a.name);
    });
  };
  // The pod may have been bound on another server just now.
  return (await found({ notOlderThan: 0 })) || found({});
}

/** Names of objects of this kind that the pod needs. */
export function referencedNames(spec: core.PodSpec, resource: string): Set<string> {
  const names = new Set<string>();
  const add = (name: string | undefined) => void (name !== undefined && names.add(name));
  if (resource === 'serviceaccounts') {
    add(spec.serviceAccountName);
    return names;
  }
  const secret = resource === 'secrets';
  for (const volume of spec.volumes ?? []) {
    add(secret ? volume.secret?.secretName : volume.configMap?.name);
    for (const source of volume.projected?.sources ?? []) add(secret ? source.secret?.name : source.configMap?.name);
  }
  if (secret) for (const pull of spec.imagePullSecrets ?? []) add(pull.name);
  for (const container of [
    ...(spec.containers ?? []),
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ]) {
    for (const from of container.envFrom ?? []) add(secret ? from.secretRef?.name : from.configMapRef?.name);
    for (const env of container.env ?? []) {
      add(secret ? env.valueFrom?.secretKeyRef?.name : env.valueFrom?.configMapKeyRef?.name);
    }
  }
  return names;
}
