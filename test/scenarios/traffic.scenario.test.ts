// A Service carries packets: evenly, to itself, over UDP, on two ports, through changes, and not at all where it must
// not. One cluster for all of it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { eventually, must, shellManifest, startCluster, webManifest, type Cluster } from './cluster-fixture.ts';
import { chiSquareLimit, fairSplitStatistic } from './fair-split.ts';
import { countReplies } from './load.ts';

const NODES = ['node-1', 'node-2', 'node-3'];

let cluster: Cluster;
const vipOf = (service: string) => cluster.kubectl('get', 'service', service, '-o', 'jsonpath={.spec.clusterIP}');
const get = (pod: string, url: string) => cluster.exec(pod, `curl -sS --max-time 5 '${url}'`);

before(() => {
  cluster = startCluster();
  cluster.apply(
    [
      webManifest({ name: 'web', replicas: 4, nodes: ['node-1', 'node-2'] }),
      ...NODES.map((n) => shellManifest(`shell-${n}`, n)),
    ].join('---\n'),
  );
  cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  cluster.kubectl(
    'wait',
    '--for=condition=Ready',
    'pods',
    '-l',
    'app in (shell-node-1,shell-node-2,shell-node-3)',
    '--timeout=60s',
  );
});
after(() => cluster.down());

test('2,000 connections from each node split fairly over four pods (chi-square, p = 0.001)', async () => {
  const vip = vipOf('web');
  const pods = cluster.kubectl('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].metadata.name}').split(' ');
  assert.equal(pods.length, 4);
  for (const node of NODES) {
    await eventually(`rules on ${node}`, () =>
      cluster.natRules(node).filter((l) => l.includes('default/web ->')).length === 4 ? true : undefined,
    );
    const replies = await countReplies({ netns: cluster.netns(node), host: vip, port: 80, connections: 2_000 });
    const counts = pods.map((p) => replies.get(p) ?? 0);
    assert.equal(
      counts.reduce((a, b) => a + b, 0),
      2_000,
      `every connection from ${node} was answered`,
    );
    const statistic = fairSplitStatistic(counts);
    assert.ok(statistic <= chiSquareLimit(pods.length - 1), `${node}: ${counts.join(' ')}: chi-square ${statistic}`);
  }
});

test('a pod reaches a Service by every name form, from a node without its pods', () => {
  for (const name of ['web', 'web.default', 'web.default.svc', 'web.default.svc.cluster.local']) {
    assert.match(get('shell-node-3', `http://${name}/hostname`), /^web-/);
  }
});

test('DNS tells NXDOMAIN from NODATA, over UDP and TCP, and answers SRV and PTR', () => {
  const dig = (args: string) => cluster.exec('shell-node-3', `dig ${args}`);
  const vip = vipOf('web');
  for (const transport of ['+notcp', '+tcp']) {
    assert.match(
      dig(`${transport} web.default.svc.cluster.local A`),
      new RegExp(`status: NOERROR[\\s\\S]*IN\\s+A\\s+${vip}`),
    );
    assert.match(dig(`${transport} nobody.default.svc.cluster.local A`), /status: NXDOMAIN/);
    assert.match(dig(`${transport} web.default.svc.cluster.local AAAA`), /status: NOERROR[\s\S]*ANSWER: 0/);
  }
  assert.match(dig(`-x ${vip}`), /PTR\s+web\.default\.svc\.cluster\.local\./);
  assert.match(dig('_dns._udp.kube-dns.kube-system.svc.cluster.local SRV'), /SRV\s+0 100 53 kube-dns\.kube-system/);
});

test('a pod reaches itself through its own Service (hairpin)', async () => {
  cluster.apply(webManifest({ name: 'alone', replicas: 1 }));
  cluster.kubectl('rollout', 'status', 'deployment/alone', '--timeout=60s');
  const pod = cluster.kubectl('get', 'pods', '-l', 'app=alone', '-o', 'jsonpath={.items[0].metadata.name}');
  const reply = await eventually('the rules for alone', () => {
    const r = cluster.tryExec(pod, 'curl -sS --max-time 2 http://alone/hostname');
    return r.status === 0 ? r.stdout : undefined;
  });
  assert.equal(reply.trim(), pod);
  for (let i = 0; i < 5; i++) assert.equal(get(pod, 'http://alone/hostname').trim(), pod);
});

test('TCP and UDP on one port, and a second port, each reach their own target; a port can change', async () => {
  cluster.apply(`apiVersion: v1
kind: Pod
metadata: {name: echo, labels: {app: echo}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: web, image: portico/web, args: ["--udp-echo", "5353", "--tcp-echo", "5353"], readinessProbe: {httpGet: {path: /readyz, port: 80}, periodSeconds: 1}}]
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec:
  selector: {app: echo}
  ports:
    - {name: http, port: 8080, targetPort: 80}
    - {name: echo-udp, port: 7, targetPort: 5353, protocol: UDP}
    - {name: echo-tcp, port: 7, targetPort: 5353, protocol: TCP}
`);
  cluster.kubectl('wait', '--for=condition=Ready', 'pod/echo', '--timeout=60s');
  const ask = (script: string, wanted: RegExp) =>
    eventually(script, () => {
      const r = cluster.tryExec('shell-node-3', script);
      return wanted.test(r.stdout) ? r.stdout : undefined;
    });
  await ask('curl -sS --max-time 2 http://echo:8080/hostname', /^echo/);
  await ask('echo over-udp | timeout 2 nc -u -w 1 echo 7', /over-udp/);
  await ask('echo over-tcp | timeout 2 nc -N -w 1 echo 7', /over-tcp/);
  cluster.kubectl(
    'patch',
    'service',
    'echo',
    '--type=json',
    '-p',
    '[{"op":"replace","path":"/spec/ports/0/port","value":9090}]',
  );
  await ask('curl -sS --max-time 2 http://echo:9090/hostname', /^echo/);
  const old = cluster.tryExec('shell-node-3', 'curl -sS --max-time 3 http://echo:8080/');
  assert.notEqual(old.status, 0, 'the old port no longer answers');
});

test('a Service without endpoints refuses at once; its first endpoint opens it', async () => {
  cluster.apply(`apiVersion: v1
kind: Service
metadata: {name: nobody}
spec: {selector: {app: nobody}, ports: [{port: 80}]}
`);
  const vip = vipOf('nobody');
  const refused = await eventually('the refusal', () => {
    const r = cluster.tryExec('shell-node-3', `curl -sS -o /dev/null -w '%{time_total}' --max-time 5 http://${vip}/`);
    // curl's exit code 7: the connection was refused; 28 would be silence.
    return r.status === 7 ? r : undefined;
  });
  assert.ok(Number(refused.stdout) < 1, `refused after ${refused.stdout} s`);
  cluster.apply(`apiVersion: v1
kind: Pod
metadata: {name: nobody, labels: {app: nobody}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: web, image: portico/web, readinessProbe: {httpGet: {path: /readyz, port: 80}, periodSeconds: 1}}]
`);
  await eventually('an answer', () => {
    const r = cluster.tryExec('shell-node-3', `curl -sS --max-time 1 http://${vip}/hostname`);
    return r.stdout.trim() === 'nobody' ? true : undefined;
  });
});

test('a deleted Service leaves no rule on any node and no name', async () => {
  const vip = vipOf('alone');
  cluster.kubectl('delete', 'service', 'alone');
  for (const node of NODES) {
    await eventually(`no rule on ${node}`, () =>
      cluster.natRules(node).some((l) => l.includes('default/alone') || l.includes(vip)) ? undefined : true,
    );
  }
  assert.match(cluster.exec('shell-node-3', 'dig alone.default.svc.cluster.local A'), /status: NXDOMAIN/);
});

test('flushed rules come back by themselves', async () => {
  must('ip', ['netns', 'exec', cluster.netns('node-3'), 'iptables', '-t', 'nat', '-F', 'KUBE-SERVICES']);
  must('ip', ['netns', 'exec', cluster.netns('node-3'), 'iptables', '-t', 'mangle', '-F']);
  must('ip', ['netns', 'exec', cluster.netns('node-3'), 'iptables', '-t', 'mangle', '-X']);
  await eventually(
    'repair',
    () =>
      cluster.natRules('node-3').some((l) => /^-A KUBE-SERVICES .*default\/web cluster IP/.test(l)) ? true : undefined,
    60_000,
  );
  assert.match(get('shell-node-3', 'http://web/hostname'), /^web-/);
});
