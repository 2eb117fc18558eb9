import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RuleTraceReader } from './rule-trace-lines.ts';

const TEXT = `trace id f13db6de ip portico-trace-1 t-pre packet: iif "l0" ether saddr 46:32:ea:b3:f4:ba ether daddr 9e:ed:f8:44:e0:19 ip saddr 10.1.0.2 ip daddr 10.96.0.10 ip dscp 0x00 ip ecn 0x0 ip ttl 64 ip id 49791 ip length 60 tcp sport 43333 tcp dport 80 tcp flags == 0x2 tcp window 64240
trace id f13db6de ip portico-trace-1 t-pre rule ct original ip saddr 10.1.0.2 meta l4proto 6 meta nftrace set 1 # handle 5 (verdict continue)
trace id f13db6de ip portico-trace-1 t-pre policy accept
trace id f13db6de ip nat PREROUTING packet: iif "l0" ether saddr 46:32:ea:b3:f4:ba ether daddr 9e:ed:f8:44:e0:19 ip saddr 10.1.0.2 ip daddr 10.96.0.10 ip dscp 0x00 ip ecn 0x0 ip ttl 64 ip id 49791 ip length 60 tcp sport 43333 tcp dport 80 tcp flags == 0x2 tcp window 64240
trace id f13db6de ip nat PREROUTING rule  counter packets 0 bytes 0 jump KUBE-SERVICES # handle 3 (verdict jump KUBE-SERVICES)
trace id f13db6de ip nat KUBE-SERVICES rule ip daddr 10.96.0.10 tcp dport 80 counter packets 0 bytes 0 dnat to 10.1.0.1:9999 # handle 5 (verdict accept)
trace id aaaaaaaa ip6 portico services packet: oif "eth0" ip6 saddr fd00::1 ip6 daddr fd00:10:96:0::a ip6 dscp 0x00 ip6 ecn 0x0 ip6 hoplimit 64 ip6 flowlabel 1 ip6 length 12 udp sport 5 udp dport 53 udp length 12 udp checksum 0x1
trace id aaaaaaaa ip6 portico services verdict continue
trace id aaaaaaaa ip6 portico services policy accept meta mark 0x00004000
trace id aaaaaaaa ip6 portico services policy drop
trace id bbbbbbbb ip nat PREROUTING rule jump X # handle 1 (verdict jump X)
noise
`;

test('RuleTraceReader gives each step with the packet it belongs to', () => {
  const reader = new RuleTraceReader('node-1');
  const events = TEXT.split('').flatMap((letter) => reader.read(letter));
  assert.deepEqual(
    events.map(({ step }) => [step.family, step.table, step.chain, step.handle, step.text, step.verdict]),
    [
      ['ip', 'nat', 'PREROUTING', 3, 'jump KUBE-SERVICES', 'jump KUBE-SERVICES'],
      ['ip', 'nat', 'KUBE-SERVICES', 5, 'ip daddr 10.96.0.10 tcp dport 80 dnat to 10.1.0.1:9999', 'accept'],
      ['ip6', 'portico', 'services', undefined, undefined, 'policy drop'],
    ],
  );
  assert.deepEqual(events[1]?.packet, {
    protocol: 'tcp',
    source: '10.1.0.2',
    sourcePort: 43333,
    destination: '10.96.0.10',
    destinationPort: 80,
    flags: 'S',
  });
  assert.equal(events[2]?.packet.destination, 'fd00:10:96::a');
  assert.equal(events[2]?.packet.protocol, 'udp');
});
