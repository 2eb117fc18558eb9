import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choiceOf } from './choice.ts';
import type { PassedRule } from './choice.ts';

const ENDPOINT = { address: '10.244.0.2', port: 8080 };
const PACKET = { daddr: '10.96.0.10', protocol: 'tcp', dport: 80 } as const;

const rule = (chainName: string, chain: readonly string[], at: number, verdict = 'accept'): PassedRule => ({
  step: { node: 'node-1', family: 'ip', table: 'nat', chain: chainName, verdict, text: chain[at] ?? '' },
  chain,
});
const DNAT = rule('KUBE-SEP-B', ['-A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination 10.244.0.2:8080'], 0);
const pick = (sep: string, probability?: string) =>
  `-A KUBE-SVC-A -m comment --comment "x" ${probability === undefined ? '' : `-m statistic --mode random --probability ${probability} `}-j KUBE-SEP-${sep}`;
const THREE = [
  '-A KUBE-SVC-A ! -s 10.244.0.0/16 -d 10.96.0.10/32 -p tcp -j KUBE-MARK-MASQ',
  pick('A', '0.33333333349'),
  pick('B', '0.50000000000'),
  pick('C'),
];

test('choiceOf() iptables: each rule takes its share of what is left', () => {
  for (const at of [1, 2, 3]) {
    const choice = choiceOf([rule('KUBE-SVC-A', THREE, at, 'jump KUBE-SEP-B'), DNAT], PACKET, ENDPOINT);
    assert.equal(choice?.by, 'random');
    assert.ok(Math.abs((choice?.probability ?? 0) - 1 / 3) < 1e-6, String(choice?.probability));
  }
});

test('choiceOf() counts the rule that led away, not one that only marked', () => {
  const passed = [rule('KUBE-SVC-A', THREE, 0, 'jump KUBE-MARK-MASQ'), rule('KUBE-SVC-A', THREE, 2), DNAT];
  assert.ok(Math.abs((choiceOf(passed, PACKET, ENDPOINT)?.probability ?? 0) - 1 / 3) < 1e-6);
});

test('choiceOf() with uneven rules says what they do, not 1 in n', () => {
  const uneven = [pick('A', '0.90000000000'), pick('B')];
  const choice = choiceOf([rule('KUBE-SVC-A', uneven, 1), DNAT], PACKET, ENDPOINT);
  assert.ok(Math.abs((choice?.probability ?? 0) - 0.1) < 1e-9);
});

test('choiceOf() of one endpoint, of affinity, and without translation', () => {
  assert.deepEqual(choiceOf([rule('KUBE-SVC-A', [pick('B')], 0), DNAT], PACKET, ENDPOINT), {
    probability: 1,
    by: 'only',
  });
  const recent = '-A KUBE-SVC-A -m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-B -j KUBE-SEP-B';
  assert.equal(choiceOf([rule('KUBE-SVC-A', [recent, ...THREE], 0), DNAT], PACKET, ENDPOINT)?.by, 'affinity');
  assert.equal(choiceOf([rule('KUBE-SVC-A', THREE, 1)], PACKET, ENDPOINT), undefined);
});

test('choiceOf() nftables: numbers that stand for the endpoint, of all that may come up', () => {
  const text = 'dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 3 map @endpoints';
  const elements = new Map([
    ['10.96.0.10 . tcp . 80 . 0', '10.244.0.2 . 8080'],
    ['10.96.0.10 . tcp . 80 . 1', '10.244.0.3 . 8080'],
    ['10.96.0.10 . tcp . 80 . 2', '10.244.0.2 . 8080'],
  ]);
  const passed = [{ ...rule('pick-3', [text], 0), elements }];
  assert.deepEqual(choiceOf(passed, PACKET, ENDPOINT), { probability: 2 / 3, by: 'random' });
});

test('choiceOf() nftables with affinity: at random at first, then kept', () => {
  const random = 'numgen random mod 2 vmap { 0 : goto endpoint-a, 1 : goto endpoint-b }';
  const dnat = rule('endpoint-b', ['meta l4proto tcp dnat to 10.244.0.2:8080'], 0);
  const first = choiceOf([rule('service-x', [random], 0, 'goto endpoint-b'), dnat], PACKET, ENDPOINT);
  assert.deepEqual(first, { probability: 0.5, by: 'random' });
  const kept = 'ip saddr @affinity-b goto endpoint-b';
  const again = choiceOf([rule('service-x', [kept, random], 0, 'goto endpoint-b'), dnat], PACKET, ENDPOINT);
  assert.equal(again?.by, 'affinity');
});
