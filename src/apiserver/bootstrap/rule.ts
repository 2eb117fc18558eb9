// Rules of the first roles, in few words.
import { allResources, type rbac, type Resource } from '../../api/index.ts';

export type Rule = rbac.PolicyRule;

export const READ = ['get', 'list', 'watch'];
export const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];
export const ALL = [...WRITE, ...READ];

/** `rule(READ, 'apps', 'deployments replicasets')`. */
export const rule = (verbs: readonly string[], group: string, resources: string, names?: readonly string[]): Rule => ({
  verbs: [...verbs],
  apiGroups: [group],
  resources: resources.split(' '),
  ...(names === undefined ? {} : { resourceNames: [...names] }),
});

/** Every served kind that is `wanted`, without subresources: a rule a group. */
export function everyKind(verbs: readonly string[], wanted: (resource: Resource) => boolean = () => true): Rule[] {
  const plurals = Map.groupBy(allResources.filter(wanted), (r) => r.group);
  return [...plurals].map(([group, list]) => rule(verbs, group, list.map((r) => r.plural).join(' ')));
}

export const EVENTS: readonly Rule[] = [
  rule(['create', 'patch', 'update'], '', 'events'),
  rule(['create', 'patch', 'update'], 'events.k8s.io', 'events'),
];
