import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../clock/index.ts';
import { createMemoryStore } from '../store/index.ts';
import { repairBookings } from './services/repair.ts';
import { NODE_PORT_PREFIX } from './services/service-allocation.ts';
import { startTestServer, type Loose } from './testing/test-server.ts';
import { forgetEvents } from './upkeep.ts';

const SERVICES = '/api/v1/namespaces/default/services';
const EVENTS = '/api/v1/namespaces/default/events';

void describe('repair of bookings', () => {
  void it('finds nothing to do in ordinary life', async () => {
    await using server = await startTestServer();
    await server.ok('POST', SERVICES, { metadata: { name: 'a' }, spec: { type: 'NodePort', ports: [{ port: 80 }] } });
    await server.ok('POST', SERVICES, { metadata: { name: 'b' }, spec: { ports: [{ port: 80 }] } });
    await server.ok('DELETE', `${SERVICES}/b`);
    assert.deepEqual(await repairBookings(server.store, new ManualClock()), { booked: [], released: [] });
  });

  void it('books again what was deleted by hand, and releases what nobody holds', async () => {
    await using server = await startTestServer();
    const made = await server.ok('POST', SERVICES, { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } });
    const ip: string = made.spec.clusterIP;
    await server.ok('DELETE', `/apis/networking.k8s.io/v1/ipaddresses/${ip}`);
    const orphan = `${NODE_PORT_PREFIX}30500`;
    await server.store.commit([], [{ type: 'put', key: orphan, value: '{"namespace":"default","name":"gone"}' }]);
    const foreign = {
      metadata: { name: '10.96.9.9' },
      spec: { parentRef: { group: 'example.com', resource: 'things', name: 'x' } },
    };
    await server.ok('POST', '/apis/networking.k8s.io/v1/ipaddresses', foreign);
    const { booked, released } = await repairBookings(server.store, new ManualClock());
    assert.deepEqual(booked, [`/registry/ipaddresses/${ip}`]);
    assert.deepEqual(released, [orphan]);
    const again = await server.ok('GET', `/apis/networking.k8s.io/v1/ipaddresses/${ip}`);
    assert.equal(again.spec.parentRef.name, 'a');
    assert.equal((await server.call('GET', '/apis/networking.k8s.io/v1/ipaddresses/10.96.9.9')).status, 200);
  });
});

void describe('events', () => {
  const about = { involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' }, reason: 'Started', type: 'Normal' };

  void it('are forgotten an hour after they were last seen', async () => {
    const clock = new ManualClock(Date.parse('2026-01-01T02:00:00Z'));
    await using server = await startTestServer({ clock });
    for (const [name, lastTimestamp] of [
      ['old', '2026-01-01T00:59:00Z'],
      ['fresh', '2026-01-01T01:30:00Z'],
    ] as const) {
      await server.ok('POST', EVENTS, { metadata: { name }, ...about, lastTimestamp });
    }
    await forgetEvents(server.store, clock);
    const { items } = await server.ok('GET', EVENTS);
    assert.deepEqual(
      items.map((e: Loose) => e.metadata.name),
      ['fresh'],
    );
  });

  void it('have two shapes over one storage', async () => {
    await using server = await startTestServer();
    const modern = '/apis/events.k8s.io/v1/namespaces/default/events';
    await server.ok('POST', EVENTS, { metadata: { name: 'a' }, ...about, message: 'hello' });
    const seen = await server.ok('GET', `${modern}/a`);
    assert.equal(seen.apiVersion, 'events.k8s.io/v1');
    assert.equal(seen.note, 'hello');
    assert.equal(seen.regarding.name, 'p');
    await server.ok('POST', modern, {
      metadata: { name: 'b' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'example.com/c',
      reportingInstance: 'c-1',
      action: 'Binding',
      reason: 'R',
      type: 'Normal',
      regarding: { kind: 'Pod', namespace: 'default', name: 'p' },
      note: 'n',
    });
    const { items } = await server.ok('GET', `${EVENTS}?fieldSelector=involvedObject.name%3Dp`);
    assert.deepEqual(
      items.map((e: Loose) => [e.metadata.name, e.message]),
      [
        ['a', 'hello'],
        ['b', 'n'],
      ],
    );
  });
});

void describe('first objects', () => {
  void it('come back when somebody deletes them', async () => {
    const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
    await using server = await startTestServer({ clock });
    await server.ok('DELETE', `${SERVICES}/kubernetes`);
    clock.advance(10_001);
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
    const { spec } = await server.ok('GET', `${SERVICES}/kubernetes`);
    assert.equal(spec.clusterIP, '10.96.0.1');
  });

  void it('follow the program they came from, unless somebody says otherwise', async () => {
    const at = '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:coredns';
    const store = createMemoryStore();
    const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
    const rulesAfterRestart = async (annotations: object) => {
      const before = await startTestServer({ store });
      await before.ok('PATCH', at, { metadata: { annotations }, rules: [] }, merge);
      await before.api.close();
      const after = await startTestServer({ store });
      const { rules } = await after.ok('GET', at);
      await after.api.close();
      return rules?.length ?? 0;
    };
    assert.ok((await rulesAfterRestart({})) > 0);
    assert.equal(await rulesAfterRestart({ 'rbac.authorization.kubernetes.io/autoupdate': 'false' }), 0);
  });
});
