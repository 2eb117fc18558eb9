// Who may do what, in full: every identity the server knows from its first start, against every kind and verb.
// UPDATE_GOLDEN=1 writes testdata/authorization.txt anew; read its diff.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { it } from 'node:test';
import { CONTROLLER_RULES, CONTROLLER_SYSTEM_RULES } from '../bootstrap/controller-roles.ts';
import { servedResources } from '../discovery/served-resources.ts';
import { startTestServer } from '../testing/test-server.ts';

const GOLDEN = join(import.meta.dirname, 'testdata', 'authorization.txt');
const REVIEW = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

const identities: readonly (readonly [title: string, user: string, ...groups: string[]])[] = [
  ['nobody', 'system:anonymous', 'system:unauthenticated'],
  ['somebody', 'jane', 'system:authenticated'],
  ['view in default', 'viewer', 'system:authenticated'],
  ['edit in default', 'editor', 'system:authenticated'],
  ['admin in default', 'owner', 'system:authenticated'],
  ['node agent', 'system:node:n1', 'system:nodes', 'system:authenticated'],
  ['proxy', 'system:kube-proxy', 'system:authenticated'],
  ['DNS', 'system:coredns', 'system:authenticated'],
  ['pod routes', 'system:pod-routes', 'system:authenticated'],
  ['add-ons', 'system:addons', 'system:authenticated'],
  ['cluster DNS', 'system:serviceaccount:kube-system:kube-dns', 'system:serviceaccounts', 'system:authenticated'],
  ['scheduler', 'system:kube-scheduler', 'system:authenticated'],
  ['informers of the controllers', 'system:kube-controller-manager', 'system:authenticated'],
  ...Object.keys({ ...CONTROLLER_RULES, ...CONTROLLER_SYSTEM_RULES }).map(
    (name) =>
      [name, `system:serviceaccount:kube-system:${name}`, 'system:serviceaccounts', 'system:authenticated'] as const,
  ),
  ['administrator', 'root', 'system:masters'],
];

void it('gives each identity exactly its permissions', async () => {
  await using server = await startTestServer();
  for (const [role, name] of [
    ['view', 'viewer'],
    ['edit', 'editor'],
    ['admin', 'owner'],
  ] as const) {
    await server.ok('POST', `${RBAC}/namespaces/default/rolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'User', name, apiGroup: 'rbac.authorization.k8s.io' }],
    });
  }
  const may = async (user: string, groups: string[], resourceAttributes: object): Promise<boolean> =>
    (await server.ok('POST', REVIEW, { spec: { user, groups, resourceAttributes } })).status.allowed;

  const lines: string[] = [];
  for (const [title, user, ...groups] of identities) {
    lines.push(`# ${title}`);
    for (const { resource, verbs, subresources } of servedResources) {
      const { group, plural, namespaced } = resource;
      const targets = [
        { text: plural, subresource: '', verbs },
        ...[...subresources.values()].map((s) => ({
          text: `${plural}/${s.name}`,
          subresource: s.name,
          verbs: s.verbs,
        })),
      ];
      for (const target of targets) {
        const allowed: string[] = [];
        const system: string[] = [];
        for (const verb of target.verbs) {
          const ask = { group, resource: plural, subresource: target.subresource, verb };
          const inside = await may(user, groups, { ...ask, ...(namespaced ? { namespace: 'default' } : {}) });
          const own = { ...ask, namespace: 'kube-system' };
          if (inside) allowed.push(verb);
          // Some of the server's parts may do a thing where the system lives, and nowhere else.
          else if (namespaced && (await may(user, groups, own))) system.push(verb);
          // What one may do in every namespace one must be able to do in this one.
          else
            assert.equal(
              await may(user, groups, ask),
              false,
              `${title} may ${verb} ${plural} everywhere but not in default`,
            );
        }
        const all = allowed.length === target.verbs.length && allowed.length > 1;
        const name = group === '' ? target.text : `${target.text} (${group})`;
        if (allowed.length > 0) lines.push(`${name}: ${all ? 'everything' : allowed.join(' ')}`);
        if (system.length > 0) lines.push(`in kube-system ${name}: ${system.join(' ')}`);
      }
    }
    lines.push('');
  }
  const text = lines.join('\n');
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(GOLDEN, text);
  assert.equal(text, readFileSync(GOLDEN, 'utf8'));
});
