import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBackSteps, refusingRules, translatingRules } from './legacy-path.ts';
import { parseSave } from './rule-texts.ts';

const CHAINS = parseSave(`*nat
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.96.0.9/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-OTHER
-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "-d 10.1.1.1/32 in a comment" -m tcp --dport 80 -j KUBE-SVC-A
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-SVC-A ! -s 10.244.0.0/16 -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-A -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-X
-A KUBE-SVC-A -j KUBE-SEP-Y
-A KUBE-SVC-OTHER -j KUBE-SEP-Y
-A KUBE-SEP-X -p tcp -m tcp -j DNAT --to-destination 10.244.0.1:80
-A KUBE-SEP-Y -p tcp -m tcp -j DNAT --to-destination 10.244.1.1:80
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
COMMIT
*filter
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD -m conntrack --ctstate NEW -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.96.0.11/32 -p tcp -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable
COMMIT
`);
const packet = (destination: string) => ({ protocol: 'tcp', destination, destinationPort: 80 }) as const;

test('translatingRules() is the way to the translation that was seen', () => {
  const rules = translatingRules(CHAINS, packet('10.96.0.10'), '10.244.1.1:80');
  assert.deepEqual(
    rules.map((rule) => /-A (\S+)/.exec(rule)?.[1]),
    ['PREROUTING', 'KUBE-SERVICES', 'KUBE-SVC-A', 'KUBE-SEP-Y'],
  );
  assert.match(rules[1] ?? '', /-d 10\.96\.0\.10\/32/);
  assert.deepEqual(translatingRules(CHAINS, packet('10.96.0.10'), '10.9.9.9:80'), []);
  assert.deepEqual(translatingRules(CHAINS, packet('10.96.0.12'), '10.244.1.1:80'), []);
});

test('refusingRules() is the way to a rule about that destination only', () => {
  assert.equal(refusingRules(CHAINS, packet('10.96.0.11')).length, 2);
  assert.deepEqual(refusingRules(CHAINS, packet('10.96.0.10')), []);
  assert.deepEqual(refusingRules(CHAINS, { ...packet('10.96.0.11'), protocol: 'udp' }), []);
});

test('readBackSteps() says that they were read back', () => {
  const [step] = readBackSteps('node-1', 'ip', 'filter', refusingRules(CHAINS, packet('10.96.0.11')).slice(1));
  assert.deepEqual([step?.chain, step?.verdict, step?.readBack], ['KUBE-SERVICES', 'drop', true]);
});
