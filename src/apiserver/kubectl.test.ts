// Unmodified kubectl of every version on this machine against this server, over TLS: one script of what people do.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { findKubectls, kubectl, type Kubectl } from './testing/kubectl.ts';
import { listenTls, startTestServer, type TestServer, type TlsTestServer } from './testing/test-server.ts';

// The oldest and the newest behave most differently; KUBECTL_VERSIONS=all runs every one.
const all = [...findKubectls()];
const versions =
  process.env['KUBECTL_VERSIONS'] === 'all' ? all : all.filter((_, i) => i === 0 || i === all.length - 1);
const skip = versions.length === 0 ? 'there is no kubectl on PATH' : false;

const SERVICE = (port: number) => `
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: ${port}}]
`;

/** Rows of a table without the columns that differ from run to run. */
const columns = (text: string, ...keep: number[]) =>
  text
    .trim()
    .split('\n')
    .map((line) => {
      const cells = line.split(/\s{2,}/);
      return keep.map((i) => cells[i]).join(' ');
    });

async function script(k: Kubectl): Promise<void> {
  // Creation by generator: the newest versions send protobuf.
  assert.equal(await k.ok(['create', 'configmap', 'cm', '--from-literal=a=b']), 'configmap/cm created\n');
  assert.equal(await k.ok(['create', 'sa', 'default']), 'serviceaccount/default created\n');
  assert.equal(
    await k.ok(['create', 'deployment', 'd', '--image=portico/web', '--replicas=3']),
    'deployment.apps/d created\n',
  );
  assert.match(await k.ok(['create', 'token', 'default']), /^eyJ/);

  assert.equal(await k.ok(['create', '-f', '-'], SERVICE(80)), 'service/web created\n');
  const again = await k.run(['create', '-f', '-'], SERVICE(80));
  assert.match(again.stderr, /services "web" already exists/);
  const strict = await k.run(['create', '-f', '-'], SERVICE(80).replace('spec:', 'spec:\n  portz: 1'));
  assert.match(strict.stderr, /unknown field "spec.portz"/);
  const invalid = await k.run(['create', 'service', 'clusterip', 'bad', '--tcp=80:80', '--clusterip=1.2.3.4']);
  assert.match(
    invalid.stderr,
    /Service "bad" is invalid: spec\.clusterIPs: Invalid value: .*1\.2\.3\.4.*is not in the valid range/,
  );

  const table = await k.ok(['get', 'svc']);
  assert.deepEqual(columns(table, 0, 1, 3, 4), ['NAME TYPE EXTERNAL-IP PORT(S)', 'web ClusterIP <none> 80/TCP']);
  assert.deepEqual(columns(await k.ok(['get', 'deploy', '-o', 'wide']), 0, 1, 5, 6, 7), [
    'NAME READY CONTAINERS IMAGES SELECTOR',
    'd 0/3 web portico/web app=d',
  ]);
  assert.equal(await k.ok(['get', 'svc', 'web', '-o', 'jsonpath={.spec.ports[0].targetPort}']), '80');
  assert.equal(await k.ok(['get', 'cm,svc', '-o', 'name']), 'configmap/cm\nservice/web\n');
  assert.match(await k.ok(['get', 'svc', 'web', '-o', 'yaml']), /internalTrafficPolicy: Cluster/);
  assert.match(await k.ok(['describe', 'svc', 'web']), /Type:\s+ClusterIP/);

  // Client-side apply computes its patch from our OpenAPI.
  const apply = (text: string, ...args: string[]) => k.ok(['apply', '-f', '-', ...args], text);
  await k.ok(['delete', 'svc', 'web']);
  assert.equal(await apply(SERVICE(80)), 'service/web created\n');
  assert.equal(await apply(SERVICE(80)), 'service/web unchanged\n');
  assert.equal(await apply(SERVICE(81)), 'service/web configured\n');
  assert.equal(await k.ok(['get', 'svc', 'web', '-o', 'jsonpath={.spec.ports[*].port}']), '81');
  const diff = await k.run(['diff', '-f', '-'], SERVICE(82));
  assert.equal(diff.code, 1);
  assert.match(diff.stdout, /\+\s+- port: 82/);
  assert.equal(await k.ok(['replace', '-f', '-'], SERVICE(83)), 'service/web replaced\n');
  const configMap = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: {a: "1"}\n';
  const server = ['apply', '--server-side', '-f', '-'];
  assert.equal(await k.ok([...server, '--field-manager=one'], configMap), 'configmap/ssa serverside-applied\n');
  const conflict = await k.run([...server, '--field-manager=two'], configMap.replace('"1"', '"2"'));
  assert.match(conflict.stderr, /Apply failed with 1 conflict: conflict with "one": \.data\.a/);
  await k.ok([...server, '--field-manager=two', '--force-conflicts'], configMap.replace('"1"', '"2"'));

  assert.equal(await k.ok(['label', 'svc', 'web', 'tier=front']), 'service/web labeled\n');
  assert.match(await k.ok(['annotate', 'svc', 'web', 'x=y']), /^service\/web annotated?\n$/);
  assert.equal(await k.ok(['scale', 'deploy', 'd', '--replicas=5']), 'deployment.apps/d scaled\n');
  assert.equal(await k.ok(['set', 'image', 'deploy/d', 'web=nginx']), 'deployment.apps/d image updated\n');
  assert.equal(await k.ok(['rollout', 'restart', 'deploy', 'd']), 'deployment.apps/d restarted\n');
  assert.equal(await k.ok(['expose', 'deploy', 'd', '--port=80']), 'service/d exposed\n');
  const port = '{"spec":{"ports":[{"port":80,"nodePort":0,"name":"http"}]}}';
  assert.equal(await k.ok(['patch', 'svc', 'd', '-p', port]), 'service/d patched\n');
  const remove = '[{"op":"remove","path":"/metadata/labels/tier"}]';
  assert.equal(await k.ok(['patch', 'svc', 'web', '--type=json', '-p', remove]), 'service/web patched\n');
  assert.match(await k.ok(['explain', 'service.spec.clusterIP']), /FIELD: +clusterIP/);
  assert.match(await k.ok(['api-resources']), /endpointslices +discovery\.k8s\.io\/v1 +true +EndpointSlice/);
  assert.equal(await k.ok(['auth', 'can-i', 'create', 'pods']), 'yes\n');
  assert.match(await k.ok(['cluster-info']), /is running at/);

  assert.equal(await k.ok(['run', 'p', '--image=portico/web']), 'pod/p created\n');
  assert.deepEqual(columns(await k.ok(['get', 'pods']), 0, 1, 2, 3), ['NAME READY STATUS RESTARTS', 'p 0/1 Pending 0']);
  assert.match(await k.ok(['delete', 'pod', 'p', '--now']), /^pod "p" deleted/);
  assert.match(await k.ok(['delete', 'svc', '--all']), /service "web" deleted/);
  assert.equal((await k.run(['get', 'svc', 'web'])).stderr, 'Error from server (NotFound): services "web" not found\n');
}

void describe('kubectl', { skip, concurrency: 2 }, () => {
  let server: TestServer;
  let tls: TlsTestServer;
  before(async () => {
    server = await startTestServer();
    tls = await listenTls(server);
  });
  after(async () => server[Symbol.asyncDispose]());

  for (const [version, binary] of versions) {
    void it(`${version} does what people ask of it`, async () => {
      const namespace = `v${version.replace('.', '-')}`;
      using k = kubectl(binary, tls.kubeconfig('admin', ['system:masters']), namespace);
      await k.ok(['create', 'namespace', namespace]);
      await script(k);
    });
  }
});
