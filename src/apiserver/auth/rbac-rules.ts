// Does a rule allow this? Pure.
import type { Attributes } from './attributes.ts';
import type { Rule } from './rbac-index.ts';

const has = (list: readonly string[] | undefined, item: string): boolean =>
  list !== undefined && (list.includes(item) || list.includes('*'));

export function ruleAllows(rule: Rule, a: Attributes): boolean {
  if (!has(rule.verbs, a.verb)) return false;
  if (a.resource === '') return (rule.nonResourceURLs ?? []).some((url) => pathMatches(url, a.path));
  if (!has(rule.apiGroups, a.group)) return false;
  if (!resourceMatches(rule.resources ?? [], a.resource, a.subresource)) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || names.includes(a.name);
}

function resourceMatches(resources: readonly string[], resource: string, subresource: string): boolean {
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  return resources.some((r) => r === '*' || r === whole || (subresource !== '' && r === `*/${subresource}`));
}

function pathMatches(url: string, path: string): boolean {
  return url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1)));
}

/** Splits a rule into single permissions, to ask one by one whether somebody holds them. */
export function* permissionsOf(rule: Rule): Generator<Rule> {
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) yield { verbs: [verb], nonResourceURLs: [url] };
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const names = rule.resourceNames ?? [];
        if (names.length === 0) yield { verbs: [verb], apiGroups: [group], resources: [resource] };
        for (const name of names) {
          yield { verbs: [verb], apiGroups: [group], resources: [resource], resourceNames: [name] };
        }
      }
    }
  }
}

/** Does the held rule cover a single permission? */
export function ruleCovers(held: Rule, one: Rule): boolean {
  const first = (list: readonly string[] | undefined) => list?.[0] ?? '';
  if (!has(held.verbs, first(one.verbs))) return false;
  if (one.nonResourceURLs !== undefined) {
    return (held.nonResourceURLs ?? []).some((url) => pathMatches(url, first(one.nonResourceURLs)));
  }
  if (!has(held.apiGroups, first(one.apiGroups))) return false;
  const [resource = '', subresource = ''] = first(one.resources).split('/');
  if (!resourceMatches(held.resources ?? [], resource, subresource)) return false;
  const names = held.resourceNames ?? [];
  return names.length === 0 || (one.resourceNames !== undefined && names.includes(first(one.resourceNames)));
}
