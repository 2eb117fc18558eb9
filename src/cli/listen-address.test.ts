import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listenOf, parseAddressPort } from './listen-address.ts';

test('listenOf() takes addresses with and without a port', () => {
  assert.deepEqual(listenOf([]), {});
  assert.deepEqual(listenOf(['10.0.0.1']), { addresses: ['10.0.0.1'] });
  assert.deepEqual(listenOf(['127.0.0.1:5300', '[::1]:5300']), { addresses: ['127.0.0.1', '::1'], port: 5300 });
  assert.deepEqual(listenOf(['::1', '127.0.0.1']), { addresses: ['::1', '127.0.0.1'] });
  assert.throws(() => listenOf(['127.0.0.1:53', '127.0.0.2']), /the same port/);
});

test('parseAddressPort() says what to write', () => {
  for (const text of ['localhost', '1.2.3', '1.2.3.4:x', '1.2.3.4:70000', '[::1', ''])
    assert.throws(() => parseAddressPort('--server', text), /--server .*write it like/, text);
});
