// What a pod may rely on: its surroundings, its probes, its restarts, its end. Real processes under real kubectl.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { eventually, must, shellManifest, startCluster, webManifest, type Cluster } from './cluster-fixture.ts';

let cluster: Cluster;
/** Answers every question with one address: the world outside the cluster. */
const upstream = createSocket('udp4');
const OUTSIDE = '192.0.2.55';

/** Header, question, and for type A one answer (RFC 1035 4.1). */
function answer(query: Buffer): Buffer {
  let end = 12;
  while (query[end] !== 0) end += (query[end] ?? 0) + 1;
  end += 5;
  const isA = query.readUInt16BE(end - 4) === 1;
  const reply = Buffer.from(query.subarray(0, end));
  reply.writeUInt16BE(0x8180, 2);
  reply.writeUInt16BE(isA ? 1 : 0, 6);
  reply.writeUInt32BE(0, 8);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...OUTSIDE.split('.').map(Number)]);
  return isA ? Buffer.concat([reply, record]) : reply;
}

before(async () => {
  upstream.on('message', (m, from) => upstream.send(answer(m), from.port, from.address));
  await new Promise<void>((resolve) => upstream.bind(0, '127.0.0.1', resolve));
  cluster = startCluster('--nodes', '2', '--upstream-dns', `127.0.0.1:${upstream.address().port}`);
  cluster.apply([webManifest({ name: 'web', replicas: 2 }), shellManifest('shell')].join('---\n'));
  cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  cluster.kubectl('wait', '--for=condition=Ready', 'pod/shell', '--timeout=60s');
});
after(() => {
  upstream.close();
  cluster.down();
});

/** A pod of one container, as JSON that YAML takes. */
function pod(name: string, container: object, spec: object = {}): string {
  return `${JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'c', image: 'portico/shell', ...container }],
      ...spec,
    },
  })}\n`;
}
const sh = (script: string) => ({ command: ['sh', '-c', script] });
const get = (name: string, jsonpath: string) => cluster.kubectl('get', 'pod', name, '-o', `jsonpath={${jsonpath}}`);
const state = (name: string) => get(name, '.status.containerStatuses[0]');
const delivered = (name: string, jsonpath: string, wanted: RegExp) =>
  eventually(`${name} ${jsonpath} ${wanted}`, () => {
    const text = get(name, jsonpath);
    return wanted.test(text) ? text : undefined;
  });
const slice = (service: string) =>
  cluster.kubectl(
    'get',
    'endpointslices',
    '-l',
    `kubernetes.io/service-name=${service}`,
    '-o',
    'jsonpath={range .items[*].endpoints[*]}{.conditions.ready}/{.conditions.serving}/{.conditions.terminating} {end}',
  );

test('resolver, hosts file, host name and service variables are the pod’s own', () => {
  const seen = cluster.exec(
    'shell',
    'cat /etc/resolv.conf; grep shell /etc/hosts; hostname; echo "$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT"',
  );
  assert.match(seen, /^nameserver 10\.96\.0\.10$/m);
  assert.match(seen, /^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local$/m);
  assert.match(seen, /^options ndots:5$/m);
  assert.match(seen, new RegExp(`^${get('shell', '.status.podIP')}\\s+shell$`, 'm'));
  assert.match(seen, /^shell$/m);
  assert.match(seen, /^10\.96\.0\.1:443$/m);
});

test('the host’s files are below a private layer, its secrets and the state directory are not there', () => {
  const file = `/usr/local/portico-${process.pid}`;
  cluster.exec('shell', `echo mine > ${file}; cat ${file}`);
  assert.equal(existsSync(file), false);
  for (const secret of [cluster.stateDir, '/etc/shadow', '/etc/ssh', '/root/.ssh', '/root/.bashrc']) {
    assert.notEqual(cluster.tryExec('shell', `test -e ${secret}`).status, 0, secret);
  }
  assert.equal(cluster.exec('shell', 'ls -A /root').trim(), '');
  assert.notEqual(cluster.tryExec('shell', 'echo 0 > /proc/sys/kernel/panic').status, 0);
});

test('names outside the cluster are asked of the upstream', async () => {
  // Not by a synchronous command: the upstream answers from this very process.
  const dig = async (...question: string[]) => {
    const child = cluster.spawnKubectl('exec', 'shell', '--', 'dig', ...question);
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await once(child, 'close');
    return text;
  };
  assert.equal((await dig('+short', 'somewhere.example')).trim(), OUTSIDE);
  assert.match(await dig('somewhere.example', 'AAAA'), /status: NOERROR[\s\S]*ANSWER: 0/);
});

test('restart policies: Always backs off, OnFailure stops at success, Never keeps the exit code', async () => {
  cluster.apply(
    [
      pod('always', sh('echo run; exit 3')),
      pod('on-failure', sh('exit 0'), { restartPolicy: 'OnFailure' }),
      pod('never', sh('exit 4'), { restartPolicy: 'Never' }),
    ].join('---\n'),
  );
  await delivered('on-failure', '.status.phase', /^Succeeded$/);
  await delivered('never', '.status.phase', /^Failed$/);
  assert.match(state('never'), /"exitCode":4/);
  assert.match(await delivered('always', '.status.containerStatuses[0]', /CrashLoopBackOff/), /back-off \d+s/);
  assert.match(cluster.kubectl('logs', 'always', '--previous'), /^run$/m);
});

test('probes: liveness restarts, startup holds liveness back, readiness opens and closes the Service', async () => {
  const probe = (command: string, failureThreshold = 1) => ({
    exec: { command: ['sh', '-c', command] },
    periodSeconds: 1,
    timeoutSeconds: 5,
    failureThreshold,
  });
  cluster.apply(
    [
      pod('live-exec', { ...sh('sleep 1000'), livenessProbe: probe('false') }),
      pod('live-tcp', {
        image: 'portico/web',
        livenessProbe: { tcpSocket: { port: 81 }, periodSeconds: 1, failureThreshold: 1 },
      }),
      pod('live-http', {
        image: 'portico/web',
        livenessProbe: { httpGet: { path: '/', port: 82 }, periodSeconds: 1, failureThreshold: 1 },
      }),
      pod('startup', {
        ...sh('sleep 2; touch /up; sleep 1000'),
        startupProbe: probe('test -e /up', 30),
        livenessProbe: probe('test -e /up'),
      }),
      pod('gate', { readinessProbe: probe('test -e /open') }),
      'apiVersion: v1\nkind: Service\nmetadata: {name: gate}\nspec: {selector: {app: gate}, ports: [{port: 80}]}\n',
    ].join('---\n'),
  );
  for (const name of ['live-exec', 'live-tcp', 'live-http']) {
    await delivered(name, '.status.containerStatuses[0].restartCount', /^[1-9]/);
    assert.match(cluster.kubectl('describe', 'pod', name), /Liveness probe failed/);
  }
  await delivered('gate', '.status.phase', /^Running$/);
  await eventually('closed', () => (slice('gate').trim() === 'false/false/false' ? true : undefined));
  cluster.exec('gate', 'touch /open');
  await eventually('open', () => (slice('gate').trim() === 'true/true/false' ? true : undefined));
  cluster.exec('gate', 'rm /open');
  await eventually('closed again', () => (slice('gate').trim() === 'false/false/false' ? true : undefined));
  await delivered('startup', '.status.conditions[?(@.type=="Ready")].status', /^True$/);
  assert.match(state('startup'), /"restartCount":0/);
});

test('a readiness gate holds a pod out of its Service until its condition is true', async () => {
  const gated = pod('gated', {}, { readinessGates: [{ conditionType: 'example.com/open' }] });
  cluster.apply(
    [
      gated,
      'apiVersion: v1\nkind: Service\nmetadata: {name: gated}\nspec: {selector: {app: gated}, ports: [{port: 80}]}\n',
    ].join('---\n'),
  );
  await delivered('gated', '.status.conditions[?(@.type=="ContainersReady")].status', /^True$/);
  assert.equal(
    get('gated', '.status.conditions[?(@.type=="Ready")].message'),
    'corresponding condition of pod readiness gate "example.com/open" does not exist.',
  );
  const condition = (status: string) =>
    cluster.kubectl(
      'patch',
      'pod',
      'gated',
      '--subresource=status',
      '-p',
      JSON.stringify({ status: { conditions: [{ type: 'example.com/open', status }] } }),
    );
  condition('True');
  await eventually('open', () => (slice('gated').trim() === 'true/true/false' ? true : undefined));
  condition('False');
  await eventually('closed again', () => (slice('gated').trim() === 'false/false/false' ? true : undefined));
});

test('an end with grace: preStop, SIGTERM, still serving while terminating; SIGKILL when time is up', async () => {
  cluster.apply(
    [
      pod(
        'polite',
        {
          image: 'portico/web',
          lifecycle: { preStop: { exec: { command: ['sleep', '4'] } } },
          readinessProbe: { httpGet: { path: '/readyz', port: 80 }, periodSeconds: 1 },
        },
        { terminationGracePeriodSeconds: 20 },
      ),
      pod('deaf', sh("trap '' TERM; while :; do sleep 0.1; done"), { terminationGracePeriodSeconds: 2 }),
      'apiVersion: v1\nkind: Service\nmetadata: {name: polite}\nspec: {selector: {app: polite}, ports: [{port: 80}]}\n',
    ].join('---\n'),
  );
  cluster.kubectl('wait', '--for=condition=Ready', 'pod/polite', 'pod/deaf', '--timeout=60s');
  await eventually('an endpoint', () => (slice('polite').trim() === 'true/true/false' ? true : undefined));
  cluster.kubectl('delete', 'pod', 'polite', '--wait=false');
  await eventually('a terminating endpoint', () => (slice('polite').trim() === 'false/true/true' ? true : undefined));
  assert.equal(cluster.exec('shell', 'curl -sS --max-time 2 http://polite/hostname').trim(), 'polite');
  await eventually('no endpoint', () => (slice('polite').trim() === '' ? true : undefined));
  const asked = performance.now();
  cluster.kubectl('delete', 'pod', 'deaf');
  const seconds = (performance.now() - asked) / 1000;
  assert.ok(seconds >= 1.9 && seconds < 15, `killed after ${seconds.toFixed(1)} s`);
});

test('images: unknown ones say what to do, entries of images.yaml run, `command` needs no entry', async () => {
  cluster.apply(
    [
      pod('unknown', { image: 'no/such:1' }),
      pod('explicit', { image: 'no/such:1', ...sh('echo ran; sleep 1000') }),
    ].join('---\n'),
  );
  const waiting = await delivered('unknown', '.status.containerStatuses[0].state.waiting', /ErrImagePull/);
  assert.match(waiting, /no\/such:1.*is unknown here.*images\.yaml/);
  writeFileSync(
    path.join(cluster.stateDir, 'images.yaml'),
    'images: [{image: "my/*", program: [/bin/sh, -c, \'echo "$@"; sleep 1000\', x], args: [from-the-catalog]}]\n',
  );
  cluster.apply(
    [pod('mine', { image: 'my/app:2' }), pod('mine-args', { image: 'my/app:2', args: ['of', 'the', 'pod'] })].join(
      '---\n',
    ),
  );
  for (const [name, says] of [
    ['explicit', 'ran'],
    ['mine', 'from-the-catalog'],
    ['mine-args', 'of the pod'],
  ] as const) {
    await eventually(`${name} says ${says}`, () =>
      cluster.tryKubectl('logs', name).stdout.trim() === says ? true : undefined,
    );
  }
});

test('memory is bounded: a greedy container is OOMKilled, its pod’s cgroup carries the limit', async () => {
  cluster.apply(
    pod(
      'greedy',
      { ...sh('head -c 300000000 /dev/zero | tail >/dev/null'), resources: { limits: { memory: '48Mi' } } },
      { restartPolicy: 'Never' },
    ),
  );
  await delivered('greedy', '.status.containerStatuses[0].state.terminated.reason', /^OOMKilled$/);
});

test('a terminal follows its window to the very end, and its end harms no one', async () => {
  const agents = ['agent-node-1', 'agent-node-2'].map((a) => cluster.pid(a));
  for (let i = 0; i < 3; i++) {
    const said = must('script', [
      '-qec',
      `kubectl --kubeconfig ${cluster.kubeconfig} exec -it shell -- sh -c 'test -t 0 && echo a terminal'`,
      '/dev/null',
    ]);
    assert.match(said, /a terminal/);
  }
  await sleep(200);
  assert.deepEqual(
    ['agent-node-1', 'agent-node-2'].map((a) => cluster.pid(a)),
    agents,
  );
});

test('a killed agent comes back without a pod of its node leaving its Service', async () => {
  const watch = cluster.spawnKubectl(
    'get',
    'endpointslices',
    '-l',
    'kubernetes.io/service-name=web',
    '-w',
    '-o',
    'jsonpath={range .endpoints[*]}{.conditions.ready} {end}{"\\n"}',
  );
  let seen = '';
  watch.stdout?.setEncoding('utf8').on('data', (chunk: string) => (seen += chunk));
  await eventually('the first state', () => (seen.includes('true true') ? true : undefined));
  const killed = cluster.pid('agent-node-1');
  process.kill(killed, 'SIGKILL');
  await eventually('a new agent', () => (cluster.pid('agent-node-1') === killed ? undefined : true));
  const lease = () =>
    cluster.kubectl('get', 'lease', '-n', 'kube-node-lease', 'node-1', '-o', 'jsonpath={.spec.renewTime}');
  const before = lease();
  await eventually('its heartbeat', () => (lease() === before ? undefined : true), 30_000);
  watch.kill('SIGKILL');
  assert.doesNotMatch(seen, /false/);
});

test('the data of a StatefulSet’s claims outlives its pods, on the node where it lies, and goes with the claims', async () => {
  const script = 'hostname >> /data/log; cat /data/log; exec sleep 10000';
  const volume = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } };
  cluster.apply(
    JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db' },
      spec: {
        replicas: 2,
        podManagementPolicy: 'Parallel',
        persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete' },
        selector: { matchLabels: { app: 'db' } },
        template: {
          metadata: { labels: { app: 'db' } },
          spec: {
            terminationGracePeriodSeconds: 0,
            containers: [
              {
                name: 'c',
                image: 'portico/shell',
                ...sh(script),
                volumeMounts: [{ name: 'data', mountPath: '/data' }],
              },
            ],
          },
        },
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: volume }],
      },
    }),
  );
  cluster.kubectl('rollout', 'status', 'statefulset/db', '--timeout=60s');
  const node = get('db-1', '.spec.nodeName');
  assert.notEqual(node, get('db-0', '.spec.nodeName'), 'one pod a node');
  cluster.kubectl('delete', 'pod', 'db-0', 'db-1');
  cluster.kubectl('rollout', 'status', 'statefulset/db', '--timeout=60s');
  assert.equal(get('db-1', '.spec.nodeName'), node);
  await eventually('both lines', () => (cluster.kubectl('logs', 'db-1') === 'db-1\ndb-1\n' ? true : undefined));
  const volumes = () => cluster.kubectl('get', 'pv', '-o', 'jsonpath={.items[*].spec.local.path}').split(' ');
  const folders = volumes();
  assert.equal(folders.filter((folder) => existsSync(folder)).length, 2);
  cluster.kubectl('scale', 'statefulset/db', '--replicas=0');
  await eventually('no claim', () => (cluster.kubectl('get', 'pvc', '-o', 'name') === '' ? true : undefined));
  await eventually('no folder', () => (folders.some((folder) => existsSync(folder)) ? undefined : true), 40_000);
  cluster.kubectl('delete', 'statefulset', 'db');
});

test('output is kept and rotated: a container that writes much leaves a bounded number of bounded files', async () => {
  cluster.apply(
    pod('chatty', sh('yes "$(head -c 900 /dev/zero | tr "\\0" a)" | head -c 70000000; echo; echo END; sleep 1000')),
  );
  await eventually(
    'the end of the output',
    () => (cluster.tryKubectl('logs', 'chatty', '--tail=1').stdout.includes('END') ? true : undefined),
    60_000,
  );
  const node = get('chatty', '.spec.nodeName');
  const sizes = must('find', [
    path.join(cluster.stateDir, 'nodes', node),
    '-path',
    '*default_chatty_*',
    '-name',
    '*.log*',
    '-printf',
    '%s\n',
  ])
    .trim()
    .split('\n')
    .map(Number);
  assert.ok(sizes.length > 1 && sizes.length <= 6, `${sizes.length} files`);
  assert.ok(Math.max(...sizes) <= 12_000_000, sizes.join(' '));
  rmSync(path.join(cluster.stateDir, 'images.yaml'), { force: true });
});
