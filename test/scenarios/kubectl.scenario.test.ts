// Real kubectl, verb by verb, against a live cluster; and what users meet when they ask for the impossible.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { after, before, test } from 'node:test';

import { loadKubeconfig } from '../../src/client/index.ts';
import { eventually, run, shellManifest, startCluster, webManifest, portico, type Cluster } from './cluster-fixture.ts';
import { fuzzStream } from './stream-fuzz.ts';

let cluster: Cluster;
const k = (...args: string[]) => cluster.kubectl(...args);
const refused = (...args: string[]) => {
  const r = cluster.tryKubectl(...args);
  assert.notEqual(r.status, 0, `kubectl ${args.join(' ')} was accepted: ${r.stdout}`);
  return r.stderr;
};
const apply = (manifest: string) =>
  run('kubectl', ['--kubeconfig', cluster.kubeconfig, 'apply', '-f', '-'], { input: manifest });

before(() => {
  cluster = startCluster('--nodes', '2');
  cluster.apply([webManifest({ name: 'web', replicas: 2 }), shellManifest('shell')].join('---\n'));
  k('rollout', 'status', 'deployment/web', '--timeout=60s');
  k('wait', '--for=condition=Ready', 'pod/shell', '--timeout=60s');
});
after(() => cluster.down());

test('get prints Kubernetes’ columns, wide, YAML, JSON, names and jsonpath', () => {
  assert.match(k('get', 'nodes'), /^NAME +STATUS +ROLES +AGE +VERSION\s/);
  assert.match(k('get', 'pods'), /^NAME +READY +STATUS +RESTARTS +AGE\n(web-\S+ +1\/1 +Running +0 |shell +1\/1)/);
  assert.match(k('get', 'pods', '-o', 'wide'), /AGE +IP +NODE +NOMINATED NODE +READINESS GATES/);
  assert.match(
    k('get', 'services'),
    /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\nkubernetes +ClusterIP +10\.96\.0\.1 +<none> +443\/TCP/,
  );
  assert.match(k('get', 'deployment', 'web'), /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +2\/2 +2 +2 /);
  assert.match(k('get', 'endpointslices'), /^NAME +ADDRESSTYPE +PORTS +ENDPOINTS +AGE/);
  assert.match(k('get', 'service', 'web', '-o', 'yaml'), /^apiVersion: v1\nkind: Service\n/m);
  assert.equal((JSON.parse(k('get', 'service', 'web', '-o', 'json')) as { kind: string }).kind, 'Service');
  assert.equal(k('get', 'service', 'web', '-o', 'name').trim(), 'service/web');
  assert.match(k('get', 'all', '-A'), /deployment\.apps\/kube-dns/);
});

test('get -w shows changes as they come', async () => {
  const watch = cluster.spawnKubectl('get', 'configmaps', '-w', '--no-headers', '-o', 'name');
  let out = '';
  watch.stdout?.setEncoding('utf8').on('data', (t: string) => (out += t));
  await eventually('the list', () => (out.includes('configmap/kube-root-ca.crt') ? true : undefined));
  k('create', 'configmap', 'seen', '--from-literal=a=1');
  await eventually('the event', () => (out.includes('configmap/seen') ? true : undefined));
  watch.kill('SIGTERM');
});

test('describe tells the story of a Deployment, a Service, a pod and a node', () => {
  assert.match(
    k('describe', 'deployment', 'web'),
    /Replicas: +2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable/,
  );
  assert.match(k('describe', 'service', 'web'), /Endpoints: +10\.244\.\d+\.\d+:80,10\.244\.\d+\.\d+:80/);
  assert.match(
    k('describe', 'pod', 'shell'),
    /Normal +Started +\S+ +kubelet +(?:spec\.containers\{shell\}: )?Started container shell/,
  );
  assert.match(k('describe', 'node', 'node-1'), /Ready +True/);
});

test('create, label, annotate, set image, expose, scale, edit by patch, delete', async () => {
  k('create', 'deployment', 'made', '--image=portico/web', '--replicas=1');
  k('rollout', 'status', 'deployment/made', '--timeout=60s');
  k('label', 'deployment', 'made', 'tier=front');
  k('annotate', 'deployment', 'made', 'note=hello');
  assert.equal(k('get', 'deployments', '-l', 'tier=front', '-o', 'name').trim(), 'deployment.apps/made');
  k('expose', 'deployment', 'made', '--port=8080', '--target-port=80');
  await eventually('the Service', () => {
    const r = cluster.tryExec('shell', 'curl -sS --max-time 2 http://made:8080/hostname');
    return r.stdout.startsWith('made-') ? true : undefined;
  });
  k('scale', 'deployment', 'made', '--replicas=2');
  k('set', 'image', 'deployment/made', 'web=portico/shell');
  k('rollout', 'status', 'deployment/made', '--timeout=60s');
  assert.equal(
    k('get', 'deployment', 'made', '-o', 'jsonpath={.spec.template.spec.containers[0].image}'),
    'portico/shell',
  );
  k('patch', 'service', 'made', '-p', '{"spec":{"sessionAffinity":"ClientIP"}}');
  assert.equal(
    k('get', 'service', 'made', '-o', 'jsonpath={.spec.sessionAffinityConfig.clientIP.timeoutSeconds}'),
    '10800',
  );
  k('delete', 'deployment,service', 'made');
  await eventually('garbage collection', () =>
    k('get', 'pods', '-l', 'app=made', '-o', 'name') === '' ? true : undefined,
  );
});

test('apply twice changes nothing; apply --server-side and diff work', () => {
  const manifest = webManifest({ name: 'web', replicas: 2 });
  assert.match(apply(manifest).stdout, /deployment\.apps\/web unchanged\nservice\/web unchanged/);
  const cm = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: {a: "1"}\n';
  const ssa = (text: string, ...flags: string[]) =>
    run('kubectl', ['--kubeconfig', cluster.kubeconfig, 'apply', '--server-side', ...flags, '-f', '-'], {
      input: text,
    });
  assert.match(ssa(cm).stdout, /configmap\/ssa serverside-applied/);
  const conflict = ssa(cm.replace('"1"', '"2"'), '--field-manager=other');
  assert.match(conflict.stderr, /conflict with "kubectl": \.data\.a/);
  assert.equal(ssa(cm.replace('"1"', '"2"'), '--field-manager=other', '--force-conflicts').status, 0);
});

test('logs, logs -f, exec with exit codes and input, exec -it with a terminal, cp, port-forward', async () => {
  const pod = k('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[0].metadata.name}');
  cluster.apply(`apiVersion: v1
kind: Pod
metadata: {name: talker}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: portico/shell, command: [sh, -c, 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.2; done']}]
`);
  k('wait', '--for=condition=Ready', 'pod/talker', '--timeout=60s');
  await eventually('log lines', () => (k('logs', 'talker').includes('line 3') ? true : undefined));
  assert.equal(k('logs', 'talker', '--tail=1').trim().split('\n').length, 1);
  const follow = cluster.spawnKubectl('logs', '-f', 'talker', '--tail=1', '--timestamps');
  let out = '';
  follow.stdout?.setEncoding('utf8').on('data', (t: string) => (out += t));
  await eventually('followed lines', () => (out.split('\n').length > 4 ? true : undefined));
  assert.match(out, /^\d{4}-\d\d-\d\dT\S+Z line \d+\n/);
  follow.kill('SIGTERM');

  assert.equal(cluster.tryExec('shell', 'exit 7').status, 7);
  const cat = run('kubectl', ['--kubeconfig', cluster.kubeconfig, 'exec', '-i', 'shell', '--', 'cat'], {
    input: 'a\nb\n',
  });
  assert.equal(cat.stdout, 'a\nb\n');
  const tty = run(
    'script',
    [
      '-qefc',
      `kubectl --kubeconfig ${cluster.kubeconfig} exec -it shell -- sh -c 'tty; stty size; test -t 0 && echo terminal'`,
      '/dev/null',
    ],
    { input: '' },
  );
  assert.match(tty.stdout, /\/dev\/pts\/\d+[\s\S]*terminal/);

  k('exec', 'shell', '--', 'sh', '-c', 'echo copied > /tmp/file');
  const copy = `/tmp/test-${process.pid}-copied`;
  k('cp', 'shell:/tmp/file', copy);
  assert.equal(spawnSync('cat', [copy], { encoding: 'utf8' }).stdout, 'copied\n');
  spawnSync('rm', ['-f', copy]);

  const forward = cluster.spawnKubectl('port-forward', `pod/${pod}`, ':80');
  let said = '';
  forward.stdout?.setEncoding('utf8').on('data', (t: string) => (said += t));
  const port = await eventually('the forwarded port', () => /127\.0\.0\.1:(\d+) ->/.exec(said)?.[1]);
  assert.equal(run('curl', ['-sS', '--max-time', '5', `http://127.0.0.1:${port}/hostname`]).stdout.trim(), pod);
  forward.kill('SIGTERM');
});

test('cluster-info, api-resources, api-versions, version, explain and auth can-i answer', () => {
  assert.match(k('cluster-info'), /control plane[\s\S]*is running at[\s\S]*kube-dns:dns\/proxy/i);
  for (const kind of ['services', 'endpointslices', 'deployments', 'leases']) {
    assert.match(k('api-resources'), new RegExp(`^${kind}\\s`, 'm'));
  }
  assert.match(k('api-versions'), /^discovery\.k8s\.io\/v1$/m);
  assert.match(k('version'), /Server Version: v1\.\d+/);
  assert.match(k('explain', 'service.spec.clusterIP'), /FIELD: clusterIP <string>/);
  assert.equal(k('auth', 'can-i', 'create', 'pods').trim(), 'yes');
  assert.equal(cluster.tryKubectl('auth', 'can-i', 'create', 'pods', '--as=nobody').stdout.trim(), 'no');
});

test('a ClusterIP that is taken, outside the range or changed is refused in Kubernetes’ words', () => {
  const service = (name: string, ip: string) =>
    apply(`apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {clusterIP: ${ip}, ports: [{port: 80}]}\n`);
  assert.match(
    service('taken', '10.96.0.1').stderr,
    /The Service "taken" is invalid: spec\.clusterIPs: Invalid value: \[\]string\{"10\.96\.0\.1"\}: failed to allocate IP 10\.96\.0\.1: provided IP is already allocated/,
  );
  assert.match(
    service('outside', '1.2.3.4').stderr,
    /failed to allocate IP 1\.2\.3\.4: the provided IP \(1\.2\.3\.4\) is not in the valid range|the provided network does not match the current range/,
  );
  assert.equal(service('mine', '10.96.9.9').status, 0);
  assert.match(
    service('mine', '10.96.9.10').stderr,
    /spec\.clusterIPs\[0\]: Invalid value: \[\]string\{"10\.96\.9\.10"\}: may not change once set/,
  );
  k('delete', 'service', 'mine');
  assert.match(refused('create', 'service', 'clusterip', 'Bad_Name', '--tcp=80'), /a DNS-1035 label must consist of/);
  assert.match(refused('get', 'service', 'absent'), /Error from server \(NotFound\): services "absent" not found/);
});

test('an unknown image says what to do; a crashing container backs off', async () => {
  cluster.apply(`apiVersion: v1
kind: Pod
metadata: {name: unknown}
spec: {containers: [{name: c, image: example.com/strange:1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: crash}
spec: {containers: [{name: c, image: portico/shell, command: [sh, -c, 'exit 3']}]}
`);
  const waiting = (pod: string) =>
    k('get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].state.waiting.reason}');
  await eventually('the refusal', () =>
    /^(ErrImagePull|ImagePullBackOff)$/.test(waiting('unknown')) ? true : undefined,
  );
  assert.match(k('describe', 'pod', 'unknown'), /is unknown here[\s\S]*images\.yaml/);
  await eventually('the back-off', () => (waiting('crash') === 'CrashLoopBackOff' ? true : undefined));
  assert.equal(
    k('get', 'pod', 'crash', '-o', 'jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}'),
    '3',
  );
  k('delete', 'pod', 'unknown', 'crash', '--grace-period=0', '--force');
});

test('a pod sees its own resolv.conf, hosts, hostname and service variables, and none of the host’s secrets', () => {
  const sh = (script: string) => cluster.exec('shell', script);
  assert.equal(
    sh('grep -v "^#" /etc/resolv.conf').trim(),
    'nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5',
  );
  assert.match(sh('cat /etc/hosts'), /10\.244\.\d+\.\d+\s+shell/);
  assert.equal(sh('hostname').trim(), 'shell');
  assert.match(sh('env'), /^KUBERNETES_SERVICE_HOST=10\.96\.0\.1$/m);
  assert.equal(sh('ls -A /root | wc -l').trim(), '0');
  assert.equal(sh(`ls -A ${cluster.stateDir} 2>/dev/null | wc -l`).trim(), '0');
  assert.notEqual(cluster.tryExec('shell', 'cat /etc/shadow | grep -q root').status, 0);
  sh('echo mine > /etc/portico-was-here');
  assert.notEqual(spawnSync('ls', ['/etc/portico-was-here']).status, 0, 'the writable layer is private');
  assert.match(sh('ps ax'), /sleep|ps ax/);
  assert.ok(Number(sh('ps ax | wc -l')) < 12, 'its own process tree');
});

test('namespaces isolate and go away with what is in them', async () => {
  k('create', 'namespace', 'other');
  await eventually('the default account', () =>
    cluster.tryKubectl('get', 'serviceaccount', 'default', '-n', 'other').status === 0 ? true : undefined,
  );
  k('create', 'deployment', 'web', '-n', 'other', '--image=portico/web');
  k('rollout', 'status', '-n', 'other', 'deployment/web', '--timeout=60s');
  k('delete', 'namespace', 'other', '--timeout=60s');
  assert.match(refused('get', 'namespace', 'other'), /namespaces "other" not found/);
});

test('without root every command says so in one sentence', () => {
  for (const args of [['up'], ['down'], ['proxy']]) {
    const r = run(
      'setpriv',
      ['--reuid=65534', '--regid=65534', '--clear-groups', portico, ...args, '--state-dir', '/nonexistent'].filter(
        (a, i, all) => args[0] !== 'proxy' || (a !== '--state-dir' && all[i - 1] !== '--state-dir'),
      ),
    );
    assert.notEqual(r.status, 0);
    assert.match(r.stderr, /root is needed/);
    assert.equal(r.stderr.trim().split('\n').length, 1, r.stderr);
  }
});

test('exec, attach and port-forward outlive frames that are no protocol', { timeout: 60_000 }, async (t) => {
  const config = loadKubeconfig(cluster.kubeconfig);
  const pods = '/api/v1/namespaces/default/pods/shell';
  const paths = [
    `${pods}/exec?command=cat&command=-&stdin=true&stdout=true&stderr=true&container=shell`,
    `${pods}/exec?command=sh&command=-c&command=cat%20-&stdin=true&stdout=true&tty=true`,
    `${pods}/attach?stdin=true&stdout=true&container=shell`,
    `${pods}/portforward?ports=80`,
  ];
  const agents = ['agent-node-1', 'agent-node-2', 'server'].map((name) => cluster.pid(name));
  const statuses = new Map<string, number>();
  const until = performance.now() + 6000;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let i = 0; performance.now() < until; i++) {
        const status = await fuzzStream(config, paths[i % paths.length] ?? '');
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }),
  );
  t.diagnostic([...statuses].map(([status, n]) => `${status}: ${n}`).join(', '));
  assert.ok((statuses.get('101') ?? 0) > 20, 'the streams were opened');
  assert.equal(statuses.get('500'), undefined);
  assert.deepEqual(
    ['agent-node-1', 'agent-node-2', 'server'].map((name) => cluster.pid(name)),
    agents,
    'nobody died of it',
  );
  assert.equal(cluster.exec('shell', 'echo fine').trim(), 'fine');
  // What was started for a connection ends with it.
  await eventually('the end of what they started', () =>
    cluster.exec('shell', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "').includes('cat -') ? undefined : true,
  );
});
