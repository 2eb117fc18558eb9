import assert from 'node:assert/strict';
import { test } from 'node:test';

import { acceptChain, forwardChains, refusesForwarded } from './host-firewall.ts';

test('refusesForwarded(): a policy or a last rule, not a rule that is about something', () => {
  const table = (policy: string, ...rules: string[]) =>
    ['*filter', ':INPUT DROP [0:0]', `:FORWARD ${policy} [0:0]`, ...rules, 'COMMIT', ''].join('\n');
  assert.equal(refusesForwarded(table('ACCEPT')), false);
  assert.equal(refusesForwarded(table('DROP', '-A FORWARD -j DOCKER-USER')), true);
  assert.equal(refusesForwarded(table('ACCEPT', '-A FORWARD -j REJECT --reject-with icmp-host-prohibited')), true);
  assert.equal(refusesForwarded(table('ACCEPT', '-A FORWARD -s 192.0.2.1/32 -j DROP')), false);
  assert.equal(refusesForwarded(table('ACCEPT', '-A INPUT -j REJECT')), false);
  assert.equal(refusesForwarded(''), false);
});

test('acceptChain(): both directions of each range, the chain emptied before', () => {
  assert.equal(
    acceptChain(['10.244.0.0/16']),
    `*filter
:PORTICO-FORWARD - [0:0]
-A PORTICO-FORWARD -s 10.244.0.0/16 -j ACCEPT
-A PORTICO-FORWARD -d 10.244.0.0/16 -j ACCEPT
COMMIT
`,
  );
});

test('forwardChains(): those of the forward hook, with their policies', () => {
  const text = `table inet firewalld {
	chain mangle_PREROUTING {
		type filter hook prerouting priority mangle + 10; policy accept;
	}
	chain filter_FORWARD {
		type filter hook forward priority filter + 10; policy accept;
	}
	chain filter_FWD_public {
	}
}
table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
	}
}
`;
  assert.deepEqual(forwardChains(text), [
    { table: 'inet firewalld', chain: 'filter_FORWARD', policyDrops: false },
    { table: 'ip filter', chain: 'FORWARD', policyDrops: true },
  ]);
});
