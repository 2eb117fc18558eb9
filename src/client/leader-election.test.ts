import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leases } from '../api/objects.ts';
import { ManualClock } from '../clock/index.ts';
import type { Client } from './contract.ts';
import { createFakeClient } from './fake/fake-client.ts';
import { runLeaderElection } from './leader-election.ts';

const settle = async () => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};

function setUp() {
  const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
  const client = createFakeClient(clock);
  const log: string[] = [];
  const enter = (identity: string) =>
    runLeaderElection(client, {
      namespace: 'kube-system',
      name: 'lock',
      identity,
      clock,
      onLeading: (signal) => {
        log.push(`${identity} leads`);
        signal.addEventListener('abort', () => log.push(`${identity} ends`));
      },
    });
  const pass = async (ms: number) => {
    for (let t = 0; t < ms; t += 1000) {
      clock.advance(1000);
      await settle();
    }
  };
  return { clock, client, log, enter, pass };
}

test('one leads, the other takes over at once when the lease is given back', async () => {
  const { log, enter, pass, client } = setUp();
  const a = enter('a');
  await settle();
  const b = enter('b');
  await pass(60_000);
  assert.deepEqual([a.isLeader, b.isLeader], [true, false]);
  await a.stop();
  assert.ok(!('holderIdentity' in (client.find(leases, 'kube-system/lock')?.spec ?? {})), 'an empty one is refused');
  await pass(3000);
  assert.deepEqual(log, ['a leads', 'a ends', 'b leads']);
  const lease = client.find(leases, 'kube-system/lock');
  assert.deepEqual([lease?.spec?.holderIdentity, lease?.spec?.leaseTransitions], ['b', 1]);
  await b.stop();
});

test('a leader that cannot renew steps down before the other takes over', async () => {
  const { log, enter, pass, client, clock } = setUp();
  const a = enter('a');
  await settle();
  client.intercept = (verb) => {
    if (verb === 'get') throw new Error('cut off');
  };
  await pass(11_000);
  assert.deepEqual(log, ['a leads', 'a ends']);
  const stopping = a.stop();
  await stopping;
  client.intercept = () => undefined;
  const b = enter('b');
  await settle();
  const from = clock.now();
  while (!b.isLeader) await pass(1000);
  assert.ok(clock.now() - from <= 18_000);
  await b.stop();
});

test('a leader whose request is never answered steps down all the same', async () => {
  const { clock, client, log, pass } = setUp();
  let hangs = false;
  const api = client.resource(leases);
  const get: typeof api.get = (...of) => (hangs ? new Promise(() => {}) : api.get(...of));
  const slow = { ...client, resource: () => ({ ...api, get }) } as unknown as Client;
  const onLeading = (signal: AbortSignal) => signal.addEventListener('abort', () => log.push('ends'));
  const election = runLeaderElection(slow, { namespace: 'kube-system', name: 'lock', identity: 'a', clock, onLeading });
  await settle();
  assert.ok(election.isLeader);
  hangs = true;
  await pass(13_000);
  assert.deepEqual([election.isLeader, log], [false, ['ends']]);
});
