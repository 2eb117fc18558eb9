// Cluster DNS as pods see it: names of every kind through the C library, musl, Node and dig; changes, forwarding,
// configuration; and what is left of it while parts of the cluster are gone.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';

import { configMaps, endpointSlices } from '../../src/api/objects.ts';
import { createClient, loadKubeconfig, type Client } from '../../src/client/index.ts';
import { queryDns } from '../../src/dns/index.ts';
import { formatRdata, rcodeName } from '../../src/dnswire/index.ts';
import { eventually, must, portico, run, startCluster, type Cluster } from './cluster-fixture.ts';
import { startDnsLoad } from './dns-load.ts';

const UPSTREAM_PORT = 15_053;
const folder = mkdtempSync(path.join(tmpdir(), 'portico-dns-scenario-'));
let cluster: Cluster;
let client: Client;
let upstream: ChildProcess;
let vip: string;
let shellNetns: string;

/** A program against musl's resolver, which asks all nameservers at once and takes the first answer. */
const MUSL_LOOKUP = `
#include <netdb.h>
#include <stdio.h>
#include <arpa/inet.h>
int main(int argc, char **argv) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME}, *found;
  int error = getaddrinfo(argc > 1 ? argv[1] : "", 0, &hints, &found);
  if (error) { printf("%s\\n", gai_strerror(error)); return 2; }
  for (; found; found = found->ai_next) {
    char text[INET6_ADDRSTRLEN];
    void *address = found->ai_family == AF_INET ? (void *)&((struct sockaddr_in *)found->ai_addr)->sin_addr
                                                : (void *)&((struct sockaddr_in6 *)found->ai_addr)->sin6_addr;
    puts(inet_ntop(found->ai_family, address, text, sizeof text));
  }
}
`;

const MANIFEST = `
apiVersion: v1
kind: Pod
metadata: {name: shell}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: shell
      image: portico/shell
      volumeMounts: [{name: probe, mountPath: /opt/probe}]
  volumes: [{name: probe, hostPath: {path: ${folder}}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: nobody}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: ext}
spec: {type: ExternalName, externalName: www.example.org}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{name: sql, port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: db-early}
spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: db}, ports: [{name: sql, port: 5432}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: db
          image: portico/shell
          # The first is never ready.
          readinessProbe: {exec: {command: [sh, -c, '[ "$(hostname)" != db-0 ]']}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: manual}
spec: {clusterIP: None, ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: manual-1, labels: {kubernetes.io/service-name: manual}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints: [{addresses: [192.0.2.200]}]
`;

before(async () => {
  writeFileSync(path.join(folder, 'lookup.c'), MUSL_LOOKUP);
  must('musl-gcc', ['-static', '-o', path.join(folder, 'musl-lookup'), path.join(folder, 'lookup.c')]);
  const config = path.join(folder, 'upstream.Corefile');
  writeFileSync(config, '. {\n    hosts {\n        192.0.2.7 www.example.org host.example.org\n    }\n}\n');
  upstream = spawn(portico, ['dns', '--config', config, '--listen', `127.0.0.1:${UPSTREAM_PORT}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  cluster = startCluster('--nodes', '2', '--upstream-dns', `127.0.0.1:${UPSTREAM_PORT}`);
  client = createClient(loadKubeconfig(cluster.kubeconfig));
  cluster.apply(MANIFEST);
  cluster.kubectl('wait', '--for=condition=Ready', 'pod/shell', 'pod/db-1', '--timeout=60s');
  vip = cluster.kubectl('get', 'service', '-n', 'kube-system', 'kube-dns', '-o', 'jsonpath={.spec.clusterIP}');
  shellNetns = cluster.podNetns('shell');
  await eventually('db-0 to run', () => (addressOf('db-0') === '' ? undefined : true));
  await eventually('db-1 in DNS', () =>
    cluster.tryExec('shell', 'getent ahosts db-1.db').status === 0 ? true : undefined,
  );
});
after(() => {
  client.close();
  cluster.down();
  upstream.kill();
  rmSync(folder, { recursive: true });
});

const clusterIpOf = (service: string) => cluster.kubectl('get', 'service', service, '-o', 'jsonpath={.spec.clusterIP}');
const addressOf = (pod: string) => cluster.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.podIP}');
const lines = (text: string) =>
  text
    .split('\n')
    .map((l) => l.trim())
    .filter((l) => l !== '');
const unique = (all: readonly string[]) => [...new Set(all)].toSorted();

/** Each in the pod `shell`, with the pod's own resolv.conf; addresses that a program would get. */
const CLIENTS: Readonly<Record<string, (name: string) => string>> = {
  'glibc getaddrinfo': (name) => `getent ahosts ${name} | cut -d' ' -f1`,
  'musl getaddrinfo': (name) => `/opt/probe/musl-lookup ${name}`,
  'Node dns.lookup': (name) =>
    `node -e 'dns.lookup("${name}",{all:true},(e,all)=>console.log(e?e.code:all.map((a)=>a.address).join("\\n")))'`,
  dig: (name) => `dig +search +short +time=2 ${name} | grep -v '[a-z]'`,
};
const MARK = '=> ';
/** Asks for many names in one go: each exec costs far more than a question. */
function resolveAll(command: (name: string) => string, names: readonly string[]): (name: string) => readonly string[] {
  const script = names.map((name) => `echo '${MARK}${name}'; ${command(name)} || true`).join('\n');
  const found = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of lines(cluster.exec('shell', script))) {
    if (line.startsWith(MARK)) found.set(line.slice(MARK.length), (current = []));
    else current.push(line);
  }
  return (name) => unique(found.get(name) ?? ['not asked']);
}

for (const [who, command] of Object.entries(CLIENTS))
  test(`${who} in a pod resolves names of every kind`, () => {
    const [web, kubernetes] = [clusterIpOf('web'), clusterIpOf('kubernetes')];
    const [db0, db1] = [addressOf('db-0'), addressOf('db-1')];
    const podName = `${db1.replaceAll('.', '-')}.default.pod`;
    const expected: Readonly<Record<string, readonly string[]>> = {
      web: [web],
      'web.default': [web],
      'web.default.svc': [web],
      'web.default.svc.cluster.local': [web],
      'WEB.Default': [web],
      'kubernetes.default': [kubernetes],
      // Headless: ready pods only, unless the service wants the others too.
      db: [db1],
      'db-1.db': [db1],
      'db-early': unique([db0, db1]),
      // An ExternalName, followed by the upstream; and a name that is just forwarded.
      ext: ['192.0.2.7'],
      'host.example.org': ['192.0.2.7'],
      [podName]: [db1],
    };
    const nobody = ['nobody', 'db-0.db', 'nobody.example.org'];
    const resolve = resolveAll(command, [...Object.keys(expected), ...nobody]);
    for (const [name, addresses] of Object.entries(expected)) assert.deepEqual(resolve(name), addresses, name);
    for (const name of nobody) assert.ok(!resolve(name).some((l) => /\d\.\d/.test(l)), name);
  });

test('SRV, PTR and TXT records from a pod', () => {
  const dig = (...args: string[]) => lines(cluster.exec('shell', `dig +short +time=2 ${args.join(' ')}`));
  assert.deepEqual(dig('_sql._tcp.db.default.svc.cluster.local', 'SRV'), [
    '0 100 5432 db-1.db.default.svc.cluster.local.',
  ]);
  assert.deepEqual(dig('-x', clusterIpOf('web')), ['web.default.svc.cluster.local.']);
  assert.ok(dig('-x', addressOf('db-1')).includes('db-1.db.default.svc.cluster.local.'));
  assert.deepEqual(dig('dns-version.cluster.local', 'TXT'), ['"1.1.0"']);
  assert.deepEqual(dig('+tcp', 'web.default.svc.cluster.local'), [clusterIpOf('web')]);
});

test('dns query says where an answer comes from and why there is none', () => {
  const query = (...args: string[]) => run(portico, ['dns', 'query', ...args, ...cluster.flags]);
  const found = query('web', '--from', 'shell');
  assert.equal(found.status, 0, found.stderr);
  assert.match(found.stdout, /web\.default\.svc\.cluster\.local\. {2}NOERROR\n.*IN A 10\./);
  assert.match(found.stdout, /Service default\/web \(resourceVersion \d+\)/);
  assert.match(found.stdout, /server: the same \(UDP/);
  const json = query('db-0.db', 'A', '--from', 'default/shell', '--tcp', '--json');
  assert.equal(json.status, 1);
  const report = JSON.parse(json.stdout) as { steps: { reason: string; asked: { agrees?: boolean } }[] };
  assert.match(report.steps[0]?.reason ?? '', /no ready endpoint named db-0/);
  assert.ok(
    report.steps.slice(0, 3).every((s) => s.asked.agrees === true),
    json.stdout,
  );
  assert.match(query('x.nowhere', '--from', 'node/node-1', '--server', vip).stdout, /forwarded/);
  // The path is read from the pod: a search domain of the machine, or of whoever edits the file, is walked too.
  cluster.exec('shell', "cp /etc/resolv.conf /etc/resolv.old; sed -i 's/^search .*/& corp.example/' /etc/resolv.conf");
  const walked = query('printer.floor-1', '--from', 'shell').stdout;
  cluster.exec('shell', 'cp /etc/resolv.old /etc/resolv.conf');
  assert.match(walked, /Search path \(ndots 5\): default\.svc\.cluster\.local .*cluster\.local corp\.example\n/);
  assert.match(walked, /4\. printer\.floor-1\.corp\.example\. /);
  assert.match(query('web', '--from', 'nobody').stderr, /no pod nobody in namespace default/);
  // With a kubeconfig the question leaves from here, so there may be no answer; the reason is there all the same.
  const elsewhere = run(portico, ['dns', 'query', 'web', '--kubeconfig', cluster.kubeconfig, '--from', 'shell']);
  assert.match(elsewhere.stdout, /service default\/web of type ClusterIP/);
});

interface Replica {
  readonly pod: string;
  readonly address: string;
  readonly pid: number;
}

/** The DNS pods that are ready, with the process that answers. */
function replicas(): Replica[] {
  const list = JSON.parse(
    cluster.kubectl('get', 'pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns', '-o', 'json'),
  ) as {
    items: {
      metadata: { name: string; uid: string; deletionTimestamp?: string };
      status: { podIP?: string; conditions?: { type: string; status: string }[] };
    }[];
  };
  return list.items.flatMap((pod) => {
    const ready = pod.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;
    if (!ready || pod.metadata.deletionTimestamp !== undefined) return [];
    const address = pod.status.podIP ?? '';
    const netns = must('ip', ['netns', 'list'])
      .split('\n')
      .map((l) => l.split(' ')[0] ?? '')
      .filter((n) => n.startsWith(`${cluster.name}-pod-`))
      .find((n) => must('ip', ['-n', n, '-o', '-4', 'addr', 'show', 'eth0']).includes(` ${address}/`));
    if (netns === undefined) return [];
    const pid = lines(must('ip', ['netns', 'pids', netns]))
      .map(Number)
      .find((p) => readFileSync(`/proc/${p}/cmdline`, 'utf8').includes('\0dns\0'));
    return pid === undefined ? [] : [{ pod: pod.metadata.name, address, pid }];
  });
}

const twoReplicas = () =>
  eventually('two ready replicas', () => (replicas().length === 2 ? replicas() : undefined), 30_000);

const ask = (server: string, name: string, netns = shellNetns) =>
  queryDns({ server, name, netns, timeoutMs: 1000, attempts: 5 });

test('a change in the API is in the answers of a replica', async (t) => {
  const [replica] = await twoReplicas();
  assert.ok(replica !== undefined);
  const times: number[] = [];
  for (let i = 0; i < 100; i++) {
    const address = `192.0.2.${i + 1}`;
    const slice = await client.resource(endpointSlices).get('manual-1', 'default');
    const started = performance.now();
    await client.resource(endpointSlices).update({ ...slice, endpoints: [{ addresses: [address] }] });
    for (;;) {
      const { message } = await ask(replica.address, 'manual.default.svc.cluster.local');
      const [record] = message.answers;
      if (record !== undefined && formatRdata(record.type, record.rdata) === address) break;
      assert.ok(performance.now() - started < 10_000, `${address} is not in DNS`);
    }
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const at = (q: number) => (times[Math.ceil(times.length * q) - 1] ?? Number.NaN).toFixed(1);
  t.diagnostic(`write sent to new answer seen: median ${at(0.5)} ms, p99 ${at(0.99)} ms`);
});

test('an edited ConfigMap takes effect; a bad one keeps the old and says why', async () => {
  const maps = client.resource(configMaps);
  const edit = async (change: (text: string) => string) => {
    const map = await maps.get('kube-dns', 'kube-system');
    await maps.update({ ...map, data: { Corefile: change(map.data?.['Corefile'] ?? '') } });
  };
  let nudges = 0;
  /** A node looks at ConfigMaps once a minute, and at a pod that changes at once, but never twice within two seconds. */
  const seen = (what: string, check: () => boolean | Promise<boolean>) =>
    eventually(
      what,
      async () => {
        const pods = ['pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns'];
        cluster.kubectl('annotate', ...pods, '--overwrite', `look=${++nudges}`);
        for (let i = 0; i < 10; i++) {
          if (await check()) return true;
          await sleep(250);
        }
        return undefined;
      },
      60_000,
    );
  const all = await twoReplicas();
  const hosts = '    hosts {\n        192.0.2.99 printer.lan\n        fallthrough\n    }\n    ready\n';
  await edit((text) => text.replace('    ready\n', hosts));
  for (const replica of all)
    await seen(
      `printer.lan from ${replica.pod}`,
      async () => (await ask(replica.address, 'printer.lan')).message.answers.length === 1,
    );
  await edit((text) => text.replace('    ready\n', '    nonsense here\n'));
  for (const replica of all) {
    const log = () => cluster.kubectl('logs', '-n', 'kube-system', replica.pod, '--tail=200');
    await seen(`the reason in the log of ${replica.pod}`, () => /the old one stays.*nonsense/.test(log()));
    const { message } = await ask(replica.address, 'printer.lan');
    assert.equal(message.answers.length, 1, 'the configuration before is still in use');
  }
  // Also mends the files: a replica that starts later must find a good one.
  await edit((text) => text.replace('    nonsense here\n', '    ready\n').replace(hosts, '    ready\n'));
  for (const replica of all)
    await seen(
      `no printer.lan from ${replica.pod}`,
      async () => (await ask(replica.address, 'printer.lan')).message.answers.length === 0,
    );
});

test('answers go on while the API server is gone, also from a replica that starts then', async () => {
  const before = (await twoReplicas())[0];
  assert.ok(before !== undefined);
  // The snapshot is written some seconds after the last change.
  await sleep(5500);
  // Killed, and nobody there to start it again.
  const supervisor = cluster.pid('supervisor');
  const server = cluster.pid('server');
  process.kill(supervisor, 'SIGSTOP');
  process.kill(server, 'SIGKILL');
  try {
    const { message } = await ask(vip, 'web.default.svc.cluster.local');
    assert.equal(message.answers.length, 1);
    assert.equal(rcodeName((await ask(vip, 'nobody.default.svc.cluster.local')).message.rcode), 'NXDOMAIN');
    process.kill(before.pid, 'SIGKILL');
    await sleep(500);
    const again = await eventually(
      'the restarted replica to answer from its snapshot',
      async () => (await ask(before.address, 'web.default.svc.cluster.local')).message,
      30_000,
    );
    assert.equal(again.answers.length, 1);
  } finally {
    process.kill(supervisor, 'SIGCONT');
  }
  await twoReplicas();
});

const NAME = 'web.default.svc.cluster.local';

test('SIGTERM of a replica under load loses no query', async (t) => {
  const [victim] = await twoReplicas();
  assert.ok(victim !== undefined);
  const load = startDnsLoad({ netns: shellNetns, server: vip, name: NAME, perSecond: 1000 });
  await sleep(1500);
  cluster.kubectl('delete', 'pod', '-n', 'kube-system', victim.pod, '--wait', '--timeout=60s');
  await sleep(1000);
  const result = await load.stop();
  t.diagnostic(JSON.stringify(result));
  assert.ok(result.asked > 500, 'the load was there');
  assert.deepEqual(result.failures, {});
  assert.deepEqual([result.retried, result.refused], [0, 0], 'every question was answered the first time');
  assert.equal(result.answered, result.asked);
});

test('kill -9 of a replica under 5,000 queries a second: resolvers see no failure', async (t) => {
  const [victim] = await twoReplicas();
  assert.ok(victim !== undefined);
  const load = startDnsLoad({ netns: shellNetns, server: vip, name: NAME, perSecond: 5000 });
  await sleep(2000);
  process.kill(victim.pid, 'SIGKILL');
  await sleep(4000);
  const result = await load.stop();
  t.diagnostic(JSON.stringify(result));
  assert.ok(result.asked > 1000, 'the load was there');
  assert.deepEqual(result.failures, {});
  assert.equal(result.answered, result.asked);
});
