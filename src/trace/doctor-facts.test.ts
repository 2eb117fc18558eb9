import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBaseChains, parseChecksumErrors, parseConntrackStatistics } from './doctor-facts.ts';

test('parseConntrackStatistics() adds up the CPUs', () => {
  const text = `entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new
0000000a  00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000003 00000000 00000000  00000000
0000000a  00000010 00000000 00000000 00000000 00000000 00000000 00000000 00000000 0000000f 00000000 00000004 00000000  00000000
`;
  assert.deepEqual(parseConntrackStatistics(text), { insertFailed: 16, drop: 3, earlyDrop: 4, clashResolved: 18 });
  assert.deepEqual(parseConntrackStatistics(''), { insertFailed: 0, drop: 0, earlyDrop: 0, clashResolved: 0 });
});

test('parseChecksumErrors() counts TCP and UDP', () => {
  const text = `Tcp: RtoAlgorithm InErrs InCsumErrors
Tcp: 1 7 2
Udp: InDatagrams NoPorts InCsumErrors
Udp: 100 1 3
UdpLite: InDatagrams InCsumErrors
UdpLite: 0 9
`;
  assert.equal(parseChecksumErrors(text), 5);
  assert.equal(parseChecksumErrors(''), 0);
});

test('parseBaseChains() reads heads of chains, with and without a policy', () => {
  const text = `table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
	}
	chain KUBE-FORWARD {
	}
}
table inet firewalld {
	chain mangle_PREROUTING {
		type filter hook prerouting priority mangle + 10;
	}
}
`;
  assert.deepEqual(parseBaseChains(text), [
    { family: 'ip', table: 'filter', name: 'FORWARD', type: 'filter', hook: 'forward', policy: 'drop' },
    {
      family: 'inet',
      table: 'firewalld',
      name: 'mangle_PREROUTING',
      type: 'filter',
      hook: 'prerouting',
      policy: 'accept',
    },
  ]);
});
