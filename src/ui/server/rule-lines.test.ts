import assert from 'node:assert/strict';
import { test } from 'node:test';

import { iptablesLines, nftLines } from './rule-lines.ts';

const SAVE = `*filter
:KUBE-SERVICES - [0:0]
-A KUBE-SERVICES -d 10.96.0.9/32 -p tcp -m comment --comment "default/empty has no endpoints" -j REJECT
COMMIT
*nat
-A PREROUTING -j KUBE-SERVICES
[3:180] -A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.0.1:80
-A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination 10.244.0.2:80
-A KUBE-SEP-C -p tcp -m tcp -j DNAT --to-destination 10.244.0.3:53
-A KUBE-SERVICES -d 10.96.0.7/32 -p tcp -m comment --comment "to -j KUBE-SVC-DNS" -j KUBE-SVC-WEB
-A KUBE-SERVICES -d 10.96.0.70/32 -p tcp -j KUBE-SVC-DNS
-A KUBE-SVC-DNS -j KUBE-SEP-C
-A KUBE-SVC-WEB ! -s 10.244.0.0/16 -d 10.96.0.7/32 -p tcp -j KUBE-MARK-MASQ
-A KUBE-SVC-WEB -m statistic --mode random --probability 0.5 -j KUBE-SEP-A
-A KUBE-SVC-WEB -j KUBE-SEP-B
COMMIT
`;

test('iptablesLines() follows the chains of one service only, choice before chosen', () => {
  assert.deepEqual(iptablesLines(SAVE, ['10.96.0.7']), [
    '-A KUBE-SERVICES -d 10.96.0.7/32 -p tcp -m comment --comment "to -j KUBE-SVC-DNS" -j KUBE-SVC-WEB',
    '-A KUBE-SVC-WEB ! -s 10.244.0.0/16 -d 10.96.0.7/32 -p tcp -j KUBE-MARK-MASQ',
    '-A KUBE-SVC-WEB -m statistic --mode random --probability 0.5 -j KUBE-SEP-A',
    '-A KUBE-SVC-WEB -j KUBE-SEP-B',
    '-A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.0.1:80',
    '-A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination 10.244.0.2:80',
  ]);
});

test('iptablesLines() shows the refusal of a service without endpoints', () => {
  assert.equal(iptablesLines(SAVE, ['10.96.0.9']).length, 1);
  assert.deepEqual(iptablesLines(SAVE, ['10.96.0.99']), []);
});

test('nftLines() names the map of each element', () => {
  const listing = `table ip portico {
\tmap services {
\t\ttype ipv4_addr . inet_proto . inet_service : verdict
\t\telements = { 10.96.0.7 . tcp . 80 : goto one,
\t\t\t     10.96.0.70 . tcp . 80 : goto two }
\t}
\tset no-endpoints {
\t\telements = { 10.96.0.7 . udp . 53 }
\t}
}
`;
  assert.deepEqual(nftLines(listing, ['10.96.0.7']), [
    'map services: 10.96.0.7 . tcp . 80 : goto one',
    'set no-endpoints: 10.96.0.7 . udp . 53',
  ]);
});
