// StatefulSets, DaemonSets, Endpoints and the care for nodes, against the cluster in memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  controllerRevisions,
  daemonSets,
  deployments,
  endpointSlices,
  endpoints,
  events,
  leases,
} from '../api/objects.ts';
import { nodes, pods, replicationControllers, services, statefulSets } from '../api/objects.ts';
import type { DaemonSet, StatefulSet, Unstored } from '../api/objects.ts';
import type { FakeClient } from '../client/index.ts';
import { ManualClock } from '../clock/index.ts';
import { startTestCluster, testDeployment, testNode, testService } from './testing/cluster.ts';

const template = (image: string) => ({
  metadata: { labels: { app: 'db' } },
  spec: { containers: [{ name: 'c', image }] },
});
const metadata = { name: 'db', namespace: 'default' };
const selector = { matchLabels: { app: 'db' } };
const statefulSet = (replicas: number): Unstored<StatefulSet> => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata,
  spec: { replicas, serviceName: 'db', selector, template: template('a') },
});
const daemonSet = (): Unstored<DaemonSet> => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata,
  spec: { selector, template: template('a') },
});
const images = (client: FakeClient) => client.objects(pods).map((p) => p.spec?.containers[0]?.image);
const podNames = (client: FakeClient) =>
  client
    .objects(pods)
    .map((p) => p.metadata.name)
    .toSorted();

test('a StatefulSet makes its pods in order, replaces one by its namesake, and rolls out from the end', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  const api = client.resource(statefulSets);
  const status = () => client.find(statefulSets, 'default/db')?.status;
  await api.create(statefulSet(3));
  await cluster.until('3 ready', () => status()?.readyReplicas === 3);
  const created = client.actions.filter((a) => a.verb === 'create' && a.plural === 'pods').map((a) => a.key);
  assert.deepEqual(created, ['default/db-0', 'default/db-1', 'default/db-2']);
  const uid = client.find(pods, 'default/db-1')?.metadata.uid;
  await client.resource(pods).delete('db-1', { namespace: 'default' });
  await cluster.until('db-1 again', () => {
    const again = client.find(pods, 'default/db-1');
    return again !== undefined && again.metadata.uid !== uid && status()?.readyReplicas === 3;
  });
  client.actions.length = 0;
  await api.patch('db', { spec: { template: template('b') } }, { type: 'merge', namespace: 'default' });
  await cluster.until(
    'roll-out',
    () => images(client).join('') === 'bbb' && status()?.currentRevision === status()?.updateRevision,
  );
  const deleted = client.actions.filter((a) => a.verb === 'delete' && a.plural === 'pods').map((a) => a.key);
  assert.deepEqual([...new Set(deleted)], ['default/db-2', 'default/db-1', 'default/db-0']);
  assert.deepEqual(images(client), ['b', 'b', 'b']);
  assert.deepEqual(
    client.objects(controllerRevisions).map((r) => r.revision),
    [1, 2],
  );
  await api.patch('db', { spec: { replicas: 1 } }, { type: 'merge', namespace: 'default' });
  await cluster.until('one left', () => status()?.replicas === 1);
  assert.deepEqual(podNames(client), ['db-0']);
});

test('a DaemonSet has one pod on each node, follows nodes, and rolls out one at a time', async () => {
  await using cluster = await startTestCluster({ nodes: 3 });
  const { client } = cluster;
  const api = client.resource(daemonSets);
  const status = () => client.find(daemonSets, 'default/db')?.status;
  const wanted = () =>
    client
      .objects(pods)
      .map(
        (p) => p.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms?.[0],
      )
      .map((term) => term?.matchFields?.[0]?.values?.[0] ?? '')
      .toSorted();
  await api.create(daemonSet());
  await cluster.until('3 wanted', () => wanted().length === 3);
  assert.deepEqual(wanted(), ['node-1', 'node-2', 'node-3']);
  await client.resource(nodes).create(testNode('node-4'));
  await cluster.until('4 wanted', () => wanted().includes('node-4') && (status()?.desiredNumberScheduled ?? 0) === 4);
  await api.patch('db', { spec: { template: template('b') } }, { type: 'merge', namespace: 'default' });
  await cluster.until('new pods', () => images(client).every((i) => i === 'b') && images(client).length === 4);
});

test('a ReplicationController keeps its pods', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  await client.resource(replicationControllers).create({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata,
    spec: { replicas: 2, selector: { app: 'db' }, template: template('a') },
  });
  await cluster.until('2 ready', () => client.find(replicationControllers, 'default/db')?.status?.readyReplicas === 2);
});

test('Endpoints follow the pods and go with their Service; hand-written ones become slices', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  const addresses = () => client.find(endpoints, 'default/web')?.subsets?.flatMap((s) => s.addresses ?? []).length;
  await client.resource(services).create(testService('web'));
  await cluster.until('empty', () => client.find(endpoints, 'default/web') !== undefined);
  await client.resource(deployments).create(testDeployment('web', 3));
  await cluster.until('3 addresses', () => addresses() === 3);
  await client.resource(services).delete('web', { namespace: 'default' });
  await cluster.until('gone', () => client.find(endpoints, 'default/web') === undefined);

  const { spec, ...service } = testService('by-hand');
  const { selector: _, ...rest } = spec ?? {};
  await client.resource(services).create({ ...service, spec: rest });
  const subsets = [{ addresses: [{ ip: '10.0.1.79' }, { ip: '10.0.0.224' }], ports: [{ port: 80 }] }];
  const object = { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'by-hand', namespace: 'default' }, subsets };
  await client.resource(endpoints).create(object);
  const mirror = () =>
    client.objects(endpointSlices).find((s) => s.metadata.labels?.['kubernetes.io/service-name'] === 'by-hand');
  await cluster.until('mirror', () => mirror()?.endpoints?.length === 2);
  const slice = mirror();
  assert.equal(slice?.metadata.ownerReferences?.[0]?.kind, 'Endpoints');
  await client.resource(endpoints).delete('by-hand', { namespace: 'default' });
  await cluster.until('no mirror', () => mirror() === undefined);
});

test('a silent node becomes Unknown, its pods stop being endpoints at once and leave after their toleration', async () => {
  const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
  await using cluster = await startTestCluster({ clock, nodes: 2 });
  const { client } = cluster;
  const now = () => new Date(clock.now()).toISOString().replace('Z', '000Z');
  const leaseApi = client.resource(leases);
  const where = { namespace: 'kube-node-lease' };
  for (const name of ['node-1', 'node-2']) {
    const spec = { holderIdentity: name, renewTime: now() };
    await leaseApi.create({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, ...where }, spec });
  }
  const deployment = testDeployment('web', 2);
  const podSpec = deployment.spec?.template.spec;
  const tolerate = { operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 };
  if (podSpec !== undefined) {
    podSpec.tolerations = ['not-ready', 'unreachable'].map((k) => ({ key: `node.kubernetes.io/${k}`, ...tolerate }));
  }
  await client.resource(services).create(testService('web'));
  await client.resource(deployments).create(deployment);
  const ready = () =>
    client
      .objects(endpointSlices)
      .flatMap((s) => s.endpoints ?? [])
      .filter((e) => e.conditions?.ready === true)
      .map((e) => e.nodeName);
  await cluster.until('2 endpoints', () => ready().length === 2);
  // node-2 goes on, node-1 falls silent; its agent does nothing any more.
  cluster.agent = (pod) => (pod.spec?.nodeName === 'node-1' ? 'ignore' : 'ready');
  const pass = async (ms: number) => {
    for (let t = 0; t < ms; t += 5000) {
      clock.advance(5000);
      const lease = await leaseApi.get('node-2', 'kube-node-lease');
      await leaseApi.update({ ...lease, spec: { ...lease.spec, renewTime: now() } });
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const state = (name: string) => client.find(nodes, name)?.status?.conditions?.find((c) => c.type === 'Ready')?.status;
  await pass(35_000);
  assert.deepEqual([state('node-1'), state('node-2')], ['True', 'True']);
  await pass(10_000);
  assert.deepEqual([state('node-1'), state('node-2')], ['Unknown', 'True']);
  await cluster.until('endpoints without node-1', () => ready().join() === 'node-2');
  const taints = client.find(nodes, 'node-1')?.spec?.taints?.map((t) => `${t.key} ${t.effect}`);
  assert.deepEqual(taints, ['node.kubernetes.io/unreachable NoSchedule', 'node.kubernetes.io/unreachable NoExecute']);
  const deleting = () => client.objects(pods).filter((p) => p.metadata.deletionTimestamp !== undefined).length;
  await pass(290_000);
  assert.equal(deleting(), 0);
  await pass(15_000);
  await cluster.until('eviction', () => deleting() === 1);

  // The node speaks again: the taints go.
  const lease = await leaseApi.get('node-1', 'kube-node-lease');
  await leaseApi.update({ ...lease, spec: { ...lease.spec, renewTime: now() } });
  const node = await client.resource(nodes).get('node-1');
  const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: now() }];
  await client.resource(nodes).updateStatus({ ...node, status: { ...node.status, conditions } });
  await cluster.until('no taints', () => client.find(nodes, 'node-1')?.spec?.taints?.length === 0);
});

test('pods of a node that is gone are removed after a while', async () => {
  const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
  await using cluster = await startTestCluster({ clock, nodes: 1 });
  const { client } = cluster;
  const spec = { containers: [] };
  await client
    .resource(pods)
    .create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default' }, spec });
  await cluster.until('bound', () => client.find(pods, 'default/p')?.status?.phase === 'Running');
  cluster.agent = () => 'ignore';
  await client.resource(nodes).delete('node-1');
  const settle = async () => {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  await settle();
  clock.advance(30_000);
  await settle();
  assert.notEqual(client.find(pods, 'default/p'), undefined);
  clock.advance(15_000);
  await cluster.until('removal', () => client.find(pods, 'default/p') === undefined);
  await cluster.until('event', () => client.objects(events).some((e) => e.reason === 'OrphanedPodGC'));
});
