// Types of rbac.authorization.k8s.io/v1. The notation is explained in schema.ts.
export const rbacTypes = `
kind Role | Permissions within one namespace.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 rules []PolicyRule atomic | The rules, all of them together.
type PolicyRule | What may be done with what.
  1 verbs []string required atomic | What may be done: get, list, watch, create, update, patch, delete, or * for all.
  2 apiGroups []string atomic | API groups; empty text is core, * is all.
  3 resources []string atomic | Plural names, with /subresource where meant; * is all.
  4 resourceNames []string atomic | Only objects of these names; absent means all.
  5 nonResourceURLs []string atomic | Paths that are no resources, such as /healthz.
kind RoleBinding | Gives a role to users, in one namespace.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 subjects []Subject atomic | Users, groups and service accounts.
  3 roleRef RoleRef embedded required | The role that is granted; it can never change.
type Subject atomic | A user, a group or a service account.
  1 kind string required | User, Group or ServiceAccount.
  2 apiGroup string | API group of the object meant; empty for core.
  3 name string required | Name, unique among its like.
  4 namespace string | Namespace of the object meant.
type RoleRef atomic | The role that is granted.
  1 apiGroup string | API group of the object meant; empty for core.
  2 kind string required | Role or ClusterRole.
  3 name string required | Name, unique among its like.
kind ClusterRole | Permissions in all namespaces and on cluster-wide kinds.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 rules []PolicyRule atomic | The rules, all of them together.
  3 aggregationRule AggregationRule | Takes the rules of other roles together.
type AggregationRule
  1 clusterRoleSelectors []meta.LabelSelector atomic
kind ClusterRoleBinding | Gives a role to users, everywhere.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 subjects []Subject atomic | Users, groups and service accounts.
  3 roleRef RoleRef embedded required | The role that is granted; it can never change.
`;
