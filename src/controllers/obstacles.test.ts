// What stands in the way of controllers: quotas, taken names, finalizers, owners that are not what they seem.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError, configMaps, deployments, events, namespaces, nodes, replicaSets } from '../api/objects.ts';
import { ManualClock } from '../clock/index.ts';
import { newReplicaSet } from './deployment/new-replica-set.ts';
import { startTestCluster, testDeployment } from './testing/cluster.ts';

test('pods that are refused show as ReplicaFailure on set and Deployment, until they are let in', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  let refuse = true;
  client.intercept = (verb, plural) => {
    if (refuse && verb === 'create' && plural === 'pods') {
      throw new StatusError(403, 'Forbidden', 'pods "web-" is forbidden: exceeded quota');
    }
  };
  await client.resource(deployments).create(testDeployment('web', 5));
  const failure = () =>
    client.find(deployments, 'default/web')?.status?.conditions?.find((c) => c.type === 'ReplicaFailure');
  await cluster.until('condition', () => failure()?.reason === 'FailedCreate');
  assert.match(failure()?.message ?? '', /exceeded quota/);
  await cluster.until('event', () => client.objects(events).some((e) => e.reason === 'FailedCreate'));
  const message = client.objects(events).find((e) => e.reason === 'FailedCreate')?.message;
  assert.equal(message, 'Error creating: pods "web-" is forbidden: exceeded quota');
  refuse = false;
  await cluster.until('all there', () => client.find(deployments, 'default/web')?.status?.availableReplicas === 5);
  await cluster.until('no condition', () => failure() === undefined);
});

test('a ReplicaSet name that somebody else has makes the Deployment take another', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  const deployment = testDeployment('web', 1);
  const stored = { ...deployment.metadata, name: 'web', uid: 'other', resourceVersion: '', creationTimestamp: '' };
  const taken = newReplicaSet({ ...deployment, metadata: stored }, []);
  const { ownerReferences: _, labels: _labels, ...metadata } = taken.metadata;
  await client
    .resource(replicaSets)
    .create({ ...taken, metadata, spec: { replicas: 0, selector: { matchLabels: { x: 'y' } } } });
  await client.resource(deployments).create(deployment);
  await cluster.until('roll-out', () => client.find(deployments, 'default/web')?.status?.availableReplicas === 1);
  assert.equal(client.find(deployments, 'default/web')?.status?.collisionCount, 1);
  assert.equal(client.objects(replicaSets).length, 2);
});

test('a namespace waits for finalizers and says for which', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  const spec = { finalizers: ['kubernetes'] };
  await client.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' }, spec });
  const metadata = { name: 'held', namespace: 'x', finalizers: ['example.com/keep'] };
  await client.resource(configMaps).create({ apiVersion: 'v1', kind: 'ConfigMap', metadata });
  await client.resource(namespaces).delete('x');
  const condition = (type: string) => client.find(namespaces, 'x')?.status?.conditions?.find((c) => c.type === type);
  await cluster.until('conditions', () => condition('NamespaceFinalizersRemaining')?.status === 'True');
  assert.equal(
    condition('NamespaceFinalizersRemaining')?.message,
    'Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances',
  );
  assert.match(condition('NamespaceContentRemaining')?.message ?? '', /configmaps has 1 resource instances/);
  const held = await client.resource(configMaps).get('held', 'x');
  await client.resource(configMaps).update({ ...held, metadata: { ...held.metadata, finalizers: [] } });
  await cluster.until('end', () => client.find(namespaces, 'x') === undefined);
});

test('the garbage collector believes only what it can see', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  const api = client.resource(configMaps);
  const make = async (name: string, owner: { apiVersion: string; kind: string; name: string; uid: string }) =>
    api.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'default', ownerReferences: [owner] },
    });
  const node = client.find(nodes, 'node-1')?.metadata.uid ?? '';
  await make('of-node', { apiVersion: 'v1', kind: 'Node', name: 'node-1', uid: node });
  await make('of-unknown-kind', { apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', uid: 'w' });
  await make('of-nobody', { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'p' });
  await make('of-namesake', { apiVersion: 'v1', kind: 'Node', name: 'node-1', uid: 'an earlier one' });
  const names = () => client.objects(configMaps).map((o) => o.metadata.name);
  await cluster.until('two gone', () => names().length === 2);
  assert.deepEqual(names(), ['of-node', 'of-unknown-kind']);
  await client.resource(nodes).delete('node-1');
  await cluster.until('and the third', () => names().length === 1);
});

test('minReadySeconds delays availability, not readiness', async () => {
  const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
  await using cluster = await startTestCluster({ clock });
  const { client } = cluster;
  const deployment = testDeployment('web', 1);
  if (deployment.spec !== undefined) deployment.spec.minReadySeconds = 20;
  await client.resource(deployments).create(deployment);
  const status = () => client.find(deployments, 'default/web')?.status;
  // Also what is tried again after a conflict waits for this clock.
  const passing = (done: () => boolean) => () => {
    clock.advance(10);
    return done();
  };
  await cluster.until(
    'ready',
    passing(() => status()?.readyReplicas === 1),
  );
  const readyAt = clock.now();
  assert.equal(status()?.availableReplicas ?? 0, 0);
  await cluster.until(
    'available',
    passing(() => status()?.availableReplicas === 1),
  );
  assert.ok(clock.now() - readyAt >= 19_000, 'the times of conditions are whole seconds');
});
