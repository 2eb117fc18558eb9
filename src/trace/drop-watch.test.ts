import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchDrop, parseDrops, reasonText } from './drop-watch.ts';

const line = (time: string, reason: string) =>
  `     ksoftirqd/1-22      [001] ..s1. ${time}: kfree_skb: skbaddr=000000005ca6f4ce rx_sk=0000000000000000 protocol=2048 location=ip_rcv_core+0x2fe/0xc40 reason: ${reason}`;
const NOW = 1_795_359_931_000_000_000n;

test('parseDrops() reads events, on a TAI clock that knows of leap seconds and on one that does not', () => {
  const expected = [{ timeNs: 1_795_359_930_705_283_000n, reason: 'OTHERHOST', location: 'ip_rcv_core' }];
  assert.deepEqual(parseDrops(`# tracer: nop\n${line('1795359930.705283', 'OTHERHOST')}\n`, NOW), expected);
  assert.deepEqual(parseDrops(line('1795359967.705283', 'OTHERHOST'), NOW), expected);
  assert.deepEqual(parseDrops('', NOW), []);
});

test('matchDrop() takes the drop that follows each sighting of the packet', () => {
  const at = (us: number, reason: string) => ({ timeNs: BigInt(us) * 1000n, reason, location: 'f' });
  const drops = [at(10, 'TCP_OLD_DATA'), at(1005, 'NEIGH_FAILED'), at(1010, 'OTHERHOST'), at(9_000_010, 'OTHERHOST')];
  assert.equal(matchDrop([1_000_000n, 9_000_000_000n], drops)?.reason, 'OTHERHOST');
  assert.equal(matchDrop([1_000_000n, 5_000_000_000n], drops), undefined, 'not every time');
  assert.equal(matchDrop([], drops), undefined);
  assert.equal(matchDrop([1_000_000n], [at(1005, 'QUEUE_PURGE')]), undefined, 'a socket that was closed');
  assert.match(reasonText(at(0, 'IP_RPFILTER')), /rp_filter.*\(IP_RPFILTER in f\)/);
  assert.equal(reasonText(at(0, 'NEW_REASON')), 'the kernel dropped it (NEW_REASON in f)');
});
