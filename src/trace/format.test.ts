import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RuleStep } from './contract.ts';
import { essentialRules, formatWalk } from './format.ts';
import { frames, node, pod, tcp } from './fixtures.ts';
import { mergeWalk } from './merge.ts';

const step = (table: string, chain: string, verdict: string): RuleStep => ({
  node: 'node-1',
  family: 'ip',
  table,
  chain,
  verdict,
});

test('essentialRules() keeps what did something and the way to it', () => {
  const steps = [
    step('nat', 'PREROUTING', 'jump KUBE-SERVICES'),
    step('nat', 'KUBE-SERVICES', 'jump KUBE-SVC-A'),
    step('nat', 'KUBE-SVC-A', 'jump KUBE-SEP-A'),
    step('nat', 'KUBE-SEP-A', 'accept'),
    step('filter', 'FORWARD', 'jump KUBE-FIREWALL'),
    step('filter', 'FORWARD', 'jump KUBE-SERVICES'),
    step('nat', 'POSTROUTING', 'jump KUBE-POSTROUTING'),
    step('nat', 'KUBE-POSTROUTING', 'return'),
  ];
  assert.deepEqual(
    essentialRules(steps).map((s) => s.chain),
    ['PREROUTING', 'KUBE-SERVICES', 'KUBE-SVC-A', 'KUBE-SEP-A'],
  );
});

test('formatWalk() prints hops, rules between them, tracking and the verdict', () => {
  const [a, b, n] = [pod('a'), pod('b'), node('node-1')];
  const client = {
    protocol: 'tcp',
    source: '10.244.1.2',
    sourcePort: 43333,
    destination: '10.96.0.10',
    destinationPort: 80,
  } as const;
  const before = tcp({ from: ['10.244.1.2', 43333], to: ['10.96.0.10', 80], seq: 1 });
  const after = tcp({ from: ['10.244.1.2', 43333], to: ['10.244.1.3', 8080], seq: 1, ttl: 63 });
  const legs = mergeWalk({
    client,
    frames: frames([
      [a, 'eth0', 'out', before],
      [n, 'lxca', 'in', before],
      [n, 'lxcb', 'out', after],
      [b, 'eth0', 'in', after],
    ]),
    events: [
      {
        node: 'node-1',
        id: '1',
        packet: { ...client, flags: 'S' },
        step: { ...step('nat', 'KUBE-SEP-A', 'accept'), text: '-A KUBE-SEP-A -j DNAT' },
      },
    ],
  });
  const text = formatWalk({
    ...client,
    client: a,
    outcome: { kind: 'timeout', ms: 5, message: 'no answer' },
    legs,
    notes: ['a note'],
    tracked: [
      {
        node: 'node-1',
        original: client,
        reply: { ...client, source: '10.244.1.3', sourcePort: 8080 },
        state: 'SYN_SENT',
      },
    ],
    verdict: { ok: false, code: 'no-reply', sentence: 'nobody answered' },
  });
  assert.equal(
    text,
    `tcp 10.244.1.2:43333 > 10.96.0.10:80 from pod default/a
request
  1        0.0us pod default/a eth0 -> 10.244.1.2:43333 > 10.96.0.10:80 [S] ttl 64
  2        1.0us node-1        lxca <- 10.244.1.2:43333 > 10.96.0.10:80 [S] ttl 64
                 | ip nat KUBE-SEP-A: -A KUBE-SEP-A -j DNAT
  3        2.0us node-1        lxcb -> 10.244.1.2:43333 > 10.244.1.3:8080 [S] ttl 63  DNAT 10.96.0.10:80 -> 10.244.1.3:8080
  4        3.0us pod default/b eth0 <- 10.244.1.2:43333 > 10.244.1.3:8080 [S] ttl 63
connection tracking
  node-1: tcp 10.244.1.2:43333 10.96.0.10:80  reply 10.244.1.3:8080 10.96.0.10:80 SYN_SENT
note: a note
FAILED: nobody answered`,
  );
});
