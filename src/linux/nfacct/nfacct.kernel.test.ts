import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { createNetns, deleteNetns, inNetns } from '../netns/netns.ts';
import { ensurePacketCounter, readPacketCounters } from './nfacct.ts';

const netns = `test-${process.pid}-nfacct`;
before(() => createNetns(netns));
after(() => deleteNetns(netns));

test('a counter counts the packets of the rule that names it, and is not reset when it is asked for again', () => {
  ensurePacketCounter('seen_pkts', netns);
  const iptables = (...args: string[]) => inNetns(netns, () => execFileSync('iptables', args, { encoding: 'utf8' }));
  iptables('-A', 'OUTPUT', '-p', 'udp', '-m', 'nfacct', '--nfacct-name', 'seen_pkts');
  const send = () => inNetns(netns, () => execFileSync('bash', ['-c', 'printf hello >/dev/udp/127.0.0.1/9']));
  send();
  ensurePacketCounter('seen_pkts', netns);
  send();
  const [counter] = readPacketCounters(netns);
  assert.deepEqual(counter, { name: 'seen_pkts', packets: 2, bytes: 2 * (20 + 8 + 5) });
  assert.deepEqual(
    readPacketCounters().filter((c) => c.name === 'seen_pkts'),
    [],
    'other namespaces have their own',
  );
});
