// Nobody hands out what they do not hold: roles may grant, and bindings may lead to, only permissions of their author —
// unless the author may `escalate` or `bind`.
import {
  clusterRoleBindings,
  clusterRoles,
  forbiddenBecause,
  notFound,
  roleBindings,
  roles,
  type ApiObject,
  type rbac,
} from '../../api/index.ts';
import type { Authorizer } from '../auth/attributes.ts';
import { MASTERS } from '../auth/authorize.ts';
import type { RbacIndex, Rule } from '../auth/rbac-index.ts';
import { permissionsOf, ruleCovers } from '../auth/rbac-rules.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import type { AdmissionStep } from './admission.ts';

export function restrictEscalation(index: RbacIndex, authorizer: Authorizer): AdmissionStep {
  const may = async (request: ResourceRequest, verb: string, resource: string, name: string): Promise<boolean> => {
    const decision = await authorizer.authorize({
      user: request.user,
      verb,
      group: 'rbac.authorization.k8s.io',
      version: 'v1',
      namespace: request.namespace,
      resource,
      subresource: '',
      name,
      path: '',
    });
    return decision.allowed;
  };

  const requireHeld = (request: ResourceRequest, name: string, rules: readonly Rule[]): void => {
    const held = [...index.grants(request.user, request.namespace)].flatMap((g) => g.rules);
    const missing = rules
      .flatMap((rule) => [...permissionsOf(rule)])
      .filter((one) => !held.some((h) => ruleCovers(h, one)));
    if (missing.length === 0) return;
    const { user, resource } = request;
    const list = [...new Set(missing.map(formatRule))].join('\n');
    const who = `user ${JSON.stringify(user.name)} (groups=${formatList(user.groups)})`;
    throw forbiddenBecause(
      resource,
      name,
      `${who} is attempting to grant RBAC permissions not currently held:\n${list}`,
    );
  };

  const check = async (request: ResourceRequest, object: ApiObject): Promise<void> => {
    const { resource, user } = request;
    if (resource.group !== 'rbac.authorization.k8s.io' || user.groups.includes(MASTERS)) return;
    const name = object.metadata.name ?? '';
    if (resource === roles || resource === clusterRoles) {
      if (await may(request, 'escalate', resource.plural, name)) return;
      requireHeld(request, name, (object['rules'] ?? []) as Rule[]);
    } else if (resource === roleBindings || resource === clusterRoleBindings) {
      const ref = object['roleRef'] as rbac.RoleRef;
      const target = ref.kind === 'ClusterRole' ? clusterRoles : roles;
      if (await may(request, 'bind', target.plural, ref.name)) return;
      const rules = index.rulesOf(ref.kind, request.namespace, ref.name);
      if (rules === undefined) throw notFound(target, ref.name);
      requireHeld(request, name, rules);
    }
  };
  return { create: check, update: (request, next) => check(request, next) };
}

const formatList = (items: readonly string[]): string => `[${items.map((i) => JSON.stringify(i)).join(' ')}]`;

/** As Go prints a rule. */
function formatRule({ apiGroups, resources, resourceNames, nonResourceURLs, verbs }: Rule): string {
  const part = (label: string, list: readonly string[] | undefined) =>
    list === undefined ? [] : [`${label}:[${list.map((i) => JSON.stringify(i)).join(', ')}]`];
  const parts = [
    ...part('APIGroups', apiGroups),
    ...part('Resources', resources),
    ...part('ResourceNames', resourceNames),
    ...part('NonResourceURLs', nonResourceURLs),
    ...part('Verbs', verbs),
  ];
  return `{${parts.join(', ')}}`;
}
