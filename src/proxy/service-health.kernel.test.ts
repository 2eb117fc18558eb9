import assert from 'node:assert/strict';
import { get, type IncomingHttpHeaders } from 'node:http';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { closeSync } from 'node:fs';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { connectTcpIn, createNetns, deleteNetns, openTcpListenerIn } from '../linux/index.ts';
import { ManualClock } from '../clock/index.ts';
import { silentLogger } from '../log/index.ts';
import { InformedTracker } from './fixtures/informed-tracker.ts';
import { service, slice } from './fixtures/objects.ts';
import { ServiceHealth } from './service-health.ts';

const NETNS = `test-${process.pid}-health`;
const PORT = 32_100;
before(() => createNetns(NETNS));
after(() => void deleteNetns(NETNS));

const lb = service('ns/lb', {
  type: 'LoadBalancer',
  clusterIP: '10.96.0.1',
  externalTrafficPolicy: 'Local',
  healthCheckNodePort: PORT,
  ports: [{ port: 80, nodePort: 30_080 }],
});

function ask(): Promise<{ status: number; headers: IncomingHttpHeaders; body: unknown }> {
  return new Promise((resolve, reject) => {
    const createConnection = () => connectTcpIn(NETNS, { host: '127.0.0.1', port: PORT });
    get({ host: '127.0.0.1', port: PORT, path: '/any', createConnection }, (r) => {
      let text = '';
      r.on('data', (d) => (text += String(d)));
      r.on('end', () => resolve({ status: r.statusCode ?? 0, headers: r.headers, body: JSON.parse(text) }));
    }).on('error', reject);
  });
}

test('health-check node ports listen where node ports do, also when that changes', () => {
  let addresses: readonly string[] = [];
  const refused: string[] = [];
  const health = new ServiceHealth({
    netns: NETNS,
    addresses: () => addresses,
    proxyHealthy: () => true,
    clock: new ManualClock(),
    log: silentLogger,
    failed: (_, port) => void refused.push(String(port)),
  });
  const state = new InformedTracker([lb]).stateOf('ns/lb');
  health.update('ns/lb', state === undefined ? [] : [state]);
  /** Whether somebody else could listen there. */
  const isFree = (address: string) => {
    try {
      closeSync(openTcpListenerIn(NETNS, { address, port: PORT }));
      return true;
    } catch {
      return false;
    }
  };
  assert.deepEqual([isFree('127.0.0.1'), isFree('127.0.0.2')], [true, true], 'no address, no page');
  addresses = ['127.0.0.1'];
  health.addressesChanged();
  assert.deepEqual([isFree('127.0.0.1'), isFree('127.0.0.2')], [false, true]);
  addresses = ['127.0.0.2'];
  health.addressesChanged();
  assert.deepEqual([isFree('127.0.0.1'), isFree('127.0.0.2')], [true, false]);
  health.stop();
  assert.ok(isFree('127.0.0.2'));
  assert.deepEqual(refused, []);
});

test('a health-check node port tells whether ready endpoints are here', async () => {
  const failed: string[] = [];
  let proxyHealthy = true;
  const clock = new ManualClock();
  const health = new ServiceHealth({
    netns: NETNS,
    addresses: () => ['0.0.0.0', '::'],
    proxyHealthy: () => proxyHealthy,
    clock,
    log: silentLogger,
    failed: (key, port) => void failed.push(`${key} ${port}`),
  });
  const update = (...endpoints: Parameters<typeof slice>[1]) => {
    const state = new InformedTracker([lb, slice('ns/lb', endpoints, { family: 'IPv4' })]).stateOf('ns/lb');
    health.update('ns/lb', state === undefined ? [] : [state]);
  };
  update({ ip: '10.1.0.1', node: 'node-1' }, { ip: '10.1.0.2', node: 'node-1' }, { ip: '10.1.0.3', node: 'node-2' });
  const good = await ask();
  assert.equal(good.status, 200);
  assert.equal(good.headers['x-load-balancing-endpoint-weight'], '2');
  const name = { namespace: 'ns', name: 'lb' };
  assert.deepEqual(good.body, { service: name, localEndpoints: 2, serviceProxyHealthy: true });
  // Terminating ones still serve, but a load balancer should stop sending.
  update({ ip: '10.1.0.1', node: 'node-1', ready: false, serving: true, terminating: true });
  assert.equal((await ask()).status, 503);
  update({ ip: '10.1.0.1', node: 'node-1' });
  proxyHealthy = false;
  const sick = await ask();
  assert.equal(sick.status, 503);
  assert.deepEqual(sick.body, { service: name, localEndpoints: 1, serviceProxyHealthy: false });
  health.update('ns/lb', []);
  await assert.rejects(ask(), /ECONNREFUSED/);
  assert.deepEqual(failed, []);

  const other = createServer().listen({ fd: openTcpListenerIn(NETNS, { address: '0.0.0.0', port: PORT }) });
  await once(other, 'listening');
  update({ ip: '10.1.0.1', node: 'node-1' });
  await new Promise((r) => setTimeout(r, 50));
  assert.deepEqual(failed, [`ns/lb ${PORT}`], 'a port that is taken is told');
  clock.advance(5000);
  assert.deepEqual(failed, [`ns/lb ${PORT}`], 'once, however often it is tried again');
  other.close();
  await once(other, 'close');
  clock.advance(5000);
  assert.equal((await ask()).status, 503, 'a port that is free again is served');
  health.stop();
});
