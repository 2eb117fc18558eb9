// Types of rbac.authorization.k8s.io/v1. The notation is explained in schema.ts.
export const rbacTypes = `
kind Role
  1 metadata meta.ObjectMeta embedded
  2 rules []PolicyRule atomic
type PolicyRule
  1 verbs []string required atomic
  2 apiGroups []string atomic
  3 resources []string atomic
  4 resourceNames []string atomic
  5 nonResourceURLs []string atomic
kind RoleBinding
  1 metadata meta.ObjectMeta embedded
  2 subjects []Subject atomic
  3 roleRef RoleRef embedded required
type Subject atomic
  1 kind string required
  2 apiGroup string
  3 name string required
  4 namespace string
type RoleRef atomic
  1 apiGroup string
  2 kind string required
  3 name string required
kind ClusterRole
  1 metadata meta.ObjectMeta embedded
  2 rules []PolicyRule atomic
  3 aggregationRule AggregationRule
type AggregationRule
  1 clusterRoleSelectors []meta.LabelSelector atomic
kind ClusterRoleBinding
  1 metadata meta.ObjectMeta embedded
  2 subjects []Subject atomic
  3 roleRef RoleRef embedded required
`;
