// Evictions: what disruption budgets allow and refuse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestServer, type TestServer } from '../testing/test-server.ts';

const NS = '/api/v1/namespaces/default';
const BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
const merge = { headers: { 'content-type': 'application/merge-patch+json' } };

async function addPod(server: TestServer, name: string, ready = true): Promise<void> {
  await server.ok('POST', `${NS}/pods`, {
    metadata: { name, labels: { app: 'web' } },
    spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] },
  });
  const status = { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] };
  await server.ok('PATCH', `${NS}/pods/${name}/status`, { status }, merge);
}

/** What the disruption controller would write. */
const allow = (server: TestServer, name: string, disruptionsAllowed: number, observedGeneration = 1) =>
  server.ok(
    'PATCH',
    `${BUDGETS}/${name}/status`,
    { status: { disruptionsAllowed, observedGeneration, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 } },
    merge,
  );

const evict = (server: TestServer, name: string, query = '') =>
  server.call('POST', `${NS}/pods/${name}/eviction${query}`, { metadata: { name } });

async function withPods(): Promise<TestServer> {
  const server = await startTestServer();
  await server.ok('POST', `${NS}/serviceaccounts`, { metadata: { name: 'default' } });
  for (const name of ['a', 'b']) await addPod(server, name);
  return server;
}

const budget = (name: string, spec: object = {}) => ({
  metadata: { name },
  spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } }, ...spec },
});

test('a budget allows as many evictions as its status says, and notes them', async () => {
  await using server = await withPods();
  await server.ok('POST', BUDGETS, budget('b'));
  const unseen = await evict(server, 'a');
  assert.deepEqual([unseen.status, unseen.headers['retry-after']], [429, '10']);
  assert.match(unseen.body.message, /The disruption budget b is still being processed by the server\./);
  await allow(server, 'b', 1);
  assert.equal((await evict(server, 'a', '?dryRun=All')).status, 201);
  assert.equal((await evict(server, 'a')).status, 201);
  const { status } = await server.ok('GET', `${BUDGETS}/b`);
  assert.deepEqual([status.disruptionsAllowed, Object.keys(status.disruptedPods)], [0, ['a']]);
  assert.ok((await server.ok('GET', `${NS}/pods/a`)).metadata.deletionTimestamp);
  const refused = await evict(server, 'b');
  assert.equal(refused.status, 429);
  assert.equal(refused.body.message, "Cannot evict pod as it would violate the pod's disruption budget.");
  assert.deepEqual(refused.body.details.causes, [
    { reason: 'DisruptionBudget', message: 'The disruption budget b needs 1 healthy pods and has 2 currently' },
  ]);
  assert.equal((await server.ok('GET', `${NS}/pods/b`)).metadata.deletionTimestamp, undefined);
});

test('a hundred evictions at once take no more than the budget has', async () => {
  await using server = await withPods();
  for (let i = 0; i < 20; i++) await addPod(server, `p${i}`);
  await server.ok('POST', BUDGETS, budget('b'));
  await allow(server, 'b', 5);
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => evict(server, `p${i}`)));
  assert.equal(answers.filter((a) => a.status === 201).length, 5);
});

test('pods that are not ready go freely when enough others are, or when the budget says so', async () => {
  await using server = await withPods();
  await addPod(server, 'sick', false);
  await server.ok('POST', BUDGETS, budget('b'));
  await allow(server, 'b', 0);
  assert.equal((await evict(server, 'sick')).status, 201);
  await addPod(server, 'ill', false);
  const starved = { currentHealthy: 0, desiredHealthy: 1 };
  await server.ok('PATCH', `${BUDGETS}/b/status`, { status: starved }, merge);
  assert.equal((await evict(server, 'ill')).status, 429);
  await server.ok('PATCH', `${BUDGETS}/b`, { spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } }, merge);
  assert.equal((await evict(server, 'ill')).status, 201);
});

test('two budgets for a pod are one too many, and a pod without one goes', async () => {
  await using server = await withPods();
  await server.ok('POST', `${NS}/pods`, {
    metadata: { name: 'free' },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });
  for (const name of ['one', 'two']) {
    await server.ok('POST', BUDGETS, budget(name));
    await allow(server, name, 1);
  }
  const twice = await evict(server, 'a');
  assert.equal(twice.status, 500);
  assert.match(twice.body.message, /more than one PodDisruptionBudget/);
  assert.equal((await evict(server, 'free')).status, 201);
  assert.equal((await evict(server, 'nobody')).status, 404);
});
