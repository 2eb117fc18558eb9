// The table of permissions (src/apiserver/auth/testdata/authorization.txt) against the running server: every identity
// tries every verb of every kind over TLS, with its certificate or token, and is let through or refused as written.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect, type ClientHttp2Session } from 'node:http2';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';

import { ADMIN, startLiveServer, type Identity, type LiveServer } from './live-server.ts';

const TABLE = path.join(import.meta.dirname, '..', '..', 'src', 'apiserver', 'auth', 'testdata', 'authorization.txt');

/** Begins the rows of what an identity may do in that namespace only. */
const IN_SYSTEM = 'in kube-system ';

interface Discovered {
  group: string;
  version: string;
  /** `pods` or `pods/log`. */
  name: string;
  namespaced: boolean;
  verbs: string[];
}

/** Identity → `kind (group)` → verbs. */
function readTable(): Map<string, Map<string, string>> {
  const table = new Map<string, Map<string, string>>();
  for (const section of readFileSync(TABLE, 'utf8').split(/^# /m).slice(1)) {
    const [title = '', ...lines] = section.split('\n');
    const rows = lines.filter((l) => l !== '').map((l) => l.split(': ') as [string, string]);
    table.set(title, new Map(rows));
  }
  return table;
}

/** Requests that change nothing when they are let through, and whose refusal names the verb. */
const REQUESTS: Readonly<Record<string, { method: string; named: boolean; query?: string; body?: object }>> = {
  get: { method: 'GET', named: true },
  list: { method: 'GET', named: false, query: 'limit=1' },
  watch: { method: 'GET', named: false, query: 'watch=true&timeoutSeconds=1' },
  create: { method: 'POST', named: false, query: 'dryRun=All', body: {} },
  update: { method: 'PUT', named: true, query: 'dryRun=All', body: {} },
  patch: { method: 'PATCH', named: true, query: 'dryRun=All', body: {} },
  delete: { method: 'DELETE', named: true, query: 'dryRun=All' },
  deletecollection: { method: 'DELETE', named: false, query: 'dryRun=All&labelSelector=no=such' },
};

void describe('the running server', () => {
  let server: LiveServer;
  let resources: Discovered[];
  const identities = new Map<string, Identity>();

  before(async () => {
    server = await startLiveServer();
    resources = await discover(server);
    const bind = async (name: string, role: string, subject: object) => {
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role };
      const bindings = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings';
      const answer = await server.call('POST', bindings, { metadata: { name }, roleRef, subjects: [subject] });
      assert.equal(answer.status, 201, answer.text);
    };
    const user = (name: string) => ({ kind: 'User', name, apiGroup: 'rbac.authorization.k8s.io' });
    await bind('viewer', 'view', user('viewer'));
    await bind('editor', 'edit', user('editor'));
    await bind('owner', 'admin', user('owner'));
    await bind('robot', 'view', { kind: 'ServiceAccount', name: 'robot', namespace: 'default' });
    const tokenOf = async (namespace: string, name: string): Promise<string> => {
      const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
      await server.call('POST', accounts, { metadata: { name } });
      return (await server.call('POST', `${accounts}/${name}/token`, { spec: {} })).json().status.token;
    };
    const token = await tokenOf('default', 'robot');

    identities.set('nobody', undefined);
    identities.set('somebody', { cn: 'jane' });
    identities.set('view in default', { cn: 'viewer' });
    identities.set('edit in default', { cn: 'editor' });
    identities.set('admin in default', { cn: 'owner' });
    identities.set('node agent', { cn: 'system:node:n1', orgs: ['system:nodes'] });
    identities.set('proxy', { cn: 'system:kube-proxy' });
    identities.set('DNS', { cn: 'system:coredns' });
    identities.set('pod routes', { cn: 'system:pod-routes' });
    identities.set('add-ons', { cn: 'system:addons' });
    identities.set('cluster DNS', { token: await tokenOf('kube-system', 'kube-dns') });
    identities.set('scheduler', { cn: 'system:kube-scheduler' });
    identities.set('informers of the controllers', { cn: 'system:kube-controller-manager' });
    for (const title of table.keys()) {
      if (/-(controller|collector|cleaner|binder)$/.test(title)) {
        identities.set(title, { token: await tokenOf('kube-system', title) });
      }
    }
    identities.set('administrator', ADMIN);
    identities.set('service account', { token });
  });
  after(() => server[Symbol.asyncDispose]());

  const table = readTable();
  // A service account has what its role gives, as a person has.
  table.set('service account', table.get('view in default') ?? new Map());

  for (const [title, rows] of table) {
    void it(`lets ${title} do just what the table says`, { timeout: 60_000 }, async () => {
      assert.ok(identities.has(title), `${title} is in the table and not in this test`);
      const identity = identities.get(title);
      using session = open(server, identity);
      const wrong: string[] = [];
      let allowedCount = 0;
      const tryAll = (namespace: string) =>
        resources.flatMap((resource) =>
          resource.verbs.map(async (verb) => {
            if (namespace !== 'default' && !resource.namespaced) return;
            const row = resource.group === '' ? resource.name : `${resource.name} (${resource.group})`;
            const allowed = (rows.get(row) ?? '').split(' ');
            const inSystem = namespace === 'default' ? [] : (rows.get(`${IN_SYSTEM}${row}`) ?? '').split(' ');
            const expected = allowed.includes('everything') || allowed.includes(verb) || inSystem.includes(verb);
            const actual = await session.mayDo(resource, verb, namespace);
            if (actual !== expected) {
              wrong.push(`${row}: ${verb} in ${namespace} is ${actual ? 'let through' : 'refused'}`);
            }
            if (actual) allowedCount += 1;
          }),
        );
      await Promise.all(tryAll('default'));
      if ([...rows.keys()].some((row) => row.startsWith(IN_SYSTEM))) await Promise.all(tryAll('kube-system'));
      assert.deepEqual(wrong, []);
      assert.equal(allowedCount > 0, rows.size > 0);
    });
  }

  void it('tells nobody anything but that it is well and which version it is', async () => {
    const status = async (target: string) => (await server.call('GET', target, undefined, { as: undefined })).status;
    for (const open of ['/healthz', '/livez', '/readyz', '/readyz?verbose', '/version']) {
      assert.equal(await status(open), 200, open);
    }
    for (const closed of [
      '/',
      '/api',
      '/apis',
      '/api/v1',
      '/metrics',
      '/openapi/v2',
      '/openapi/v3',
      '/openid/v1/jwks',
    ]) {
      assert.equal(await status(closed), 403, closed);
    }
  });

  void it('knows no one by a certificate of another authority or an odd token', async () => {
    const other = await startLiveServer();
    try {
      const stranger = {
        ...server.config(),
        certPem: other.config().certPem ?? '',
        keyPem: other.config().keyPem ?? '',
      };
      const outcome = await new Promise<string>((resolve) => {
        const session = connect(stranger.server, {
          ca: server.ca.certPem,
          cert: stranger.certPem,
          key: stranger.keyPem,
        });
        session.on('error', (e) => resolve(e.message));
        const stream = session.request({ ':path': '/api/v1/pods' });
        stream.on('error', (e) => resolve(e.message));
        stream.on('response', (headers) => resolve(String(headers[':status'])));
        stream.resume().on('close', () => session.destroy());
      });
      assert.notEqual(outcome, '200');
      for (const token of ['', 'x', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.', `${'A'.repeat(5000)}`]) {
        const answer = await server.call('GET', '/api/v1/pods', undefined, { as: { token } });
        assert.equal(answer.status, 401, token.slice(0, 20));
      }
    } finally {
      await other[Symbol.asyncDispose]();
    }
  });
});

async function discover(server: LiveServer): Promise<Discovered[]> {
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const found: Discovered[] = [];
  for (const root of ['/api', '/apis']) {
    const { items } = (await server.call('GET', root, undefined, { headers: { accept } })).json();
    for (const group of items) {
      for (const version of group.versions) {
        for (const r of version.resources) {
          const common = {
            group: group.metadata.name ?? '',
            version: version.version,
            namespaced: r.scope === 'Namespaced',
          };
          if (r.verbs.length > 0) found.push({ ...common, name: r.resource, verbs: r.verbs });
          for (const s of r.subresources ?? []) {
            found.push({ ...common, name: `${r.resource}/${s.subresource}`, verbs: s.verbs });
          }
        }
      }
    }
  }
  assert.ok(found.length > 60, `only ${found.length} resources discovered`);
  return found;
}

function pathOf({ group, version, name, namespaced }: Discovered, named: boolean, namespace: string): string {
  const [plural = '', subresource] = name.split('/');
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespaced ? `/namespaces/${namespace}` : '';
  const object = named || subresource !== undefined ? '/no-such' : '';
  return `${root}${scope}/${plural}${object}${subresource === undefined ? '' : `/${subresource}`}`;
}

interface Session extends Disposable {
  /** False when the server says that this user cannot do it. */
  mayDo(resource: Discovered, verb: string, namespace: string): Promise<boolean>;
}

function open(server: LiveServer, identity: Identity): Session {
  const config = identity === undefined ? undefined : server.config(identity);
  const session: ClientHttp2Session = connect(`https://127.0.0.1:${server.port}`, {
    ca: server.ca.certPem,
    ...(config?.certPem === undefined ? {} : { cert: config.certPem, key: config.keyPem ?? '' }),
  });
  session.setMaxListeners(0);
  const token = identity !== undefined && 'token' in identity ? identity.token : undefined;
  return {
    mayDo(resource, verb, namespace) {
      const how = REQUESTS[verb];
      assert.ok(how !== undefined, verb);
      const query = how.query === undefined ? '' : `?${how.query}`;
      return new Promise((resolve, reject) => {
        const stream = session.request({
          ':method': how.method,
          ':path': `${pathOf(resource, how.named, namespace)}${query}`,
          accept: 'application/json',
          ...(how.body === undefined
            ? {}
            : { 'content-type': how.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        });
        let text = '';
        stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        stream.on('error', reject);
        stream.on('response', (headers) => {
          const status = headers[':status'] ?? 0;
          // A watch that is let through says nothing more that matters here.
          if (verb === 'watch' && status === 200) {
            stream.close();
            return resolve(true);
          }
          stream.on('end', () => {
            if (status === 500 || status === 401)
              return reject(new Error(`${verb} ${resource.name}: ${status} ${text}`));
            // What admission forbids is another matter: there the user may, and the object may not.
            resolve(!(status === 403 && / cannot \w+ (resource|path) /.test(text)));
          });
          return undefined;
        });
        stream.end(how.body === undefined ? undefined : JSON.stringify(how.body));
      });
    },
    [Symbol.dispose]: () => session.destroy(),
  };
}
