import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseResolvConf, parseSearchPath } from './resolv-conf.ts';

const TEXT = `# made by hand
nameserver 10.0.0.1 # first
nameserver fe80::1%eth0
nameserver nonsense
domain old.example
search corp.example  example ; the last line counts
options rotate ndots:2
options ndots:3 timeout:1
`;

test('parseResolvConf() takes the addresses', () => {
  assert.deepEqual(parseResolvConf(TEXT), [
    { address: '10.0.0.1', port: 53 },
    { address: 'fe80::1', port: 53 },
  ]);
});

test('parseSearchPath() takes the last search line and the last ndots', () => {
  assert.deepEqual(parseSearchPath(TEXT), { search: ['corp.example', 'example'], ndots: 3 });
  assert.deepEqual(parseSearchPath('nameserver 10.0.0.1\n'), { search: [], ndots: 1 });
  assert.deepEqual(parseSearchPath('domain a.example\noptions ndots:99\nsearch\n'), { search: [], ndots: 15 });
});
