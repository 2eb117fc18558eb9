import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events } from '../api/objects.ts';
import { ManualClock } from '../clock/index.ts';
import { createEventRecorder } from './event-recorder.ts';
import { createFakeClient } from './fake/fake-client.ts';

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'x', uid: 'u1' } };

function setUp(capacity?: number) {
  const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
  const client = createFakeClient(clock);
  const more = capacity === undefined ? {} : { capacity };
  const recorder = createEventRecorder(client, { component: 'tester', host: 'node-1', clock, ...more });
  return { clock, client, recorder };
}

test('an event names its object, and a repetition raises the count', async () => {
  const { clock, client, recorder } = setUp();
  recorder.event(pod, 'Warning', 'Failed', 'it broke');
  await recorder.flush();
  clock.advance(5000);
  recorder.event(pod, 'Warning', 'Failed', 'it broke');
  recorder.event(pod, 'Normal', 'Started', 'it runs');
  await recorder.flush();
  const [first, second, ...rest] = client.objects(events);
  assert.equal(rest.length, 0);
  assert.deepEqual(first?.involvedObject, { apiVersion: 'v1', kind: 'Pod', name: 'web', namespace: 'x', uid: 'u1' });
  assert.deepEqual(
    [first.count, first.firstTimestamp, first.lastTimestamp, first.source],
    [2, '2026-01-01T00:00:00Z', '2026-01-01T00:00:05Z', { component: 'tester', host: 'node-1' }],
  );
  assert.deepEqual([second?.reason, second?.count, second?.metadata.namespace], ['Started', 1, 'x']);
});

test('an event whose object is gone begins again', async () => {
  const { client, recorder } = setUp();
  recorder.event(pod, 'Normal', 'A', 'a');
  await recorder.flush();
  const [event] = client.objects(events);
  await client.resource(events).delete(event?.metadata.name ?? '', { namespace: 'x' });
  recorder.event(pod, 'Normal', 'A', 'a');
  await recorder.flush();
  assert.deepEqual(
    client.objects(events).map((e) => e.count),
    [1],
  );
});

test('many different messages of one kind become one', async () => {
  const { client, recorder } = setUp();
  for (let i = 0; i < 30; i++) recorder.event(pod, 'Warning', 'Failed', `try ${i}`);
  await recorder.flush();
  const all = client.objects(events);
  assert.equal(all.length, 11);
  assert.deepEqual([all[10]?.message, all[10]?.count], ['(combined from similar events): try 29', 20]);
});

test('a server that is away and a flood cost events, never the caller', async () => {
  const { client, recorder } = setUp(3);
  client.intercept = () => {
    throw new Error('down');
  };
  for (let i = 0; i < 10; i++) recorder.event(pod, 'Normal', 'A', `m${i}`);
  await recorder.flush();
  client.intercept = () => undefined;
  for (let i = 0; i < 10; i++) recorder.event({ ...pod, kind: `K${i}` }, 'Normal', 'A', 'm');
  await recorder.flush();
  const count = client.objects(events).length;
  assert.ok(count >= 3 && count < 10, `${count} events`);
});
