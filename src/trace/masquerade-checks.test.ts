import assert from 'node:assert/strict';
import { test } from 'node:test';
import { baseProblemsInIptables, baseProblemsInNft } from './masquerade-checks.ts';
import { parseNftRuleset } from './nft-ruleset.ts';
import { savedRules } from './programmed.ts';

const SAVE = `*nat
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
COMMIT
`;
const without = (text: string, pattern: RegExp) =>
  text
    .split('\n')
    .filter((line) => !pattern.test(line))
    .join('\n');
const iptables = (save: string) => baseProblemsInIptables(savedRules(save));

test('baseProblemsInIptables() wants the ways in, one mark, and the masquerade', () => {
  assert.deepEqual(iptables(SAVE), []);
  assert.match(iptables(without(SAVE, /-A PREROUTING/)).join(), /PREROUTING to KUBE-SERVICES: connections of pods/);
  assert.match(iptables(without(SAVE, /-A POSTROUTING/)).join(), /POSTROUTING to KUBE-POSTROUTING: nothing is masq/);
  assert.match(iptables(without(SAVE, /MASQUERADE/)).join(), /KUBE-POSTROUTING masquerades nothing/);
  assert.match(iptables(without(SAVE, /-A KUBE-MARK-MASQ/)).join(), /KUBE-MARK-MASQ sets no mark/);
  assert.deepEqual(iptables(SAVE.replace('--mark 0x4000', '--mark 0x8000')), [
    'packets are marked 0x4000, and masqueraded when marked 0x8000',
  ]);
});

const LISTING = `table ip portico {
	chain nat-prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		jump services
	}
	chain nat-output {
		type nat hook output priority -100; policy accept;
		jump services
	}
	chain services {
		ip daddr 10.96.0.1 meta mark set meta mark | 0x00004000
	}
	chain nat-postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		jump masquerading
	}
	chain masquerading {
		meta mark & 0x00004000 != 0x00000000 masquerade fully-random
	}
}
`;
const nft = (listing: string) => baseProblemsInNft(parseNftRuleset(listing));

test('baseProblemsInNft() wants the same', () => {
  assert.deepEqual(nft(LISTING), []);
  assert.match(nft(LISTING.replace('\t\tjump services\n', '')).join(), /no rule stands at nat prerouting: .* of pods/);
  assert.match(nft(without(LISTING, /masquerade/)).join(), /no rule at nat postrouting masquerades/);
  assert.match(nft(LISTING.replace('& 0x00004000', '& 0x00008000')).join(), /are marked 0x00004000, and masq/);
});
