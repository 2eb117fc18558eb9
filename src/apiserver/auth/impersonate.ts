// Impersonation headers: ask as somebody else, if one may.
import { badRequest } from '../../api/index.ts';
import type { User } from '../contract.ts';
import type { Attributes } from './attributes.ts';

export interface Impersonation {
  readonly user: User;
  /** Everything the real user must be allowed to do first. */
  readonly checks: readonly Attributes[];
}

/** Undefined when the request does not ask for it. @throws StatusError 400 */
export function impersonationOf(
  headers: Readonly<Record<string, string | undefined>>,
  actor: User,
): Impersonation | undefined {
  const name = headers['impersonate-user'] ?? '';
  const groups = (headers['impersonate-group'] ?? '')
    .split(',')
    .map((g) => g.trim())
    .filter((g) => g !== '');
  const uid = headers['impersonate-uid'] ?? '';
  const extra: Record<string, string[]> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith('impersonate-extra-') || value === undefined) continue;
    extra[decodeURIComponent(header.slice('impersonate-extra-'.length))] = value.split(',').map((v) => v.trim());
  }
  const anything = groups.length > 0 || uid !== '' || Object.keys(extra).length > 0;
  if (name === '') {
    if (anything) throw badRequest('requested impersonation without impersonating a user');
    return undefined;
  }
  const check = (resource: string, what: string, more: Partial<Attributes> = {}): Attributes => ({
    user: actor,
    verb: 'impersonate',
    group: '',
    version: 'v1',
    namespace: '',
    resource,
    subresource: '',
    name: what,
    path: '',
    ...more,
  });
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  const checks =
    account === null
      ? [check('users', name)]
      : [check('serviceaccounts', account[2] ?? '', { namespace: account[1] ?? '' })];
  for (const group of groups) checks.push(check('groups', group));
  const authentication = { group: 'authentication.k8s.io' };
  if (uid !== '') checks.push(check('uids', uid, authentication));
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) checks.push(check('userextras', value, { ...authentication, subresource: key }));
  }
  const own = account === null ? [] : ['system:serviceaccounts', `system:serviceaccounts:${account[1] ?? ''}`];
  const all = groups.length > 0 ? groups : own;
  const unauthenticated = name === 'system:anonymous' || all.includes('system:unauthenticated');
  const closing = unauthenticated ? 'system:unauthenticated' : 'system:authenticated';
  return {
    user: {
      name,
      groups: all.includes(closing) ? all : [...all, closing],
      ...(uid === '' ? {} : { uid }),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    },
    checks,
  };
}
