import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseListing, parseSave } from './rule-texts.ts';

test('parseListing() and parseSave() agree on the order of a chain', () => {
  const rules = parseListing(`table ip nat { # handle 1
	chain KUBE-SERVICES { # handle 1
		meta l4proto tcp ip daddr 10.96.0.10  tcp dport 80 counter packets 1 bytes 60 jump A # handle 4
		ip daddr 10.96.0.10 tcp dport 80 counter packets 1 bytes 60 dnat to 10.1.0.1:9999 # handle 12
	}
}
table ip nat { # handle 1
	chain PREROUTING { # handle 2
		type nat hook prerouting priority dstnat; policy accept;
		 counter packets 2 bytes 120 jump KUBE-SERVICES # handle 3
	}
}`);
  assert.deepEqual(rules.get('ip nat KUBE-SERVICES'), [
    { handle: 4, text: 'meta l4proto tcp ip daddr 10.96.0.10 tcp dport 80 jump A' },
    { handle: 12, text: 'ip daddr 10.96.0.10 tcp dport 80 dnat to 10.1.0.1:9999' },
  ]);
  assert.equal(rules.get('ip nat PREROUTING')?.[0]?.handle, 3);
  const save = parseSave(`*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -j KUBE-SERVICES
[3:180] -A KUBE-SERVICES -d 10.96.0.10/32 -j A
-A KUBE-SERVICES -d 10.96.0.10/32 -j B
COMMIT
*filter
-A KUBE-SERVICES -j REJECT
COMMIT`);
  assert.deepEqual(save.get('nat KUBE-SERVICES'), [
    '-A KUBE-SERVICES -d 10.96.0.10/32 -j A',
    '-A KUBE-SERVICES -d 10.96.0.10/32 -j B',
  ]);
  assert.deepEqual(save.get('filter KUBE-SERVICES'), ['-A KUBE-SERVICES -j REJECT']);
});
