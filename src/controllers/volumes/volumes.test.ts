// Claims from their making to their end, against the cluster in memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  events,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  statefulSets,
  storageClasses,
} from '../../api/objects.ts';
import type { StatefulSet, Unstored, apps } from '../../api/objects.ts';
import { startTestCluster } from '../testing/cluster.ts';
import type { TestCluster } from '../testing/cluster.ts';

const namespace = 'default';
type Retention = apps.StatefulSetPersistentVolumeClaimRetentionPolicy;

const statefulSet = (replicas: number, retention: Retention): Unstored<StatefulSet> => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'db', namespace },
  spec: {
    replicas,
    serviceName: 'db',
    podManagementPolicy: 'Parallel',
    persistentVolumeClaimRetentionPolicy: retention,
    selector: { matchLabels: { app: 'db' } },
    template: {
      metadata: { labels: { app: 'db' } },
      spec: {
        containers: [{ name: 'c', image: 'i' }],
        volumes: [
          { name: 'data', emptyDir: {} },
          { name: 'tmp', emptyDir: {} },
        ],
      },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data', labels: { tier: 'gold' } },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1Gi' } },
          storageClassName: 'standard',
        },
      },
    ],
  },
});

async function withStorage(): Promise<TestCluster> {
  const cluster = await startTestCluster();
  const { client } = cluster;
  await client.resource(storageClasses).create({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'standard' },
    provisioner: 'portico/local-path',
    volumeBindingMode: 'Immediate',
    reclaimPolicy: 'Delete',
  });
  const annotations = { 'portico/local-volumes': '/state/volumes' };
  await client.resource(nodes).patch('node-1', { metadata: { annotations } }, { type: 'merge' });
  return cluster;
}
const phases = ({ client }: TestCluster) =>
  client
    .objects(persistentVolumeClaims)
    .map((c) => `${c.metadata.name} ${c.status?.phase ?? ''}`)
    .toSorted();
const owners = ({ client }: TestCluster, name: string) =>
  client.find(persistentVolumeClaims, `${namespace}/${name}`)?.metadata.ownerReferences?.map((o) => o.kind) ?? [];
const scale = ({ client }: TestCluster, replicas: number) =>
  client.resource(statefulSets).patch('db', { spec: { replicas } }, { type: 'merge', namespace });

test('each pod of a StatefulSet has its claim, bound to a volume of its own; claims stay when it shrinks', async () => {
  await using cluster = await withStorage();
  const { client } = cluster;
  await client.resource(statefulSets).create(statefulSet(2, { whenDeleted: 'Retain', whenScaled: 'Retain' }));
  await cluster.until('claims', () => phases(cluster).join() === 'data-db-0 Bound,data-db-1 Bound');
  const claim = client.find(persistentVolumeClaims, 'default/data-db-1');
  assert.deepEqual(claim?.metadata.labels, { tier: 'gold', app: 'db' });
  assert.deepEqual(claim?.status?.capacity, { storage: '1Gi' });
  assert.deepEqual(client.find(pods, 'default/db-1')?.spec?.volumes, [
    { name: 'data', persistentVolumeClaim: { claimName: 'data-db-1' } },
    { name: 'tmp', emptyDir: {} },
  ]);
  await cluster.until('volumes', () => client.objects(persistentVolumes).every((v) => v.status?.phase === 'Bound'));
  assert.equal(client.objects(persistentVolumes).length, 2);
  const message = 'create Claim data-db-0 Pod db-0 in StatefulSet db success';
  await cluster.until('event', () => client.objects(events).some((e) => e.message === message));
  const { volumeName } = client.find(persistentVolumeClaims, 'default/data-db-1')?.spec ?? {};
  await scale(cluster, 1);
  await cluster.until('one pod', () => client.objects(pods).length === 1);
  await scale(cluster, 2);
  await cluster.until('two pods', () => client.objects(pods).length === 2);
  assert.equal(client.find(persistentVolumeClaims, 'default/data-db-1')?.spec?.volumeName, volumeName);
});

test('whenScaled Delete: the claim goes with its pod, its volume with the claim, and the next pod gets a new one', async () => {
  await using cluster = await withStorage();
  const { client } = cluster;
  await client.resource(statefulSets).create(statefulSet(2, { whenDeleted: 'Delete', whenScaled: 'Delete' }));
  await cluster.until('owners', () => owners(cluster, 'data-db-1').join() === 'StatefulSet');
  await cluster.until('bound', () => phases(cluster).join() === 'data-db-0 Bound,data-db-1 Bound');
  const before = client.find(persistentVolumeClaims, 'default/data-db-1')?.metadata.uid;
  await scale(cluster, 1);
  await cluster.until('claim gone', () => phases(cluster).join() === 'data-db-0 Bound');
  await cluster.until('volume gone', () => client.objects(persistentVolumes).length === 1);
  assert.deepEqual(owners(cluster, 'data-db-0'), ['StatefulSet']);
  await scale(cluster, 2);
  await cluster.until('a new one', () => phases(cluster).join() === 'data-db-0 Bound,data-db-1 Bound');
  assert.notEqual(client.find(persistentVolumeClaims, 'default/data-db-1')?.metadata.uid, before);
  await client.resource(statefulSets).delete('db', { namespace });
  await cluster.until('all gone', () => client.objects(persistentVolumeClaims).length === 0);
});

test('what is in use stays: a claim until its last pod is gone, a volume until its claim is', async () => {
  await using cluster = await withStorage();
  const { client } = cluster;
  const claims = client.resource(persistentVolumeClaims);
  await claims.create({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace, finalizers: ['kubernetes.io/pvc-protection'] },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: 'standard',
    },
  });
  await client.resource(pods).create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'user', namespace },
    spec: {
      nodeName: 'node-1',
      containers: [{ name: 'c', image: 'i' }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
    },
  });
  await cluster.until('bound', () => phases(cluster).join() === 'data Bound');
  const [volume] = client.objects(persistentVolumes);
  const name = volume?.metadata.name ?? '';
  const finalizers = ['kubernetes.io/pv-protection'];
  await client.resource(persistentVolumes).patch(name, { metadata: { finalizers } }, { type: 'merge' });
  await client.resource(persistentVolumes).delete(name);
  await claims.delete('data', { namespace });
  await client.resource(pods).patch('user', { metadata: { labels: { a: 'b' } } }, { type: 'merge', namespace });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(client.find(persistentVolumeClaims, 'default/data'), 'a pod uses it');
  assert.ok(client.find(persistentVolumes, name), 'a claim is bound to it');
  await client.resource(pods).delete('user', { namespace });
  await cluster.until('claim gone', () => client.objects(persistentVolumeClaims).length === 0);
  await cluster.until('volume gone', () => client.objects(persistentVolumes).length === 0);
});

test('a generic ephemeral volume has a claim that belongs to its pod', async () => {
  await using cluster = await withStorage();
  const { client } = cluster;
  await client.resource(pods).create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace },
    spec: {
      containers: [{ name: 'c', image: 'i' }],
      volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec: { storageClassName: 'standard' } } } }],
    },
  });
  await cluster.until('claim', () => phases(cluster).join() === 'p-v Bound');
  assert.deepEqual(owners(cluster, 'p-v'), ['Pod']);
  await client.resource(pods).delete('p', { namespace });
  await cluster.until('claim gone', () => client.objects(persistentVolumeClaims).length === 0);
});
