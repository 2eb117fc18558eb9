import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTracked } from './tracked.ts';

test('parseTracked() reads both tuples and the state', () => {
  const line =
    'tcp      6 118 TIME_WAIT src=10.244.1.2 dst=10.96.0.10 sport=43333 dport=80 src=10.244.1.3 dst=10.244.1.2 sport=8080 dport=43333 [ASSURED] mark=0 use=1';
  const entry = parseTracked('node-1', line);
  assert.equal(entry?.state, 'TIME_WAIT');
  assert.equal(entry?.timeoutSeconds, 118);
  assert.equal(entry?.original.destination, '10.96.0.10');
  assert.deepEqual(entry?.reply, {
    protocol: 'tcp',
    source: '10.244.1.3',
    sourcePort: 8080,
    destination: '10.244.1.2',
    destinationPort: 43333,
  });
  const udp =
    'udp      17 29 src=10.1.0.1 dst=10.1.0.2 sport=5 dport=53 [UNREPLIED] src=10.1.0.2 dst=10.1.0.1 sport=53 dport=5 mark=0 use=1';
  assert.equal(parseTracked('n', udp)?.state, 'UNREPLIED');
  assert.equal(parseTracked('n', 'conntrack v1.4.7 (conntrack-tools): 1 flow entries have been shown.'), undefined);
});
