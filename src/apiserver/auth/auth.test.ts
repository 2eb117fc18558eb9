import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../clock/index.ts';
import { generateServiceAccountKey } from '../../pki/index.ts';
import { startTestServer, type Loose, type TestServer } from '../testing/test-server.ts';
import type { User } from '../contract.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const DEFAULT = '/api/v1/namespaces/default';
const as = (name: string, ...groups: string[]): { user: User } => ({
  user: { name, groups: [...groups, 'system:authenticated'] },
});
const anonymous = { user: { name: 'system:anonymous', groups: ['system:unauthenticated'] } };

async function bindRole(server: TestServer, user: string, rules: object[], namespace = 'default') {
  await server.ok('POST', `${RBAC}/namespaces/${namespace}/roles`, { metadata: { name: `for-${user}` }, rules });
  await server.ok('POST', `${RBAC}/namespaces/${namespace}/rolebindings`, {
    metadata: { name: `for-${user}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: `for-${user}` },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
  });
}

void describe('RBAC', () => {
  void it('refuses by default, in the words that people search for', async () => {
    await using server = await startTestServer();
    const no = await server.call('GET', `${DEFAULT}/pods`, undefined, as('jane'));
    assert.equal(no.status, 403);
    assert.equal(
      no.body.message,
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    );
    const deploy = await server.call('GET', '/apis/apps/v1/deployments', undefined, as('jane'));
    assert.equal(
      deploy.body.message,
      'deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope',
    );
  });

  void it('allows exactly what is bound, from the moment it is bound until it is not', async () => {
    await using server = await startTestServer();
    await bindRole(server, 'jane', [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'create'] }]);
    const made = await server.call('POST', `${DEFAULT}/configmaps`, { metadata: { name: 'a' } }, as('jane'));
    assert.equal(made.status, 201);
    assert.equal((await server.call('GET', `${DEFAULT}/configmaps/a`, undefined, as('jane'))).status, 200);
    assert.equal((await server.call('DELETE', `${DEFAULT}/configmaps/a`, undefined, as('jane'))).status, 403);
    assert.equal((await server.call('GET', '/api/v1/configmaps', undefined, as('jane'))).status, 403);
    assert.equal((await server.call('GET', `${DEFAULT}/configmaps/a`, undefined, as('joe'))).status, 403);
    await server.ok('DELETE', `${RBAC}/namespaces/default/rolebindings/for-jane`);
    await new Promise(setImmediate);
    assert.equal((await server.call('GET', `${DEFAULT}/configmaps/a`, undefined, as('jane'))).status, 403);
  });

  void it('lets anonymous see health and version, and nothing else', async () => {
    await using server = await startTestServer();
    for (const path of ['/version', '/healthz', '/livez', '/readyz']) {
      assert.equal((await server.call('GET', path, undefined, anonymous)).status, 200, path);
    }
    for (const path of ['/api', '/api/v1/namespaces', '/metrics', '/openapi/v3']) {
      assert.equal((await server.call('GET', path, undefined, anonymous)).status, 403, path);
    }
  });

  void it('keeps people from granting what they do not hold', async () => {
    await using server = await startTestServer();
    const rbac = { apiGroups: ['rbac.authorization.k8s.io'], resources: ['*'], verbs: ['get', 'create', 'update'] };
    await bindRole(server, 'jane', [rbac, { apiGroups: [''], resources: ['pods'], verbs: ['get'] }]);
    const role = (verbs: string[]) => ({
      metadata: { generateName: 'r-' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs }],
    });
    assert.equal(
      (await server.call('POST', `${RBAC}/namespaces/default/roles`, role(['get']), as('jane'))).status,
      201,
    );
    const more = await server.call('POST', `${RBAC}/namespaces/default/roles`, role(['delete']), as('jane'));
    assert.equal(more.status, 403);
    assert.match(
      more.body.message,
      /attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["pods"\], Verbs:\["delete"\]\}/,
    );
    const binding = {
      metadata: { name: 'up' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }],
    };
    assert.equal(
      (await server.call('POST', `${RBAC}/namespaces/default/rolebindings`, binding, as('jane'))).status,
      403,
    );
  });

  void it('fills aggregated roles from their parts', async () => {
    await using server = await startTestServer();
    const verbsOn = async (role: string, resource: string) =>
      (await server.ok('GET', `${RBAC}/clusterroles/${role}`)).rules
        .filter((r: Loose) => r.resources?.includes(resource))
        .flatMap((r: Loose) => r.verbs);
    assert.ok((await verbsOn('admin', 'configmaps')).includes('get'));
    assert.ok((await verbsOn('admin', 'rolebindings')).includes('create'));
    assert.ok(!(await verbsOn('view', 'configmaps')).includes('create'));
    assert.deepEqual(await verbsOn('view', 'secrets'), []);
  });
});

void describe('node agents', () => {
  const agent = as('system:node:n1', 'system:nodes');

  async function withPods(): Promise<TestServer> {
    const server = await startTestServer();
    await server.ok('POST', `${DEFAULT}/serviceaccounts`, { metadata: { name: 'default' } });
    for (const [name, node] of [
      ['mine', 'n1'],
      ['other', 'n2'],
    ] as const) {
      await server.ok('POST', '/api/v1/nodes', { metadata: { name: node } });
      await server.ok('POST', `${DEFAULT}/secrets`, { metadata: { name: `${name}-secret` } });
      await server.ok('POST', `${DEFAULT}/pods`, {
        metadata: { name },
        spec: {
          nodeName: node,
          containers: [{ name: 'c', image: 'i' }],
          volumes: [{ name: 'v', secret: { secretName: `${name}-secret` } }],
        },
      });
    }
    return server;
  }

  void it('write the status of their own node and pods only', async () => {
    await using server = await withPods();
    const patch = (path: string, body: object) =>
      server.call('PATCH', path, body, { ...agent, headers: { 'content-type': 'application/merge-patch+json' } });
    const status = { status: { phase: 'Running' } };
    assert.equal((await patch(`${DEFAULT}/pods/mine/status`, status)).status, 200);
    const other = await patch(`${DEFAULT}/pods/other/status`, status);
    assert.equal(other.status, 403);
    assert.match(other.body.message, /can only update pod status for pods with spec.nodeName set to itself/);
    assert.equal((await patch('/api/v1/nodes/n1/status', { status: {} })).status, 200);
    assert.equal((await patch('/api/v1/nodes/n2/status', { status: {} })).status, 403);
    assert.equal((await patch('/api/v1/nodes/n1', { spec: { taints: null } })).status, 403);
  });

  void it('are held to their own by every verb, and choose neither what steers pods nor what they may read', async () => {
    await using server = await withPods();
    const merge = { ...agent, headers: { 'content-type': 'application/merge-patch+json' } };
    const mirror = (spec: object, name = 'static') => ({
      metadata: { name, annotations: { 'kubernetes.io/config.mirror': 'x' } },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }], ...spec },
    });
    const label = (name: string) => ({ metadata: { labels: { [name]: 'x' } } });
    const lease = (name: string) => ({ metadata: { name }, spec: { holderIdentity: name } });
    const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    const cases: readonly (readonly [method: string, path: string, body: object | undefined, status: number, says?: RegExp])[] = [
      ['POST', '/api/v1/nodes', { metadata: { name: 'n3' } }, 403, /node "n1" is not allowed to modify node "n3"/],
      ['PATCH', '/api/v1/nodes/n2', label('a'), 403, /not allowed to modify node "n2"/],
      ['DELETE', '/api/v1/nodes/n2', undefined, 403, /not allowed to modify node "n2"/],
      ['PATCH', '/api/v1/nodes/n1', label('example.com/rack'), 200],
      ['PATCH', '/api/v1/nodes/n1', label('topology.kubernetes.io/zone'), 200],
      ['PATCH', '/api/v1/nodes/n1', label('own.node.kubernetes.io/x'), 200],
      ['PATCH', '/api/v1/nodes/n1', label('node-role.kubernetes.io/control-plane'), 403, /is not allowed to modify labels: node-role\.kubernetes\.io\/control-plane/],
      ['PATCH', '/api/v1/nodes/n1', label('node-restriction.kubernetes.io/secure'), 403, /modify labels: node-restriction/],
      ['PATCH', '/api/v1/nodes/n1/status', label('x.k8s.io/y'), 403, /modify labels: x\.k8s\.io\/y/],
      ['POST', `${DEFAULT}/pods`, { ...mirror({}), metadata: { name: 'plain' } }, 403, /can only create mirror pods/],
      ['POST', `${DEFAULT}/pods`, mirror({ nodeName: 'n2' }), 403, /can only create pods with spec\.nodeName set to itself/],
      ['POST', `${DEFAULT}/pods`, mirror({ volumes: [{ name: 'v', secret: { secretName: 'other-secret' } }] }), 403, /node "n1" can not create pods that reference secrets/],
      ['POST', `${DEFAULT}/pods`, mirror({ imagePullSecrets: [{ name: 'other-secret' }] }), 403, /reference secrets/],
      ['POST', `${DEFAULT}/pods`, mirror({ volumes: [{ name: 'v', configMap: { name: 'c' } }] }), 403, /reference configmaps/],
      ['POST', `${DEFAULT}/pods`, mirror({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] }), 403, /reference persistentvolumeclaims/],
      ['POST', `${DEFAULT}/pods`, mirror({ serviceAccountName: 'default' }), 403, /reference a service account/],
      ['POST', `${DEFAULT}/pods`, mirror({}), 201],
      ['PATCH', `${DEFAULT}/pods/mine`, label('a'), 403],
      ['PUT', `${DEFAULT}/pods/mine`, mirror({}, 'mine'), 403],
      ['DELETE', `${DEFAULT}/pods/other`, undefined, 403, /can only delete pods with spec\.nodeName set to itself/],
      ['DELETE', `${DEFAULT}/pods`, undefined, 403],
      ['POST', LEASES, lease('n1'), 201],
      ['POST', LEASES, lease('n2'), 403, /can only access node lease with the same name as the requesting node/],
      ['PATCH', `${LEASES}/n1`, { spec: { leaseDurationSeconds: 9 } }, 200],
      ['POST', `${DEFAULT}/secrets`, { metadata: { name: 's' } }, 403],
      ['PATCH', `${DEFAULT}/secrets/mine-secret`, label('a'), 403],
      ['DELETE', `${DEFAULT}/secrets/mine-secret`, undefined, 403],
      ['GET', '/api/v1/secrets?watch=true', undefined, 403],
    ]; // prettier-ignore
    for (const [method, path, body, status, says = /./] of cases) {
      const answer = await server.call(method, path, body, method === 'PATCH' ? merge : agent);
      assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(body)}: ${answer.body.message}`);
      if (status === 403) assert.match(answer.body.message, says);
    }
  });

  void it('read secrets of their own pods only', async () => {
    await using server = await withPods();
    assert.equal((await server.call('GET', `${DEFAULT}/secrets/mine-secret`, undefined, agent)).status, 200);
    const other = await server.call('GET', `${DEFAULT}/secrets/other-secret`, undefined, agent);
    assert.equal(other.status, 403);
    assert.match(other.body.message, /no relationship found between node 'n1' and this object/);
    assert.equal((await server.call('GET', `${DEFAULT}/secrets`, undefined, agent)).status, 403);
  });

  void it('get tokens only for pods that run on them', async () => {
    await using server = await withPods();
    const ask = async (pod: string) => {
      const { metadata } = await server.ok('GET', `${DEFAULT}/pods/${pod}`);
      const spec = { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: pod, uid: metadata.uid } };
      return server.call('POST', `${DEFAULT}/serviceaccounts/default/token`, { spec }, agent);
    };
    assert.equal((await ask('mine')).status, 201);
    assert.equal((await ask('other')).status, 403);
    assert.equal(
      (await server.call('POST', `${DEFAULT}/serviceaccounts/default/token`, { spec: {} }, agent)).status,
      403,
    );
  });
});

void describe('reviews and impersonation', () => {
  void it('answer who one is and what one may', async () => {
    await using server = await startTestServer();
    const who = await server.ok('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, as('jane', 'devs'));
    assert.deepEqual(who.status.userInfo, { username: 'jane', groups: ['devs', 'system:authenticated'] });
    await bindRole(server, 'jane', [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }]);
    const may = async (verb: string) => {
      const spec = { resourceAttributes: { namespace: 'default', verb, resource: 'pods' } };
      const review = await server.ok(
        'POST',
        '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        { spec },
        as('jane'),
      );
      return review.status.allowed;
    };
    assert.equal(await may('get'), true);
    assert.equal(await may('delete'), false);
  });

  void it('act as another only when that is allowed', async () => {
    await using server = await startTestServer();
    const headers = { 'impersonate-user': 'jane', 'impersonate-group': 'devs' };
    const admin = await server.ok('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, { headers });
    assert.equal(admin.status.userInfo.username, 'jane');
    assert.deepEqual(admin.status.userInfo.groups, ['devs', 'system:authenticated']);
    const other = await server.call('GET', '/version', undefined, { ...as('joe'), headers });
    assert.equal(other.status, 403);
    assert.match(other.body.message, /cannot impersonate resource "users"/);
  });
});

void describe('service account tokens', () => {
  const key = generateServiceAccountKey().privateKeyPem;
  const subject = { namespace: 'default', name: 'a', uid: 'u1' };

  void it('are verified by signature, issuer and time', () => {
    const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
    const tokens = new ServiceAccountTokens(key, 'https://issuer', clock);
    const { token } = tokens.issue(subject, ['api'], 600);
    assert.deepEqual(tokens.verify(token)?.subject, subject);
    const [head, payload, signature] = token.split('.');
    const forged = Buffer.from(
      JSON.stringify({ ...JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()), sub: 'x' }),
    );
    assert.equal(tokens.verify(`${head}.${forged.toString('base64url')}.${signature}`), undefined);
    assert.equal(tokens.verify('a.b.c'), undefined);
    assert.equal(new ServiceAccountTokens(key, 'https://other', clock).verify(token), undefined);
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
    assert.equal(tokens.verify(unsigned), undefined);
    clock.advance(601_000);
    assert.equal(tokens.verify(token), undefined);
  });

  void it('name the user, and die with the pod and the account they are bound to', async () => {
    await using server = await startTestServer();
    const account = `${DEFAULT}/serviceaccounts/default`;
    await server.ok('POST', `${DEFAULT}/serviceaccounts`, { metadata: { name: 'default' } });
    await server.ok('POST', `${DEFAULT}/pods`, {
      metadata: { name: 'p' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    const spec = { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p' } };
    const { status } = await server.ok('POST', `${account}/token`, { spec });
    const review = async () =>
      (await server.ok('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: status.token } }))
        .status;
    const alive = await review();
    assert.equal(alive.authenticated, true);
    assert.equal(alive.user.username, 'system:serviceaccount:default:default');
    assert.ok(alive.user.groups.includes('system:serviceaccounts:default'));
    await server.ok('DELETE', `${DEFAULT}/pods/p`, { gracePeriodSeconds: 0 });
    assert.equal((await review()).authenticated, undefined);
    const short = await server.call('POST', `${account}/token`, { spec: { expirationSeconds: 60 } });
    assert.equal(short.status, 422);
    assert.match(short.body.message, /may not specify a duration less than 10 minutes/);
  });
});

void it('knows the roles of its own parts at the moment it is ready', async () => {
  await using server = await startTestServer();
  const user = { name: 'system:addons', groups: ['system:authenticated'] };
  const make = (namespace: string) =>
    server.call('POST', `/api/v1/namespaces/${namespace}/configmaps`, { metadata: { name: 'a' } }, { user });
  assert.equal((await make('kube-system')).status, 201);
  assert.equal((await make('default')).status, 403);
});
