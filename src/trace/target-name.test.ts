import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClientName, parseTargetName, searchNames, serviceOfName } from './target-name.ts';

test('parseClientName() reads pods, nodes and the outside', () => {
  assert.deepEqual(parseClientName('external', 'd'), { kind: 'external' });
  assert.deepEqual(parseClientName('node/node-1', 'd'), { kind: 'node', name: 'node-1' });
  assert.deepEqual(parseClientName('web', 'd'), { kind: 'pod', namespace: 'd', name: 'web', maybeNode: true });
  assert.deepEqual(parseClientName('ns/web', 'd'), { kind: 'pod', namespace: 'ns', name: 'web', maybeNode: false });
  assert.deepEqual(parseClientName('pod/ns/web', 'd'), { kind: 'pod', namespace: 'ns', name: 'web', maybeNode: false });
  for (const bad of ['', 'a/b/c', 'a//b', 'pod/']) assert.throws(() => parseClientName(bad, 'd'), /is no client/, bad);
});

test('parseTargetName() reads names, addresses and ports', () => {
  const parse = (text: string) => parseTargetName(text, 'd', 'cluster.local');
  assert.deepEqual(parse('nginx'), { kind: 'name', name: 'nginx' });
  assert.deepEqual(parse('nginx.default:80'), { kind: 'name', name: 'nginx.default', port: 80 });
  assert.deepEqual(parse('svc/nginx:80'), { kind: 'name', name: 'nginx.d.svc.cluster.local.', port: 80 });
  assert.deepEqual(parse('service/ns/nginx'), { kind: 'name', name: 'nginx.ns.svc.cluster.local.' });
  assert.deepEqual(parse('pod/web:8080'), { kind: 'pod', namespace: 'd', name: 'web', port: 8080 });
  assert.deepEqual(parse('node/node-1:30080'), { kind: 'node', name: 'node-1', port: 30080 });
  assert.deepEqual(parse('10.96.0.10:53'), { kind: 'address', address: '10.96.0.10', port: 53 });
  assert.deepEqual(parse('[fd00::1]:80'), { kind: 'address', address: 'fd00::1', port: 80 });
  assert.throws(() => parse('nginx:99999'), /a port is a number/);
  assert.deepEqual(parse('fd00::1'), { kind: 'address', address: 'fd00::1' });
  for (const text of ['nginx:abc', 'svc/nginx:', 'nginx:-1'])
    assert.throws(() => parse(text), /a port is a number/, text);
  assert.throws(() => parse('http://nginx'), /is no target/);
  assert.throws(() => parse('deploy/nginx'), /is no target/);
});

test('searchNames() asks as a pod does', () => {
  assert.deepEqual(searchNames('nginx', 'ns', 'cluster.local'), [
    'nginx.ns.svc.cluster.local',
    'nginx.svc.cluster.local',
    'nginx.cluster.local',
    'nginx',
  ]);
  assert.equal(searchNames('a.b.c.d.e.f', 'ns', 'cluster.local')[0], 'a.b.c.d.e.f');
  assert.deepEqual(searchNames('nginx.ns.svc.cluster.local.', 'ns', 'cluster.local'), ['nginx.ns.svc.cluster.local']);
});

test('serviceOfName() knows the service behind a full name', () => {
  assert.deepEqual(serviceOfName('nginx.ns.svc.cluster.local', 'cluster.local'), { namespace: 'ns', name: 'nginx' });
  assert.equal(serviceOfName('web-0.nginx.ns.svc.cluster.local', 'cluster.local'), undefined);
  assert.equal(serviceOfName('example.com', 'cluster.local'), undefined);
});
