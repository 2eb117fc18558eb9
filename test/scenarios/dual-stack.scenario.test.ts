// Both families on two nodes, one that proxies with iptables and one with nftables: what `portico trace`, `inspect` and
// `doctor` say of IPv6 is what is there, and what is broken on purpose is named.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { runDoctor, traceConnection } from '../../src/trace/index.ts';
import type { NodeInspection, PodInspection, ServiceInspection, TraceReport } from '../../src/trace/index.ts';
import { eventually } from './cluster-fixture.ts';
import { NODE_NAMES, NODES, startDualStack, type DualStack, type NodeName } from './dual-stack-fixture.ts';
import { assertWalk, type ExpectedWalk } from './expected-walks.ts';

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
      containers: [{ name: web, image: portico/web, args: [--udp-echo, '5353'] }]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  type: NodePort
  ipFamilyPolicy: RequireDualStack
  ipFamilies: [IPv6, IPv4]
  selector: { app: web }
  ports: [{ port: 80, nodePort: 30080 }]
---
apiVersion: v1
kind: Service
metadata: { name: echo }
spec: { ipFamilies: [IPv6], selector: { app: web }, ports: [{ port: 5353, protocol: UDP }] }
---
apiVersion: v1
kind: Service
metadata: { name: empty }
spec: { ipFamilies: [IPv6], selector: { app: nobody }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: deaf }
spec: { ipFamilies: [IPv6], selector: { app: web }, ports: [{ port: 80, targetPort: 9999 }] }
${NODE_NAMES.map(
  (node) => `---
apiVersion: v1
kind: Pod
metadata: { name: shell-${node} }
spec: { nodeName: ${node}, terminationGracePeriodSeconds: 1, containers: [{ name: shell, image: portico/shell }] }
`,
).join('')}`;

let cluster: DualStack;
let virtual: string;

before(async () => {
  cluster = await startDualStack();
  cluster.apply(MANIFEST);
  cluster.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s');
  virtual = cluster.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  for (const node of NODE_NAMES) {
    await eventually(`names on ${node}`, async () =>
      (await trace(`shell-${node}`, 'empty')).verdict.code === 'rejected-by-rule' ? true : undefined,
    );
  }
});
after(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

async function trace(from: string, to: string, more: { count?: number; protocol?: 'udp' } = {}): Promise<TraceReport> {
  const { client, environment } = cluster;
  return (await traceConnection({ client, environment, from, to, ...more })).report;
}

/** The walks to the endpoints of both nodes, each as it must be. */
async function assertWalks(expected: ExpectedWalk, from: string, to: string, protocol?: 'udp'): Promise<void> {
  const toBoth = async () => {
    const { walks, verdict } = await trace(from, to, { count: 6, ...(protocol && { protocol }) });
    assert.equal(verdict.code, 'ok', verdict.sentence);
    const found = NODE_NAMES.flatMap((node) => walks.find(({ endpoint }) => endpoint?.node === node) ?? []);
    for (const walk of found) {
      const itself = walk.endpoint?.place?.name === walk.client.name;
      assertWalk(cluster, 'native', walk, itself ? { ...expected, masquerade: true } : expected);
      assert.equal(walk.endpoint?.outOf, 2, 'endpoints of the other family are none of this address');
      assert.ok(Math.abs((walk.endpoint?.probability ?? 0) - 0.5) < 1e-6);
    }
    return found.length === 2 ? true : undefined;
  };
  // Tries take seconds on a busy machine.
  await eventually(`${from} to ${to}, on both nodes`, toBoth, 60_000);
}

for (const clientNode of NODE_NAMES) {
  test(`IPv6 walks from ${NODES[clientNode]}: pods, itself, UDP, the node, a node port`, async () => {
    const pod = { client: 'pod', clientNode, masquerade: false } as const;
    await assertWalks(pod, `shell-${clientNode}`, `[${virtual}]:80`);
    await assertWalks(pod, `shell-${clientNode}`, 'echo', 'udp');
    const names = cluster.kubectl(
      'get',
      'pods',
      '-l',
      'app=web',
      '-o',
      'jsonpath={range .items[*]}{.spec.nodeName} {.metadata.name}{"\\n"}{end}',
    );
    await assertWalks(pod, new RegExp(`^${clientNode} (\\S+)$`, 'm').exec(names)?.[1] ?? '', `[${virtual}]:80`);
    await assertWalks({ client: 'node', clientNode, masquerade: true }, `node/${clientNode}`, 'web');
    const address = cluster.kubectl('get', 'node', clientNode, '-o', 'jsonpath={.status.addresses[1].address}');
    await assertWalks({ client: 'external', clientNode, masquerade: true }, 'external', `[${address}]:30080`);
  });

  test(`IPv6 failures from ${NODES[clientNode]} are named`, async () => {
    const empty = await trace(`shell-${clientNode}`, 'empty');
    assert.equal(empty.verdict.code, 'rejected-by-rule');
    assert.match(empty.verdict.sentence, new RegExp(`no ready endpoint: refused on ${clientNode} by ip6 `));
    // A name that has no address of the one family is asked for the other.
    assert.deepEqual(
      empty.dns?.questions.map(({ type, answer }) => `${type} ${answer?.rcode} ${answer?.addresses.length}`),
      ['A NOERROR 0', 'AAAA NOERROR 1'],
    );
    const deaf = await trace(`shell-${clientNode}`, 'deaf');
    assert.equal(deaf.verdict.code, 'no-listener', deaf.verdict.sentence);
    const other = clientNode === 'one' ? 'two' : 'one';
    const cidrs = cluster.kubectl('get', 'node', other, '-o', 'jsonpath={.spec.podCIDRs[1]}');
    const nobody = await trace(`shell-${clientNode}`, `[${cidrs.replace('::/64', '::dead')}]:80`);
    assert.equal(nobody.verdict.code, 'no-route', nobody.verdict.sentence);
  });

  test(`inspect reads IPv6 back from ${NODES[clientNode]} and finds drift`, async () => {
    const look = <T>(kind: string, name: string): { seen: T; status: number } => {
      const r = cluster.porticoOn(clientNode, 'inspect', '-o', 'json', kind, name);
      assert.notEqual(r.stdout, '', r.stderr);
      return { seen: JSON.parse(r.stdout) as T, status: r.status };
    };
    const service = look<ServiceInspection>('service', 'web');
    assert.equal(service.status, 0, JSON.stringify(service.seen.rules));
    const families = Map.groupBy(service.seen.rules, (rule) => rule.address.includes('['));
    assert.deepEqual([families.get(true)?.length, families.get(false)?.length], [2, 2]);
    assert.deepEqual(
      service.seen.dns.map((row) => row.ok),
      [true, true],
    );
    const differences = (): string[] => {
      const node = look<NodeInspection>('node', clientNode);
      const pod = look<PodInspection>('pod', `shell-${clientNode}`);
      const rows = [...node.seen.network, ...pod.seen.network].filter((row) => !row.ok);
      assert.equal(node.status, node.seen.drift ? 1 : 0);
      return [
        ...rows.map((row) => `${row.layer} ${row.what}: ${row.found}`),
        ...node.seen.rules.flatMap((rule) => rule.problems.map((problem) => `${rule.address}: ${problem}`)),
      ];
    };
    assert.deepEqual(differences(), []);
    const { broken, mended } = breakages(clientNode);
    // The agent would mend it at once.
    cluster.signal(clientNode, 'SIGSTOP');
    try {
      const mendings = broken.map(({ breakIt }) => breakIt());
      const found = differences();
      for (const { expected } of broken) {
        assert.ok(
          found.some((line) => expected.test(line)),
          `${expected} in\n${found.join('\n')}`,
        );
      }
      for (const mend of mendings.toReversed()) mended(mend);
    } finally {
      cluster.signal(clientNode, 'SIGCONT');
    }
    await eventually('no difference', () => (differences().length === 0 ? true : undefined));
  });
}

/** A rule or element deleted, a route deleted, one that is stale, a pod that has lost its way out. */
function breakages(node: NodeName) {
  const ip6 = (...args: string[]) => cluster.inNode(node, 'ip', '-6', ...args);
  const other = node === 'one' ? 'two' : 'one';
  const cidr = cluster.kubectl('get', 'node', other, '-o', 'jsonpath={.spec.podCIDRs[1]}');
  const shell = cluster.kubectl('get', 'pod', `shell-${node}`, '-o', 'jsonpath={.status.podIPs[1].ip}');
  const way = ip6('route', 'show', cidr).trim().split(/\s+/).slice(0, 5);
  const stale = ['fd00:10:244:77::/64', 'via', way[2] ?? '', 'proto', '99'];
  const own = / dev (\S+)/.exec(ip6('route', 'show', `${shell}/128`))?.[1] ?? '';
  const mac = /lladdr (\S+)/.exec(ip6('neigh', 'show', shell, 'dev', own))?.[1] ?? '';
  const neighbor = (to: string) => ['neigh', 'replace', shell, 'lladdr', to, 'dev', own, 'nud', 'permanent'];
  const run = (args: readonly string[]) => ip6(...args);
  const broken = [
    {
      breakIt: () => (ip6('route', 'del', cidr), ['route', 'replace', ...way, 'proto', '99']),
      expected: new RegExp(`^route .*pods of ${other}: nothing`),
    },
    {
      breakIt: () => (ip6('route', 'add', ...stale), ['route', 'del', ...stale]),
      expected: /^route fd00:10:244:77::\/64: no node and no pod/,
    },
    {
      breakIt: () => (run(neighbor('02:00:00:00:00:01')), neighbor(mac)),
      expected: /^neighbour .*shell.*: 02:00/,
    },
    { breakIt: () => breakRule(node), expected: /^\[fd00:10:96::\w+\]:80\/tcp: / },
  ];
  return { broken, mended: (args: readonly string[]) => void (args.length > 0 && run(args)) };
}

/** The proxy mends it when it goes on: nothing is left to do by hand. */
function breakRule(node: NodeName): readonly string[] {
  if (NODES[node] === 'iptables') {
    const saved = cluster.inNode(node, 'ip6tables-save', '-t', 'nat').split('\n');
    const rule = saved.find((line) => line.includes('"default/web"') && line.includes('-j DNAT')) ?? '';
    const words = (rule.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', '')).slice(1);
    cluster.inNode(node, 'ip6tables', '-t', 'nat', '-D', ...words);
    return [];
  }
  const map = cluster.inNode(node, 'nft', 'list', 'map', 'ip6', 'portico', 'endpoints');
  const key = new RegExp(`${virtual} \\. tcp \\. 80 \\. 1(?= : )`).exec(map)?.[0] ?? '';
  cluster.inNode(node, 'nft', 'delete', 'element', 'ip6', 'portico', 'endpoints', `{ ${key} }`);
  return [];
}

test('doctor examines IPv6 too, and mends what is safe', async () => {
  const { client, environment } = cluster;
  const examine = (fix: boolean) =>
    runDoctor({
      nodes: NODE_NAMES.map((name) => ({
        name,
        netns: cluster.netns(name),
        uplink: 'eth0',
        wire: { netns: cluster.netns('fabric'), device: name },
      })),
      fabricNetns: cluster.netns('fabric'),
      api: { client, environment },
      fix,
    });
  const wrong = async (fix = false) =>
    (await examine(fix)).findings.flatMap((f) =>
      f.level === 'ok' ? [] : `${f.level} ${f.where} ${f.check}: ${f.what}`,
    );
  assert.deepEqual(await wrong(), []);
  for (const node of NODE_NAMES) cluster.signal(node, 'SIGSTOP');
  try {
    cluster.inNode('one', 'sysctl', '-qw', 'net.ipv6.conf.all.forwarding=0');
    const cidr = cluster.kubectl('get', 'node', 'one', '-o', 'jsonpath={.spec.podCIDRs[1]}');
    cluster.inNode('two', 'ip', '-6', 'route', 'del', cidr);
    cluster.inNode(
      'two',
      'nft',
      'add table ip6 fence; add chain ip6 fence pass { type filter hook forward priority 0; policy drop; }',
    );
    const found = await wrong();
    for (const expected of [
      /^fail one net\.ipv6\.conf\.all\.forwarding: is 0/,
      /^warn two other firewalls: ip6 fence pass \(forward, policy drop\)/,
      /^warn two routes and rules: 1 differ/,
    ]) {
      assert.ok(
        found.some((line) => expected.test(line)),
        `${expected} in\n${found.join('\n')}`,
      );
    }
    const after = await wrong(true);
    assert.ok(!after.some((line) => line.includes('forwarding')), after.join('\n'));
    assert.equal(cluster.inNode('one', 'sysctl', '-n', 'net.ipv6.conf.all.forwarding').trim(), '1');
    // A trace says which of them stops packets.
    const shut = await trace('shell-two', `[${virtual}]:80`, { count: 1 });
    assert.equal(shut.verdict.code, 'dropped-by-rule', shut.verdict.sentence);
    assert.match(shut.verdict.sentence, /dropped on two by ip6 fence pass/);
  } finally {
    cluster.inNode('two', 'nft', 'delete table ip6 fence');
    for (const node of NODE_NAMES) cluster.signal(node, 'SIGCONT');
  }
});
