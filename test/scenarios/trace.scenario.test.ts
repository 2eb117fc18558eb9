// `portico trace` and `portico inspect` on a live cluster: for each network and proxy mode the walk of every kind of
// connection is the expected list of hops, and what is broken on purpose is named.
import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';

import type { ServiceInspection, TraceReport, Walk } from '../../src/trace/index.ts';
import { eventually, portico, run, startCluster, type Cluster } from './cluster-fixture.ts';
import { assertAgrees, captureDuring } from './tcpdump-places.ts';
import { checkBreakages } from './trace-breakages.ts';
import { checkTargets } from './trace-targets.ts';

const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      topologySpreadConstraints:
        - { maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: { matchLabels: { app: web } } }
      containers:
        - { name: web, image: portico/web, args: [--tcp-echo, '7000', --udp-echo, '5353'], ports: [{ containerPort: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { type: NodePort, selector: { app: web }, ports: [{ port: 80, nodePort: 30080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: deaf }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 9999 }] }
---
apiVersion: v1
kind: Service
metadata: { name: empty }
spec: { selector: { app: nobody }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: shell }
spec:
  nodeName: node-1
  terminationGracePeriodSeconds: 1
  containers: [{ name: shell, image: portico/shell }]
`;

function trace(cluster: Cluster, ...args: string[]): TraceReport {
  const r = run(portico, ['trace', ...cluster.flags, '--json', ...args]);
  assert.notEqual(r.stdout, '', `${args.join(' ')}: ${r.stderr}`);
  return JSON.parse(r.stdout) as TraceReport;
}

/** Hops as `place device-kind direction changes`: what does not depend on names made at random. */
function shape(walk: Walk | undefined, leg: 'request' | 'reply'): string[] {
  const hops = walk?.legs.find((l) => l.name === leg)?.hops ?? [];
  return hops
    .filter((hop) => hop.place.kind !== 'external')
    .map((hop) => {
      const place = hop.place.kind === 'node' ? hop.place.name : hop.place.name.replace(/^default\//, '').split('-')[0];
      const changes = hop.changes.filter((c) => !c.kind.endsWith('capsulated')).map((c) => c.kind);
      const envelope = hop.envelope === undefined ? [] : ['vxlan'];
      return [place, hop.device.replace(/^lxc.*/, 'lxc'), hop.direction, ...envelope, ...changes].join(' ');
    });
}

/** Traces until the endpoint is on the wanted node: the kernel chooses. */
async function traceTo(cluster: Cluster, node: string, ...args: string[]): Promise<Walk> {
  return eventually(
    `a connection to an endpoint on ${node}`,
    () => {
      const report = trace(cluster, ...args);
      const [walk] = report.walks;
      assert.equal(report.verdict.code, 'ok', report.verdict.sentence);
      return walk?.endpoint?.node === node ? walk : undefined;
      // A try takes seconds on a busy machine, and each has one chance in two.
    },
    60_000,
  );
}

const SAME_NODE = {
  request: ['shell eth0 out', 'node-1 lxc in', 'node-1 lxc out dnat', 'web eth0 in'],
  reply: ['web eth0 out', 'node-1 lxc in', 'node-1 lxc out un-dnat', 'shell eth0 in'],
};
const ACROSS = {
  native: {
    request: [
      'shell eth0 out',
      'node-1 lxc in',
      'node-1 eth0 out dnat',
      'node-2 eth0 in',
      'node-2 lxc out',
      'web eth0 in',
    ],
    reply: [
      'web eth0 out',
      'node-2 lxc in',
      'node-2 eth0 out',
      'node-1 eth0 in',
      'node-1 lxc out un-dnat',
      'shell eth0 in',
    ],
  },
  vxlan: {
    request: [
      'shell eth0 out',
      'node-1 lxc in',
      'node-1 portico.vxlan out dnat',
      'node-1 eth0 out vxlan',
      'node-2 eth0 in vxlan',
      'node-2 portico.vxlan in',
      'node-2 lxc out',
      'web eth0 in',
    ],
    reply: [
      'web eth0 out',
      'node-2 lxc in',
      'node-2 portico.vxlan out',
      'node-2 eth0 out vxlan',
      'node-1 eth0 in vxlan',
      'node-1 portico.vxlan in',
      'node-1 lxc out un-dnat',
      'shell eth0 in',
    ],
  },
};

for (const network of ['native', 'vxlan'] as const) {
  for (const mode of ['iptables', 'nftables'] as const) {
    test(`trace and inspect: ${network}, ${mode}`, async () => {
      await using cluster = startCluster('--nodes', '2', '--network', network, '--proxy-mode', mode);
      cluster.apply(MANIFEST);
      cluster.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=30s');
      await eventually('the name of the service', () =>
        trace(cluster, 'shell', 'web').verdict.code === 'ok' ? true : undefined,
      );

      const same = await traceTo(cluster, 'node-1', 'shell', 'web');
      assert.deepEqual([shape(same, 'request'), shape(same, 'reply')], [SAME_NODE.request, SAME_NODE.reply]);
      const across = await traceTo(cluster, 'node-2', 'shell', 'web.default');
      assert.deepEqual(
        [shape(across, 'request'), shape(across, 'reply')],
        [ACROSS[network].request, ACROSS[network].reply],
      );
      // The same walk through captures of tcpdump's own.
      const places = ['node-1', 'node-2', 'shell'];
      const { result, captured } = await captureDuring(cluster, places, () =>
        traceTo(cluster, 'node-2', 'shell', 'web'),
      );
      assertAgrees(result, places, captured);
      const rules = across.legs[0]?.hops.flatMap((hop) => hop.rules.map((rule) => rule.text ?? '')) ?? [];
      const [first, ip] = [across.legs[0]?.hops.at(-1)?.packet.destination, across.destination];
      const expected = mode === 'iptables' ? `--to-destination ${first}:80` : 'dnat ip to';
      assert.ok(
        rules.some((rule) => rule.includes(expected)),
        `${expected} in\n${rules.join('\n')}`,
      );
      assert.ok(
        across.tracked.some((e) => e.node === 'node-1' && e.original.destination === ip && e.reply.source === first),
      );

      const dns = trace(cluster, 'shell', 'web').dns;
      assert.equal(dns?.questions[0]?.answer?.addresses[0], ip);
      assert.equal(dns?.walk.verdict.code, 'ok');
      // UDP goes the same way as TCP.
      const way = dns?.walk.endpoint?.node === 'node-1' ? SAME_NODE : ACROSS[network];
      const toDns = (hops: readonly string[]) => hops.map((hop) => hop.replace(/^web /, 'kube '));
      assert.deepEqual(
        [shape(dns?.walk, 'request'), shape(dns?.walk, 'reply')],
        [toDns(way.request), toDns(way.reply)],
      );

      const fromNode = await traceTo(cluster, 'node-2', 'node/node-1', 'web');
      assert.equal(fromNode.legs[1]?.changesAfter[0]?.kind, 'un-dnat');
      const outside = await traceTo(cluster, 'node-2', 'external', 'node/node-1:30080');
      const changes = outside.legs[0]?.hops.flatMap((hop) => hop.changes.map((c) => c.kind)) ?? [];
      assert.ok(changes.includes('dnat') && changes.includes('snat'), changes.join());
      const pod =
        cluster.kubectl('get', 'pod', '-l', 'app=web', '-o', 'name').split('\n')[0]?.replace('pod/', '') ?? '';
      const hairpin = await eventually('a pod that reaches itself', () => {
        const [walk] = trace(cluster, pod, 'web').walks;
        return walk?.endpoint?.place?.name === `default/${pod}` ? walk : undefined;
      });
      assert.equal(shape(hairpin, 'request')[2]?.replace(/node-\d/, 'node'), 'node lxc out snat dnat');

      assert.equal(trace(cluster, 'shell', 'empty').verdict.code, 'rejected-by-rule');
      assert.equal(trace(cluster, 'shell', 'deaf').verdict.code, 'no-listener');
      assert.equal(trace(cluster, 'shell', 'nowhere').verdict.code, 'name-not-found');

      if ((network === 'vxlan') === (mode === 'nftables')) {
        await checkTargets(cluster);
        await checkBreakages(cluster, mode, network === 'vxlan');
      }

      const inspect = (): ServiceInspection =>
        JSON.parse(
          run(portico, ['inspect', ...cluster.flags, '-o', 'json', 'service', 'web']).stdout,
        ) as ServiceInspection;
      const sound = inspect();
      assert.equal(sound.drift, false, JSON.stringify(sound.rules, null, 1));
      assert.equal(sound.rules.length, 4, 'the virtual address and the node port, on each node');
      // The proxy would mend it at once.
      const agent = cluster.pid('agent-node-1');
      process.kill(agent, 'SIGSTOP');
      breakRules(cluster, mode, ip, first ?? '');
      const broken = inspect();
      process.kill(agent, 'SIGCONT');
      assert.equal(broken.drift, true);
      const wrong = broken.rules.filter((rule) => !rule.ok);
      assert.ok(wrong.some((rule) => rule.address === `${ip}:80/tcp`));
      assert.ok(
        wrong.every((rule) => rule.node === 'node-1'),
        'only node-1 was touched',
      );
    });
  }
}

/** Takes one endpoint of the service out of the kernel of node-1. */
function breakRules(cluster: Cluster, mode: 'iptables' | 'nftables', ip: string, endpoint: string): void {
  if (mode === 'iptables') {
    const rule =
      cluster
        .natRules('node-1')
        .find((line) => line.includes('"default/web"') && line.includes(`--to-destination ${endpoint}:80`)) ?? '';
    const args = rule.replace(/^-A /, '-D ').match(/"[^"]*"|\S+/g) ?? [];
    cluster.inNode('node-1', 'iptables', '-t', 'nat', ...args.map((arg) => arg.replaceAll('"', '')));
    return;
  }
  const map = cluster.inNode('node-1', 'nft', 'list', 'map', 'ip', 'portico', 'endpoints');
  const key = new RegExp(
    `(${ip.replaceAll('.', '\\.')} \\. tcp \\. 80 \\. \\d+) : ${endpoint.replaceAll('.', '\\.')} `,
  ).exec(map)?.[1];
  cluster.inNode('node-1', 'nft', 'delete', 'element', 'ip', 'portico', 'endpoints', `{ ${key} }`);
}
