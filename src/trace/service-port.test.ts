import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../api/objects.ts';
import { choosePort } from './service-port.ts';

const service = (ports: NonNullable<NonNullable<Service['spec']>['ports']>): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  spec: { ports },
});
const MANY = service([
  { name: 'http', port: 80, nodePort: 30080 },
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53 },
]);

test('choosePort() takes the only port that fits', () => {
  assert.equal(choosePort(service([{ port: 80 }]), undefined, undefined).port, 80);
  assert.equal(choosePort(MANY, 'udp', undefined).name, 'dns');
  assert.equal(choosePort(MANY, undefined, 80).name, 'http');
  assert.equal(choosePort(MANY, 'tcp', 53).name, 'dns-tcp');
  assert.equal(choosePort(MANY, undefined, 30080, 'nodePort').name, 'http');
});

test('choosePort() does not guess', () => {
  assert.throws(() => choosePort(MANY, undefined, undefined), {
    message:
      'Service default/web has several ports that fit (http 80/TCP, dns 53/UDP, dns-tcp 53/TCP): say which one, as in web.default:80',
  });
  assert.throws(() => choosePort(MANY, undefined, 53), /fit \(dns 53\/UDP, dns-tcp 53\/TCP\): choose --tcp or --udp/);
});

test('choosePort() says what there is', () => {
  assert.throws(() => choosePort(MANY, 'udp', 80), /has no UDP port 80; it has 80\/TCP, 53\/UDP, 53\/TCP/);
  assert.throws(() => choosePort(MANY, undefined, 53, 'nodePort'), /has no port 53; it has 30080\/TCP/);
  assert.throws(() => choosePort(service([]), undefined, undefined), /has no port; it has none/);
  assert.throws(() => choosePort(service([{ port: 9, protocol: 'SCTP' }]), undefined, 9), /is SCTP/);
});
