// Kill -9 of each process in turn: traffic that needs none of it goes on, everything is whole again within seconds,
// no acknowledged write is lost.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, test } from 'node:test';

import {
  eventually,
  must,
  run,
  shellManifest,
  startCluster,
  webManifest,
  portico,
  type Cluster,
} from './cluster-fixture.ts';
import { failuresIn, startConstantLoad } from './load.ts';

let cluster: Cluster;
let vip: string;
before(() => {
  cluster = startCluster();
  cluster.apply(
    [webManifest({ name: 'web', replicas: 3, nodes: ['node-1', 'node-2'] }), shellManifest('client', 'node-3')].join(
      '---\n',
    ),
  );
  cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  cluster.kubectl('wait', '--for=condition=Ready', 'pod/client', '--timeout=60s');
  vip = cluster.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
});
after(() => cluster.down());

const healthy = () =>
  eventually(
    'the cluster to be whole',
    () => (run(portico, ['status', ...cluster.flags]).status === 0 ? true : undefined),
    30_000,
  );
const podUids = () =>
  cluster.kubectl('get', 'pods', '-o', 'jsonpath={.items[*].metadata.uid}').split(' ').toSorted().join(' ');
const restarts = () =>
  cluster
    .kubectl('get', 'pods', '-o', 'jsonpath={.items[*].status.containerStatuses[*].restartCount}')
    .split(' ')
    .map(Number);

test('the server: connections go on, acknowledged writes are there, the API is back', async () => {
  const load = startConstantLoad({ netns: cluster.podNetns('client'), host: vip, port: 80 });
  for (let round = 0; round < 3; round++) {
    const written: string[] = [];
    for (let i = 0; i < 5; i++) {
      const name = `kept-${round}-${i}`;
      if (cluster.tryKubectl('create', 'configmap', name, `--from-literal=i=${i}`).status === 0) written.push(name);
    }
    process.kill(cluster.pid('server'), 'SIGKILL');
    await healthy();
    const kept = cluster.kubectl('get', 'configmaps', '-o', 'jsonpath={.items[*].metadata.name}').split(' ');
    assert.equal(written.length, 5);
    for (const name of written) assert.ok(kept.includes(name), `${name} was acknowledged and is gone`);
  }
  assert.deepEqual(failuresIn(await load.stop()), []);
  const after = cluster.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  assert.equal(after, vip, 'the virtual address is kept across restarts');
});

test('each agent: connections through its node go on, its pods are not restarted, the agent is back', async () => {
  const before = podUids();
  const load = startConstantLoad({ netns: cluster.podNetns('client'), host: vip, port: 80 });
  for (const node of ['node-1', 'node-2', 'node-3']) {
    const old = cluster.pid(`agent-${node}`);
    process.kill(old, 'SIGKILL');
    await healthy();
    assert.notEqual(cluster.pid(`agent-${node}`), old);
  }
  assert.deepEqual(failuresIn(await load.stop()), []);
  assert.equal(podUids(), before, 'the same pods');
  assert.ok(
    restarts().every((n) => n === 0),
    `restarts: ${restarts().join(' ')}`,
  );
  // A restarted agent still does its work: a new pod on each node, logs and exec.
  assert.match(cluster.exec('client', `curl -sS --max-time 5 http://web/hostname`), /^web-/);
  cluster.kubectl('scale', 'deployment', 'web', '--replicas=6');
  cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  cluster.kubectl('scale', 'deployment', 'web', '--replicas=3');
});

/** Kills the main process of a pod's only container, from the host. */
function killPod(pod: string, namespace = 'default'): void {
  const ip = cluster.kubectl('get', 'pod', '-n', namespace, pod, '-o', 'jsonpath={.status.podIP}');
  const netns = must('ip', ['netns', 'list'])
    .split('\n')
    .map((l) => l.split(' ')[0] ?? '')
    .filter((n) => n.startsWith(`${cluster.name}-pod-`))
    .find((n) => must('ip', ['-n', n, '-o', '-4', 'addr', 'show', 'eth0']).includes(` ${ip}/`));
  const pids = must('ip', ['netns', 'pids', netns ?? ''])
    .trim()
    .split('\n')
    .map(Number);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
}

test('a DNS pod: names still resolve, the pod is back', async () => {
  const pods = cluster
    .kubectl('get', 'pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns', '-o', 'jsonpath={.items[*].metadata.name}')
    .split(' ');
  assert.equal(pods.length, 2);
  killPod(pods[0] ?? '', 'kube-system');
  // The resolver of the client asks again: two nameserver attempts of five seconds at most.
  for (let i = 0; i < 5; i++) {
    assert.match(
      cluster.exec('client', 'curl -sS --max-time 12 http://web.default.svc.cluster.local/hostname'),
      /^web-/,
    );
  }
  cluster.kubectl('rollout', 'status', '-n', 'kube-system', 'deployment/kube-dns', '--timeout=60s');
});

test('a web pod: it leaves the Service, is started again and comes back', async () => {
  const pod = cluster.kubectl('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[0].metadata.name}');
  killPod(pod);
  await eventually('the restart', () =>
    Number(cluster.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].restartCount}')) === 1
      ? true
      : undefined,
  );
  cluster.kubectl('wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s');
  const load = startConstantLoad({ netns: cluster.podNetns('client'), host: vip, port: 80 });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const replies = await load.stop();
  assert.deepEqual(failuresIn(replies), []);
  assert.ok(replies.has(pod), 'the pod takes its share again');
});

test('a pod’s namespace: the pod leaves the Service at once, is made anew and comes back', async () => {
  const pod = cluster.kubectl('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[0].metadata.name}');
  const address = () => cluster.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.podIP}');
  const before = address();
  // Its name goes while its processes live on: nobody can enter it any more.
  must('ip', ['netns', 'delete', cluster.podNetns(pod)]);
  await eventually('another address', () => (address() === before ? undefined : true), 30_000);
  cluster.kubectl('wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s');
  assert.match(
    cluster.kubectl('get', 'events', '--field-selector', 'reason=SandboxChanged', '-o', 'jsonpath={.items[*].message}'),
    /Pod sandbox changed, it will be killed and re-created\./,
  );
  const load = startConstantLoad({ netns: cluster.podNetns('client'), host: vip, port: 80 });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const replies = await load.stop();
  assert.deepEqual(failuresIn(replies), []);
  assert.ok(replies.has(pod), 'the pod takes its share again');
});

test('the supervisor: everything goes on, and `up` mends it', async () => {
  const load = startConstantLoad({ netns: cluster.podNetns('client'), host: vip, port: 80 });
  process.kill(cluster.pid('supervisor'), 'SIGKILL');
  assert.match(cluster.exec('client', 'curl -sS --max-time 5 http://web/hostname'), /^web-/);
  const again = cluster.up();
  assert.equal(again.status, 0, again.stderr);
  await healthy();
  assert.deepEqual(failuresIn(await load.stop()), []);
  assert.match(cluster.up().stdout, /is up already/);
});
