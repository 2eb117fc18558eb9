// What a node's kernel holds for a service, read back from each kind of rules in a namespace of its own.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, beforeEach, test } from 'node:test';
import type { EndpointSlice, Service } from '../api/objects.ts';
import { createNetns, deleteNetns, runCommand } from '../linux/index.ts';
import { inspectRules, readNodeRules } from './service-rules.ts';

const NETNS = `test-${process.pid}-rules`;
const PLACE = { kind: 'node', name: 'node-1', netns: NETNS } as const;
const ADDRESS = { ip: '10.96.0.10', protocol: 'tcp', port: 80 } as const;
const RULES = `*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-X - [0:0]
:KUBE-SEP-B - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-X
-A KUBE-SVC-X -j KUBE-SEP-B
-A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination 10.244.0.2:8080
COMMIT
`;

beforeEach(() => {
  deleteNetns(NETNS);
  createNetns(NETNS);
});
after(() => void deleteNetns(NETNS));

for (const [kind, program] of [
  ['nft', 'iptables-save'],
  ['legacy', 'iptables-legacy-save'],
] as const) {
  test(`readNodeRules() reads the rules of iptables-${kind}`, async () => {
    const made = await runCommand(`iptables-${kind}-restore`, [], { netns: NETNS, input: RULES });
    assert.equal(made.status, 0, made.stderr);
    const rules = await readNodeRules(PLACE, new Set([4] as const));
    assert.equal(rules.mode, 'iptables');
    assert.deepEqual(rules.about(ADDRESS), {
      kind: 'translate',
      targets: ['10.244.0.2:8080'],
      problems: [],
      noHairpin: ['10.244.0.2:8080'],
    });
    assert.deepEqual(rules.held, [ADDRESS]);
    assert.match(rules.base.join(), /nothing leads from OUTPUT to KUBE-SERVICES/);
    const shown = await runCommand('sh', ['-c', rules.list(ADDRESS)], { netns: NETNS });
    assert.equal(rules.list(ADDRESS), `${program} | grep -e 10.96.0.10`);
    assert.match(shown.stdout, /KUBE-SVC-X/);
  });
}

for (const tool of ['iptables-nft', 'iptables-legacy', 'ip6tables-nft', 'ip6tables-legacy'] as const) {
  test(`inspectRules() finds a rule of ${tool} that is deleted, and one that is wrong`, async () => {
    const v6 = tool.startsWith('ip6');
    const [vip, pod, other] = v6
      ? ['fd00:10:96::a', 'fd00:10:244::2', 'fd00:10:244::9']
      : ['10.96.0.10', '10.244.0.2', '10.244.0.9'];
    const dnat = (to: string) =>
      `KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination ${v6 ? `[${to}]` : to}:8080`.split(' ');
    const run = async (program: string, args: readonly string[], input?: string) => {
      const made = await runCommand(program, args, { netns: NETNS, ...(input === undefined ? {} : { input }) });
      assert.equal(made.status, 0, made.stderr);
    };
    await run(
      `${tool}-restore`,
      [],
      `*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-X - [0:0]
:KUBE-SEP-B - [0:0]
:KUBE-MARK-MASQ - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A KUBE-SERVICES -d ${vip} -p tcp -m tcp --dport 80 -j KUBE-SVC-X
-A KUBE-SVC-X -j KUBE-SEP-B
-A KUBE-SEP-B -s ${pod} -j KUBE-MARK-MASQ
-A ${dnat(pod).join(' ')}
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
COMMIT
`,
    );
    const meta = { name: 'web', namespace: 'default', uid: '1', resourceVersion: '1', creationTimestamp: '' };
    const service: Service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: meta,
      spec: { clusterIP: vip, clusterIPs: [vip], ports: [{ port: 80, protocol: 'TCP' }] },
    };
    const slice: EndpointSlice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: meta,
      addressType: v6 ? 'IPv6' : 'IPv4',
      ports: [{ name: '', port: 8080, protocol: 'TCP' }],
      endpoints: [{ addresses: [pod], conditions: { ready: true }, nodeName: 'node-1' }],
    };
    const problems = async () => {
      const rules = await readNodeRules(PLACE, new Set([v6 ? (6 as const) : (4 as const)]));
      const rows = inspectRules(service, [slice], [{ rules, ips: [] }]).filter((row) => row.address.includes(vip));
      assert.equal(rows.length, 1);
      return rows.flatMap((row) => row.problems).join();
    };
    assert.equal(await problems(), '');
    await run(tool, ['-t', 'nat', '-D', ...dnat(pod)]);
    assert.match(await problems(), /translates nothing/);
    await run(tool, ['-t', 'nat', '-A', ...dnat(other)]);
    assert.match(await problems(), /:8080 gets connections and is no usable endpoint/);
  });
}

test('readNodeRules() of a node without a proxy says so', async () => {
  const rules = await readNodeRules(PLACE, new Set([4, 6] as const));
  assert.equal(rules.mode, 'none');
  assert.deepEqual(rules.about(ADDRESS).problems, ['the node has no rules of a service proxy']);
});
