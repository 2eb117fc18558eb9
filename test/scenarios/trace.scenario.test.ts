// `portico trace` and `portico inspect` on a live cluster: for each network and proxy mode the walk of every kind of
// connection is the expected list of hops, and what is broken on purpose is named.
import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';

import type { ServiceInspection, TraceReport, Walk } from '../../src/trace/index.ts';
import { eventually, portico, run, startCluster, type Cluster } from './cluster-fixture.ts';
import { checkDrift } from './drift.ts';
import { assertWalk } from './expected-walks.ts';
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
metadata: { name: echo }
spec: { type: NodePort, selector: { app: web }, ports: [{ port: 5353, protocol: UDP, nodePort: 30053 }] }
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

/** Connections until the kernel, which chooses, has chosen an endpoint on each of these nodes; the first walk to each. */
async function tracesTo(cluster: Cluster, nodes: readonly string[], ...args: string[]): Promise<Walk[]> {
  return eventually(
    `connections to endpoints on ${nodes.join(' and ')}`,
    () => {
      // Each has one chance in two.
      const { verdict, walks } = trace(cluster, ...args, '--count', '6');
      assert.equal(verdict.code, 'ok', verdict.sentence);
      const found = nodes.flatMap((node) => walks.find(({ endpoint }) => endpoint?.node === node) ?? []);
      return found.length === nodes.length ? found : undefined;
    },
    60_000,
  );
}

const BOTH = ['node-1', 'node-2'];
const PODS_AND_NODES = 'jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{"\\n"}{end}';

for (const network of ['native', 'vxlan'] as const) {
  for (const mode of ['iptables', 'nftables'] as const) {
    test(`trace and inspect: ${network}, ${mode}`, async () => {
      await using cluster = startCluster('--nodes', '2', '--network', network, '--proxy-mode', mode);
      cluster.apply(MANIFEST);
      cluster.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=30s');
      await eventually('the name of the service', () =>
        trace(cluster, 'shell', 'web').verdict.code === 'ok' ? true : undefined,
      );

      const fromPod = { client: 'pod', clientNode: 'node-1', masquerade: false } as const;
      for (const args of [
        ['shell', 'web.default'],
        ['shell', 'echo', '--udp'],
      ]) {
        for (const walk of await tracesTo(cluster, BOTH, ...args)) assertWalk(cluster, network, walk, fromPod);
      }
      const fromNode = { client: 'node', clientNode: 'node-1', masquerade: true } as const;
      for (const walk of await tracesTo(cluster, BOTH, 'node/node-1', 'web'))
        assertWalk(cluster, network, walk, fromNode);
      const outside = { client: 'external', clientNode: 'node-1', masquerade: true } as const;
      for (const port of ['30080', '30053']) {
        for (const walk of await tracesTo(cluster, BOTH, 'external', `node/node-1:${port}`))
          assertWalk(cluster, network, walk, outside);
      }
      const pods = cluster.kubectl('get', 'pod', '-l', 'app=web', '-o', PODS_AND_NODES);
      const [, itself = ''] = /^(\S+) node-1$/m.exec(pods) ?? [];
      const [hairpin, away] = await tracesTo(cluster, BOTH, itself, 'web');
      assert.ok(hairpin !== undefined && away !== undefined);
      assertWalk(cluster, network, hairpin, { ...fromPod, masquerade: true });
      assertWalk(cluster, network, away, fromPod);
      // The same walk through captures of tcpdump's own.
      const places = ['node-1', 'node-2', 'shell'];
      const { result, captured } = await captureDuring(cluster, places, () =>
        tracesTo(cluster, ['node-2'], 'shell', 'web'),
      );
      const [across] = result;
      assert.ok(across !== undefined);
      assertAgrees(across, places, captured);
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
      assert.ok(dns !== undefined);
      assertWalk(cluster, network, dns.walk, fromPod);

      assert.equal(trace(cluster, 'shell', 'empty').verdict.code, 'rejected-by-rule');
      assert.equal(trace(cluster, 'shell', 'deaf').verdict.code, 'no-listener');
      assert.equal(trace(cluster, 'shell', 'nowhere').verdict.code, 'name-not-found');

      if ((network === 'vxlan') === (mode === 'nftables')) {
        await checkTargets(cluster);
        await checkBreakages(cluster, mode, network === 'vxlan');
      } else {
        // The other two have clusters of their own.
        await checkDrift(cluster, network, mode);
      }

      const inspect = (status: number): ServiceInspection => {
        const r = run(portico, ['inspect', ...cluster.flags, '-o', 'json', 'service', 'web']);
        assert.equal(r.status, status, r.stdout + r.stderr);
        return JSON.parse(r.stdout) as ServiceInspection;
      };
      await tracesTo(cluster, BOTH, 'shell', 'web');
      const sound = inspect(0);
      // Those are remembered for a while.
      assert.ok(
        sound.endpoints.length === 2 && sound.endpoints.every((e) => e.connections > 0),
        JSON.stringify(sound.endpoints),
      );
      assert.equal(sound.drift, false, JSON.stringify(sound.rules, null, 1));
      assert.equal(sound.rules.length, 4, 'the virtual address and the node port, on each node');
      // The proxy would mend it at once.
      const agent = cluster.pid('agent-node-1');
      process.kill(agent, 'SIGSTOP');
      breakRules(cluster, mode, ip, first ?? '');
      const broken = inspect(1);
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
