// What happens around the server when it cannot help it: the API server away, its watch silent, clients that are slow to
// leave. Time is a clock that the tests move.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { services, StatusError } from '../api/objects.ts';
import { createFakeClient } from '../client/index.ts';
import { ManualClock } from '../clock/index.ts';
import { askUdp, queryBytes, sendUdp } from './testing/ask.ts';
import { clusterIp, namespace } from './testing/objects.ts';
import { startTestServer } from './testing/test-server.ts';

const OBJECTS = [namespace('ns'), clusterIp('ns/a', '10.0.0.1', 'http:80')];
const A = 'a.ns.svc.cluster.local. A';
const B = 'b.ns.svc.cluster.local. A';

/** Lets time pass in small steps, and between them everything that is ready to go on. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  const end = clock.monotonic() + ms;
  while (clock.monotonic() < end) {
    clock.advance(Math.min(500, end - clock.monotonic()));
    for (let i = 0; i < 5; i++) await turn();
  }
}

test('the API server is gone for ten minutes: the same answers, not ready after three, the news when it is back', async () => {
  const clock = new ManualClock(Date.now());
  const client = createFakeClient();
  let away = false;
  let attempts = 0;
  client.intercept = (verb) => {
    if (!away || (verb !== 'list' && verb !== 'watch')) return;
    attempts += 1;
    throw new StatusError(503, 'ServiceUnavailable', 'gone');
  };
  await using running = await startTestServer(OBJECTS, { client, options: { clock } });
  const { server, metrics } = running;
  away = true;
  client.cutWatches();
  // Nobody tells the server of these.
  await client.resource(services).create(clusterIp('ns/b', '10.0.0.2', 'http:80'));
  await client.resource(services).delete('a', { namespace: 'ns' });
  for (let minute = 1; minute <= 10; minute++) {
    await pass(clock, 60_000);
    assert.deepEqual((await askUdp(server.port, A)).answers, ['a.ns.svc.cluster.local. 30 A 10.0.0.1']);
    assert.equal((await askUdp(server.port, B)).rcode, 'NXDOMAIN');
    const why = server.notReady();
    if (minute < 3) assert.equal(why, undefined);
    if (minute > 3) assert.equal(why, `kubernetes: nothing heard about services for ${minute * 60} s`);
  }
  assert.match(metrics.render(), /portico_dns_watch_idle_seconds\{resource="services"\} 600/);
  // Three watches; each attempt waits two seconds and less.
  assert.ok(attempts > 600 && attempts < 4000, `${attempts} attempts`);
  away = false;
  await pass(clock, 5000);
  assert.equal(server.notReady(), undefined);
  assert.equal((await askUdp(server.port, A)).rcode, 'NXDOMAIN');
  assert.deepEqual((await askUdp(server.port, B)).answers, ['b.ns.svc.cluster.local. 30 A 10.0.0.2']);
});

test('a silent watch is opened again', async () => {
  const clock = new ManualClock(Date.now());
  const client = createFakeClient();
  let opened = 0;
  client.intercept = (verb, plural) => {
    if (verb === 'watch' && plural === 'services') opened += 1;
  };
  await using running = await startTestServer(OBJECTS, { client, options: { clock } });
  await pass(clock, 80_000);
  assert.equal(opened, 1);
  await pass(clock, 20_000);
  assert.equal(opened, 2);
  assert.match(running.metrics.render(), /watch_idle_seconds\{resource="services"\} 1\d(\.|\n)/);
  assert.equal(running.server.notReady(), undefined);
});

test('clients that still come after the lame-duck time are answered until they are gone', async () => {
  const clock = new ManualClock(Date.now());
  const running = await startTestServer(OBJECTS, { options: { clock } });
  const { port } = running.server;
  let ended = false;
  const stopped = running.server.stop({ lameduckMs: 5000 }).then(() => (ended = true));
  await pass(clock, 5000);
  for (let i = 0; i < 6; i++) {
    assert.equal((await askUdp(port, A)).rcode, 'NOERROR');
    await pass(clock, 500);
    assert.equal(ended, false);
  }
  await pass(clock, 500);
  await stopped;
  assert.equal(await sendUdp(port, queryBytes(A), 50).catch(() => undefined), undefined);
  running.client.close();
});

test('a client that never leaves does not keep the server', async () => {
  const clock = new ManualClock(Date.now());
  const running = await startTestServer(OBJECTS, { options: { clock } });
  const stopped = running.server.stop({ lameduckMs: 1000, lingerMs: 2000 });
  await pass(clock, 1000);
  for (let i = 0; i < 4; i++) {
    assert.equal((await askUdp(running.server.port, A)).rcode, 'NOERROR');
    await pass(clock, 500);
  }
  await stopped;
  running.client.close();
});
