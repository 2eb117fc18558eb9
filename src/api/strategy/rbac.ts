// Roles and bindings. Names may be anything that fits a path, such as `system:node`.
import type { FieldError } from '../field-error.ts';
import { invalidValue, notSupported, required } from '../field-error.ts';
import { deepEqual } from '../json.ts';
import { dns1123Subdomain, nameIs, pathSegmentName } from '../names.ts';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../resources.ts';
import type { rbac } from '../types.ts';
import { defineStrategy } from './define-strategy.ts';

const rbacGroup = 'rbac.authorization.k8s.io';

function validateRules(rules: readonly rbac.PolicyRule[], namespaced: boolean): FieldError[] {
  return rules.flatMap((rule, i) => {
    const path = `rules[${i}]`;
    const errors: FieldError[] = [];
    if ((rule.verbs ?? []).length === 0)
      errors.push(required(`${path}.verbs`, 'verbs must contain at least one value'));
    if ((rule.nonResourceURLs ?? []).length > 0) {
      const urls = rule.nonResourceURLs;
      if (namespaced) {
        errors.push(
          invalidValue(`${path}.nonResourceURLs`, urls, 'namespaced rules cannot apply to non-resource URLs'),
        );
      }
      if ((rule.apiGroups ?? []).length + (rule.resources ?? []).length + (rule.resourceNames ?? []).length > 0) {
        errors.push(
          invalidValue(
            `${path}.nonResourceURLs`,
            urls,
            'rules cannot apply to both regular resources and non-resource URLs',
          ),
        );
      }
      return errors;
    }
    if ((rule.apiGroups ?? []).length === 0) {
      errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
    }
    if ((rule.resources ?? []).length === 0) {
      errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
    }
    return errors;
  });
}

type Binding = rbac.RoleBinding | rbac.ClusterRoleBinding;

function bindingDefaults(draft: Binding): void {
  if (draft.roleRef !== undefined && (draft.roleRef.apiGroup ?? '') === '') draft.roleRef.apiGroup = rbacGroup;
  for (const s of draft.subjects ?? []) {
    if ((s.apiGroup ?? '') === '' && (s.kind === 'User' || s.kind === 'Group')) s.apiGroup = rbacGroup;
  }
}

function validateBinding(binding: Binding, kinds: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  const { apiGroup = '', kind = '', name = '' } = (binding.roleRef ?? {}) as Partial<rbac.RoleRef>;
  if (apiGroup !== rbacGroup) errors.push(notSupported('roleRef.apiGroup', apiGroup, [rbacGroup]));
  if (!kinds.includes(kind)) errors.push(notSupported('roleRef.kind', kind, kinds));
  if (name === '') errors.push(required('roleRef.name'));
  else errors.push(...pathSegmentName(name).map((m) => invalidValue('roleRef.name', name, m)));
  (binding.subjects ?? []).forEach((s, i) => errors.push(...validateSubject(s, `subjects[${i}]`)));
  return errors;
}

function validateSubject(subject: rbac.Subject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { kind, name, apiGroup = '', namespace = '' } = subject;
  if (name === '') errors.push(required(`${path}.name`));
  if (kind === 'ServiceAccount') {
    if (name !== '') errors.push(...dns1123Subdomain(name).map((m) => invalidValue(`${path}.name`, name, m)));
    if (apiGroup !== '') errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']));
    if (namespace === '') errors.push(required(`${path}.namespace`));
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== rbacGroup) errors.push(notSupported(`${path}.apiGroup`, apiGroup, [rbacGroup]));
  } else errors.push(notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  return errors;
}

const roleRefIsFixed = (next: Binding, previous: Binding): FieldError[] =>
  deepEqual(next.roleRef, previous.roleRef)
    ? []
    : [invalidValue('roleRef', { go: goRoleRef(next.roleRef) }, 'cannot change roleRef')];

const goRoleRef = (r: rbac.RoleRef): string =>
  `rbac.RoleRef{APIGroup:"${r.apiGroup}", Kind:"${r.kind}", Name:"${r.name}"}`;

const shared = { name: nameIs(pathSegmentName), allowsCreateOnUpdate: true };

export const rbacStrategies = [
  defineStrategy<rbac.Role>({
    resource: roles,
    schema: 'rbac.Role',
    ...shared,
    validate: (r) => validateRules(r.rules ?? [], true),
  }),
  defineStrategy<rbac.ClusterRole>({
    resource: clusterRoles,
    schema: 'rbac.ClusterRole',
    ...shared,
    validate(role) {
      const selectors = role.aggregationRule?.clusterRoleSelectors;
      return [
        ...validateRules(role.rules ?? [], false),
        ...(role.aggregationRule !== undefined && (selectors ?? []).length === 0
          ? [
              required(
                'aggregationRule.clusterRoleSelectors',
                'at least one clusterRoleSelector required if aggregationRule is non-nil',
              ),
            ]
          : []),
      ];
    },
  }),
  defineStrategy<rbac.RoleBinding>({
    resource: roleBindings,
    schema: 'rbac.RoleBinding',
    ...shared,
    applyDefaults(draft) {
      bindingDefaults(draft);
    },
    validate: (b) => validateBinding(b, ['ClusterRole', 'Role']),
    validateUpdate: roleRefIsFixed,
  }),
  defineStrategy<rbac.ClusterRoleBinding>({
    resource: clusterRoleBindings,
    schema: 'rbac.ClusterRoleBinding',
    ...shared,
    applyDefaults(draft) {
      bindingDefaults(draft);
    },
    validate: (b) => validateBinding(b, ['ClusterRole']),
    validateUpdate: roleRefIsFixed,
  }),
];
