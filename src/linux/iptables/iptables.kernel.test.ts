import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import {
  createNetns,
  deleteNetns,
  detectIptables,
  findProgram,
  IptablesError,
  openIptables,
  runCommand,
} from '../index.ts';

const name = `test-${process.pid}-ipt`;
createNetns(name);
after(() => deleteNetns(name));

for (const variant of ['nft', 'legacy'] as const) {
  const missing = findProgram(`iptables-${variant}`) === undefined;
  describe(`iptables-${variant}`, { skip: missing ? 'not installed' : false }, () => {
    const chain = { family: 'IPv4', table: 'nat', chain: 'KUBE-TEST' } as const;

    it('restores a table without touching other chains, and saves it', async () => {
      const iptables = openIptables({ variant, netns: name });
      assert.equal(await iptables.ensureChain({ ...chain, chain: 'KEEP' }), false);
      await iptables.restore({
        family: 'IPv4',
        input: '*nat\n:KUBE-TEST - [0:0]\n-A KUBE-TEST -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j RETURN\nCOMMIT\n',
      });
      const saved = await iptables.save({ family: 'IPv4', table: 'nat' });
      assert.match(saved, /-A KUBE-TEST -d 10\.96\.0\.10\/32 -p tcp -m tcp --dport 80 -j RETURN/);
      assert.match(saved, /:KEEP - /);
    });

    it('names the failing line', async () => {
      const iptables = openIptables({ variant, netns: name });
      const input = '*nat\n:KUBE-TEST - [0:0]\n-A KUBE-TEST -j NO-SUCH-CHAIN\nCOMMIT\n';
      await assert.rejects(iptables.restore({ family: 'IPv4', input }), (error) => {
        assert.ok(error instanceof IptablesError);
        assert.equal(error.resourceProblem, false);
        assert.ok(error.status > 0);
        assert.ok(error.line === undefined || error.line >= 3);
        return true;
      });
    });

    it('ensures chains and rules once, and deletes them', async () => {
      const iptables = openIptables({ variant, netns: name });
      assert.equal(await iptables.ensureChain(chain), true);
      const first = {
        ...chain,
        rule: ['-m', 'comment', '--comment', 'a b', '-j', 'RETURN'],
        position: 'prepend',
      } as const;
      const last = { ...chain, rule: ['-j', 'ACCEPT'], position: 'append' } as const;
      assert.equal(await iptables.ensureRule(first), false);
      assert.equal(await iptables.ensureRule(first), true);
      assert.equal(await iptables.ensureRule(last), false);
      const rules = (await iptables.save({ family: 'IPv4', table: 'nat' }))
        .split('\n')
        .filter((l) => l.startsWith('-A KUBE-TEST'));
      assert.match(rules[0] ?? '', /"a b"/);
      assert.equal(rules.at(-1), '-A KUBE-TEST -j ACCEPT');
      assert.equal(await iptables.deleteRule(last), true);
      assert.equal(await iptables.deleteRule(last), false);
      assert.equal(await iptables.flushChain(chain), true);
      assert.equal(await iptables.deleteChain(chain), true);
      assert.equal(await iptables.deleteChain(chain), false);
      assert.equal(await iptables.chainExists(chain), false);
    });

    it('works for IPv6', async () => {
      const iptables = openIptables({ variant, netns: name });
      const v6 = { ...chain, family: 'IPv6' } as const;
      assert.equal(await iptables.ensureChain(v6), false);
      assert.equal(await iptables.chainExists(v6), true);
      assert.equal(await iptables.deleteChain(v6), true);
    });
  });
}

describe('detectIptables', () => {
  it(
    'follows the kubelet hint, then the number of rules',
    { skip: findProgram('iptables-legacy') === undefined },
    async () => {
      const netns = `${name}-detect`;
      createNetns(netns);
      try {
        assert.equal(await detectIptables({ netns }), 'nft');
        await runCommand('iptables-legacy', ['-t', 'mangle', '-A', 'OUTPUT', '-j', 'ACCEPT'], { netns });
        assert.equal(await detectIptables({ netns }), 'legacy');
        await runCommand('iptables-nft', ['-t', 'mangle', '-N', 'KUBE-KUBELET-CANARY'], { netns });
        assert.equal(await detectIptables({ netns }), 'nft');
      } finally {
        deleteNetns(netns);
      }
    },
  );
});
