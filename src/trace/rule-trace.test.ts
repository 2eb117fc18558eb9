import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NftTraceEvent } from '../linux/index.ts';
import { tcp } from './fixtures.ts';
import { traceEvents, traceTable } from './rule-trace.ts';

const event = (more: Partial<NftTraceEvent>): NftTraceEvent => ({
  id: 1,
  family: 'ip',
  table: 'nat',
  chain: 'PREROUTING',
  type: 'rule',
  handle: 3,
  verdict: 'jump KUBE-SERVICES',
  inputDevice: undefined,
  outputDevice: undefined,
  mark: 0,
  networkHeader: undefined,
  transportHeader: undefined,
  packetFamily: 'ip',
  conntrackId: undefined,
  original: undefined,
  ...more,
});

test('traceEvents() gives each step the packet it belongs to', () => {
  const packet = tcp({ from: ['10.1.0.2', 43333], to: ['10.96.0.10', 80], seq: 7 });
  const headers = { networkHeader: packet.subarray(0, 20), transportHeader: packet.subarray(20) };
  const events = traceEvents('node-1', [
    event({ ...headers, table: 'portico-trace-1-1', verdict: 'continue' }),
    event(headers),
    event({ chain: 'KUBE-SEP-A', verdict: 'accept' }),
    event({ type: 'return', handle: undefined, verdict: 'continue' }),
    event({ type: 'policy', handle: undefined, verdict: 'accept' }),
    event({ type: 'policy', handle: undefined, verdict: 'drop' }),
    event({ id: 2 }),
  ]);
  assert.deepEqual(
    events.map(({ step }) => `${step.chain} ${step.handle} ${step.verdict}`),
    ['PREROUTING 3 jump KUBE-SERVICES', 'KUBE-SEP-A 3 accept', 'PREROUTING undefined policy drop'],
  );
  assert.equal(events[1]?.packet.sourcePort, 43333);
  assert.equal(events[1]?.packet.flags, 'S');
});

test('traceTable() marks both directions of one connection', () => {
  const client = {
    protocol: 'udp',
    source: 'fd00::1',
    sourcePort: 5,
    destination: 'fd00::2',
    destinationPort: 53,
  } as const;
  assert.equal(
    traceTable('t', client),
    'table ip6 t { flags owner; chain early { type filter hook prerouting priority -450; ip6 saddr fd00::1 udp sport 5 meta nftrace set 1; ' +
      'ip6 daddr fd00::1 udp dport 5 meta nftrace set 1; }; chain early-out { type filter hook output priority -450; ' +
      'ip6 saddr fd00::1 udp sport 5 meta nftrace set 1; }; chain pre { type filter hook prerouting priority -199; ct original ip6 saddr fd00::1 meta l4proto udp ' +
      'ct original proto-src 5 meta nftrace set 1; }; chain out { type filter hook output priority -199; ct original ip6 saddr fd00::1 ' +
      'meta l4proto udp ct original proto-src 5 meta nftrace set 1; }; }',
  );
});
