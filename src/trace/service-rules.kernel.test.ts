// What a node's kernel holds for a service, read back from each kind of rules in a namespace of its own.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, beforeEach, test } from 'node:test';
import { createNetns, deleteNetns, runCommand } from '../linux/index.ts';
import { readNodeRules } from './service-rules.ts';

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

test('readNodeRules() of a node without a proxy says so', async () => {
  const rules = await readNodeRules(PLACE, new Set([4, 6] as const));
  assert.equal(rules.mode, 'none');
  assert.deepEqual(rules.about(ADDRESS).problems, ['the node has no rules of a service proxy']);
});
