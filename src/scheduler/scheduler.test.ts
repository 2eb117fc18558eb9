import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError, events, nodes, pods } from '../api/objects.ts';
import type { Pod } from '../api/objects.ts';
import { createFakeClient } from '../client/index.ts';
import type { FakeClient } from '../client/index.ts';
import { startScheduler } from './scheduler.ts';
import { node, pod, type PodFacts } from './testing/objects.ts';

async function until(what: string, done: () => unknown): Promise<void> {
  const end = performance.now() + 5000;
  while (done() !== true) {
    if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function withScheduler(run: (client: FakeClient) => Promise<void>): Promise<void> {
  const client = createFakeClient();
  const scheduler = startScheduler({ client });
  try {
    await run(client);
  } finally {
    client.intercept = () => undefined;
    await scheduler.stop();
  }
}

const add = (client: FakeClient, p: Pod) => {
  const { uid: _u, resourceVersion: _r, creationTimestamp: _c, ...metadata } = p.metadata;
  return client.resource(pods).create({ ...p, metadata });
};
const addNode = (client: FakeClient, name: string, facts = {}) => {
  const made = node(name, facts);
  return client.resource(nodes).create({ ...made, metadata: { name, labels: made.metadata.labels ?? {} } });
};
const where = (client: FakeClient, name: string) => client.find(pods, `default/${name}`)?.spec?.nodeName;

test('pods are bound at once, and the event says where', async () => {
  await withScheduler(async (client) => {
    await addNode(client, 'a');
    await add(client, pod('p'));
    await until('binding', () => where(client, 'p') === 'a');
    await until('event', () => client.objects(events).length === 1);
    const [event] = client.objects(events);
    assert.equal(event?.reason, 'Scheduled');
    assert.equal(event.message, 'Successfully assigned default/p to a');
  });
});

test('a pod that fits nowhere says so once and is bound when a node comes', async () => {
  await withScheduler(async (client) => {
    await addNode(client, 'small', { allocatable: { cpu: '1', pods: '10' } });
    await add(client, pod('p', { requests: { cpu: '2' } }));
    const condition = () => client.find(pods, 'default/p')?.status?.conditions?.find((c) => c.type === 'PodScheduled');
    await until('condition', () => condition()?.reason === 'Unschedulable');
    const message =
      '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
    assert.deepEqual([condition()?.status, condition()?.message], ['False', message]);
    await until('event', () => client.objects(events).some((e) => e.message === message));
    await addNode(client, 'big');
    await until('binding', () => where(client, 'p') === 'big');
    assert.equal(client.objects(events).filter((e) => e.reason === 'FailedScheduling').length, 1);
    assert.equal(client.objects(events)[0]?.count, 1);
  });
});

test('a pod that ends makes room for one that waits', async () => {
  await withScheduler(async (client) => {
    await addNode(client, 'a', { allocatable: { cpu: '1', pods: '1' } });
    const first = await add(client, pod('first'));
    await until('first', () => where(client, 'first') === 'a');
    await add(client, pod('second'));
    await until('waiting', () => client.find(pods, 'default/second')?.status?.conditions?.length === 1);
    const fresh = await client.resource(pods).get('first', 'default');
    await client.resource(pods).updateStatus({ ...fresh, status: { phase: 'Succeeded' } });
    await until('second', () => where(client, 'second') === 'a');
    assert.equal(first.spec?.nodeName, undefined);
  });
});

test('many pods that come together do not overfill a node', async () => {
  await withScheduler(async (client) => {
    for (const name of ['a', 'b']) await addNode(client, name, { allocatable: { cpu: '10', pods: '30' } });
    await Promise.all(Array.from({ length: 60 }, (_, i) => add(client, pod(`p${i}`))));
    const bound = () => client.objects(pods).map((p) => p.spec?.nodeName);
    await until('all bound', () => bound().every((n) => n !== undefined));
    assert.equal(bound().filter((n) => n === 'a').length, 30);
  });
});

test('a refused binding is tried again; a pod of another scheduler, deleted or gated is left alone', async () => {
  await withScheduler(async (client) => {
    await addNode(client, 'a');
    let refused = 0;
    client.intercept = (verb) => {
      if (verb === 'createSubresource' && refused++ === 0) throw new StatusError(500, 'InternalError', 'no');
    };
    await add(client, pod('other', { spec: { schedulerName: 'mine' } }));
    await add(client, pod('gated', { spec: { schedulingGates: [{ name: 'wait' }] } }));
    await add(client, pod('p'));
    await until('binding', () => where(client, 'p') === 'a');
    assert.equal(refused, 2);
    assert.deepEqual([where(client, 'other'), where(client, 'gated')], [undefined, undefined]);
    const gated = await client.resource(pods).get('gated', 'default');
    await client.resource(pods).update({ ...gated, spec: { containers: [] } });
    await until('ungated', () => where(client, 'gated') === 'a');
  });
});

const withPriority = (priority: number, facts: PodFacts = {}): PodFacts => ({
  ...facts,
  requests: { cpu: '2' },
  spec: { priority, ...facts.spec },
});
const condition = (client: FakeClient, name: string, type: string) =>
  client.find(pods, `default/${name}`)?.status?.conditions?.find((c) => c.type === type);

test('a pod that fits nowhere drives out a less important one, which is told why and ends gracefully', async () => {
  await withScheduler(async (client) => {
    await addNode(client, 'a');
    await add(client, pod('low', withPriority(1)));
    await add(client, pod('middle', withPriority(5)));
    await until('bound', () => where(client, 'low') === 'a' && where(client, 'middle') === 'a');
    const high = await add(client, pod('high', withPriority(10)));
    await until('told to go', () => client.find(pods, 'default/low')?.metadata.deletionTimestamp !== undefined);
    const told = condition(client, 'low', 'DisruptionTarget');
    assert.deepEqual(
      [told?.status, told?.reason, told?.message],
      ['True', 'PreemptionByScheduler', 'default-scheduler: preempting to accommodate a higher priority pod'],
    );
    await until('promised', () => client.find(pods, 'default/high')?.status?.nominatedNodeName === 'a');
    const why = '0/1 nodes are available: 1 Insufficient cpu.';
    assert.equal(condition(client, 'high', 'PodScheduled')?.message, why);
    await until('event', () => client.objects(events).some((e) => e.reason === 'Preempted'));
    const event = client.objects(events).find((e) => e.reason === 'Preempted');
    assert.deepEqual(
      [event?.involvedObject.name, event?.type, event?.message],
      ['low', 'Normal', `Preempted by pod ${high.metadata.uid} on node a`],
    );
    // The place is kept while the victim ends: others of less importance do not get it, nobody else is driven out.
    await add(client, pod('late', withPriority(7)));
    await until('waits', () => condition(client, 'late', 'PodScheduled')?.status === 'False');
    await client.resource(pods).delete('low', { namespace: 'default', gracePeriodSeconds: 0 });
    await until('bound', () => where(client, 'high') === 'a');
    await until('the next victim', () => client.find(pods, 'default/middle')?.metadata.deletionTimestamp !== undefined);
    assert.equal(client.find(pods, 'default/high')?.metadata.deletionTimestamp, undefined);
    assert.equal(where(client, 'late'), undefined);
  });
});

test('a pod whose class says so drives out nobody, and says why', async () => {
  await withScheduler(async (client) => {
    await addNode(client, 'a');
    for (const name of ['x', 'y']) await add(client, pod(name, withPriority(1)));
    await until('bound', () => where(client, 'x') === 'a' && where(client, 'y') === 'a');
    await add(client, pod('calm', withPriority(10, { spec: { preemptionPolicy: 'Never' } })));
    await until('condition', () => condition(client, 'calm', 'PodScheduled')?.status === 'False');
    assert.equal(
      condition(client, 'calm', 'PodScheduled')?.message,
      '0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.',
    );
    assert.ok(client.objects(pods).every((p) => p.metadata.deletionTimestamp === undefined));
  });
});

test('a victim that could not be told is told again; one whose pod got another place stays', async () => {
  await withScheduler(async (client) => {
    await addNode(client, 'a', { allocatable: { cpu: '2', pods: '10' } });
    await add(client, pod('low', withPriority(1)));
    await until('bound', () => where(client, 'low') === 'a');
    let refusals = 0;
    client.intercept = (verb, plural, key) => {
      if (verb !== 'delete' || plural !== 'pods' || key !== 'default/low' || refusals++ > 0) return;
      throw new StatusError(500, 'InternalError', 'no');
    };
    await add(client, pod('high', withPriority(10)));
    await until('told to go', () => client.find(pods, 'default/low')?.metadata.deletionTimestamp !== undefined);
    assert.equal(refusals, 2);

    await addNode(client, 'b', { allocatable: { cpu: '2', pods: '10' } });
    await until('bound elsewhere', () => where(client, 'high') === 'b');
    client.intercept = (verb, plural) => {
      if (verb === 'delete' && plural === 'pods') throw new StatusError(500, 'InternalError', 'no');
    };
    await add(client, pod('higher', withPriority(20)));
    await until('promised', () => client.find(pods, 'default/higher')?.status?.nominatedNodeName !== undefined);
    await addNode(client, 'c', { allocatable: { cpu: '2', pods: '10' } });
    await until('bound elsewhere', () => where(client, 'higher') === 'c');
    client.intercept = () => undefined;
    await add(client, pod('more', { requests: { cpu: '1' } }));
    await until('waits', () => condition(client, 'more', 'PodScheduled')?.status === 'False');
    assert.equal(client.find(pods, 'default/high')?.metadata.deletionTimestamp, undefined);
  });
});
