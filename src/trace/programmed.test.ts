import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNftRuleset } from './nft-ruleset.ts';
import { programmedInIptables as inIptables, programmedInNft as inNft, savedRules } from './programmed.ts';
import type { ServiceAddress } from './programmed.ts';

const programmedInIptables = (save: string, address: ServiceAddress) => inIptables(savedRules(save), address);
const programmedInNft = (listing: string, address: ServiceAddress) => inNft(parseNftRuleset(listing), address);

const ADDRESS = { ip: '10.96.0.10', protocol: 'tcp', port: 80 } as const;

const SAVE = `*nat
-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "default/nginx cluster IP" -m tcp --dport 80 -j KUBE-SVC-A
-A KUBE-SERVICES -d 10.96.0.100/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-OTHER
-A KUBE-SEP-X -s 10.244.0.1/32 -m comment --comment "default/nginx" -j KUBE-MARK-MASQ
-A KUBE-SEP-X -p tcp -m comment --comment "default/nginx" -m tcp -j DNAT --to-destination 10.244.0.1:80
-A KUBE-SEP-Y -s 10.244.1.1/32 -m comment --comment "default/nginx" -j KUBE-MARK-MASQ
-A KUBE-SEP-Y -p tcp -m tcp -j DNAT --to-destination 10.244.1.1:80
-A KUBE-SVC-A ! -s 10.244.0.0/16 -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-A -m comment --comment "default/nginx -> 10.244.0.1:80" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-X
-A KUBE-SVC-A -m comment --comment "default/nginx -> 10.244.1.1:80" -j KUBE-SEP-Y
-A KUBE-NODEPORTS -p tcp -m comment --comment "default/nginx" -m tcp --dport 30080 -j KUBE-EXT-A
-A KUBE-EXT-A -m comment --comment "masquerade traffic for default/nginx external destinations" -j KUBE-MARK-MASQ
-A KUBE-EXT-A -j KUBE-SVC-A
COMMIT
*filter
-A KUBE-SERVICES -d 10.96.0.11/32 -p tcp -m comment --comment "default/empty has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable
COMMIT
`;

test('programmedInIptables() follows a service to its targets', () => {
  assert.deepEqual(programmedInIptables(SAVE, ADDRESS), {
    kind: 'translate',
    targets: ['10.244.0.1:80', '10.244.1.1:80'],
    problems: [],
  });
  assert.equal(programmedInIptables(SAVE, { ...ADDRESS, ip: '10.96.0.11' }).kind, 'reject');
  assert.equal(programmedInIptables(SAVE, { ...ADDRESS, port: 81 }).kind, 'absent');
  assert.equal(programmedInIptables(SAVE, { ...ADDRESS, protocol: 'udp' }).kind, 'absent');
});

test('programmedInIptables() follows a node port', () => {
  const nodePort = { ip: '172.30.0.11', protocol: 'tcp', port: 30080, nodePort: true } as const;
  assert.deepEqual(programmedInIptables(SAVE, nodePort), {
    kind: 'translate',
    targets: ['10.244.0.1:80', '10.244.1.1:80'],
    problems: [],
    marked: true,
  });
  const unmarked = SAVE.replace(/^-A KUBE-EXT-A .*KUBE-MARK-MASQ\n/m, '');
  assert.equal(programmedInIptables(unmarked, nodePort).marked, undefined);
  assert.equal(programmedInIptables(SAVE, { ...nodePort, port: 30081 }).kind, 'absent');
});

test('programmedInIptables() finds what was deleted', () => {
  const without = (pattern: RegExp) =>
    SAVE.split('\n')
      .filter((line) => !pattern.test(line))
      .join('\n');
  assert.deepEqual(programmedInIptables(without(/-A KUBE-SEP-Y .*DNAT/), ADDRESS), {
    kind: 'translate',
    targets: ['10.244.0.1:80'],
    problems: ['chain KUBE-SEP-Y translates nothing'],
  });
  assert.deepEqual(programmedInIptables(without(/-A KUBE-SEP-X -s/), ADDRESS).noHairpin, ['10.244.0.1:80']);
  const oneLess = programmedInIptables(without(/-j KUBE-SEP-Y/), ADDRESS);
  assert.deepEqual(oneLess.targets, ['10.244.0.1:80']);
  assert.match(oneLess.problems[0] ?? '', /takes 0.5 of the connections to KUBE-SEP-X instead of 1 in 1/);
  assert.deepEqual(programmedInIptables(without(/-A KUBE-SVC-A/), ADDRESS).problems, ['chain KUBE-SVC-A is empty']);
});

const LISTING = `table ip portico {
	comment "rules"
	set services-2 {
		typeof ip daddr . meta l4proto . th dport
		elements = { 10.96.0.10 . tcp . 80,
			     10.96.0.12 . tcp . 443 comment "a, b" }
	}
	set cluster-ips {
		typeof ip daddr
		elements = { 10.96.0.10, 10.96.0.11 }
	}
	set hairpins {
		typeof ip saddr . ip daddr . meta l4proto . th dport
		elements = { 10.244.1.1 . 10.244.1.1 . tcp . 80,
			     10.244.0.1 . 10.244.0.1 . tcp . 80,
			     10.244.0.7 . 10.244.0.7 . tcp . 80 }
	}
	set rejected {
		typeof ip daddr . meta l4proto . th dport
		elements = { 10.96.0.11 . tcp . 80 }
	}
	map services {
		typeof ip daddr . meta l4proto . th dport : verdict
		elements = { 10.96.0.10 . udp . 53 : goto gone,
			     10.96.0.13 . tcp . 80 : goto sticky }
	}
	map endpoints {
		typeof ip daddr . meta l4proto . th dport . numgen random mod 65536 : ip daddr . th dport
		elements = { 10.96.0.10 . tcp . 80 . 0 : 10.244.1.1 . 80,
			     10.96.0.10 . tcp . 80 . 1 : 10.244.0.1 . 80 }
	}
	map affinity {
		type ipv4_addr : ipv4_addr . inet_service
		elements = { 10.244.0.9 timeout 3h expires 2h59m : 10.244.0.7 . 80 }
	}
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		jump services
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ct status dnat ip saddr . ip daddr . meta l4proto . th dport @hairpins masquerade fully-random
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
		ct state new jump check
	}
	chain services {
		ip daddr @cluster-ips ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x00004000
		ip daddr . meta l4proto . th dport @services-2 goto pick-2
		ip daddr . meta l4proto . th dport vmap @services
	}
	chain pick-2 {
		meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 2 map @endpoints
	}
	chain sticky {
		dnat ip to ip saddr map @affinity
		numgen random mod 2 vmap { 0 : goto one, 1 : goto two }
		meta l4proto tcp dnat to 10.244.0.7:80
	}
	chain check {
		ip daddr . meta l4proto . th dport @rejected reject
		ip daddr 10.96.0.0/12 tcp dport 81 drop
	}
}
`;

test('programmedInNft() follows a packet through sets, maps and chains', () => {
  assert.deepEqual(programmedInNft(LISTING, ADDRESS), {
    kind: 'translate',
    targets: ['10.244.0.1:80', '10.244.1.1:80'],
    problems: [],
  });
  assert.equal(programmedInNft(LISTING, { ...ADDRESS, ip: '10.96.0.11' }).kind, 'reject');
  assert.equal(programmedInNft(LISTING, { ...ADDRESS, port: 81 }).kind, 'reject');
  assert.equal(programmedInNft(LISTING, { ...ADDRESS, port: 82 }).kind, 'absent');
  assert.deepEqual(programmedInNft(LISTING, { ...ADDRESS, ip: '10.96.0.13' }).targets, ['10.244.0.7:80']);
});

test('programmedInNft() finds what was deleted', () => {
  assert.deepEqual(programmedInNft(LISTING, { ...ADDRESS, protocol: 'udp', port: 53 }).problems, [
    'chain gone is not there',
  ]);
  assert.deepEqual(
    programmedInNft(LISTING.replace('10.244.0.1 . 10.244.0.1', '10.244.0.1 . 10.9.9.9'), ADDRESS).noHairpin,
    ['10.244.0.1:80'],
  );
  const hole = programmedInNft(LISTING.replace('tcp . 80 . 1 :', 'tcp . 80 . 7 :'), ADDRESS);
  assert.deepEqual(hole.targets, ['10.244.1.1:80']);
  assert.match(hole.problems[0] ?? '', /has no element 10\.96\.0\.10 \. tcp \. 80 \. 1: 1 in 2 connections is lost/);
  assert.equal(programmedInNft(LISTING.replace('10.96.0.10 . tcp . 80,', ''), ADDRESS).kind, 'absent');
});
