import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  configMaps,
  deployments,
  endpointSlices,
  events,
  namespaces,
  nodes,
  pods,
  replicaSets,
} from '../api/objects.ts';
import { StatusError, serviceAccounts, services } from '../api/objects.ts';
import type { Deployment } from '../api/objects.ts';
import type { FakeClient } from '../client/index.ts';
import { startTestCluster, testDeployment, testNode, testService } from './testing/cluster.ts';
import type { TestCluster } from './testing/cluster.ts';

const web = (client: FakeClient): Deployment | undefined => client.find(deployments, 'default/web');

function isRolledOut(client: FakeClient): boolean {
  const deployment = web(client);
  const replicas = deployment?.spec?.replicas ?? 0;
  const s = deployment?.status;
  return (
    s?.observedGeneration === deployment?.metadata.generation &&
    s?.updatedReplicas === replicas &&
    s?.availableReplicas === replicas &&
    s?.replicas === replicas
  );
}

async function change(cluster: TestCluster, edit: (d: Deployment) => void): Promise<void> {
  const api = cluster.client.resource(deployments);
  for (;;) {
    const deployment = await api.get('web', 'default');
    edit(deployment);
    try {
      await api.update(deployment);
      return;
    } catch {
      // A controller wrote meanwhile.
    }
  }
}

const reasons = (client: FakeClient, type: string) =>
  web(client)?.status?.conditions?.find((c) => c.type === type)?.reason;

test('a Deployment becomes pods, endpoints and the conditions that kubectl waits for', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  await client.resource(services).create(testService('web'));
  const began = performance.now();
  await client.resource(deployments).create(testDeployment('web', 3));
  await cluster.until('roll-out', () => isRolledOut(client));
  const endpoints = () => client.objects(endpointSlices).flatMap((s) => s.endpoints ?? []);
  await cluster.until('3 ready endpoints', () => endpoints().filter((e) => e.conditions?.ready).length === 3);
  assert.ok(performance.now() - began < 1000, 'no fixed waits in the chain');
  await cluster.until('conditions', () => reasons(client, 'Progressing') === 'NewReplicaSetAvailable');
  assert.equal(reasons(client, 'Available'), 'MinimumReplicasAvailable');
  assert.equal(web(client)?.metadata.annotations?.['deployment.kubernetes.io/revision'], '1');
  const [set, ...otherSets] = client.objects(replicaSets);
  assert.equal(otherSets.length, 0);
  const hash = set?.metadata.labels?.['pod-template-hash'] ?? '';
  assert.equal(set?.metadata.name, `web-${hash}`);
  for (const pod of client.objects(pods)) assert.equal(pod.metadata.labels?.['pod-template-hash'], hash);
  const [slice, ...otherSlices] = client.objects(endpointSlices);
  assert.equal(otherSlices.length, 0);
  assert.deepEqual(slice?.ports, [{ name: '', port: 80, protocol: 'TCP' }]);
  assert.equal(slice?.metadata.labels?.['kubernetes.io/service-name'], 'web');
  assert.match(slice?.metadata.name ?? '', /^web-[a-z0-9]{5}$/);
  await cluster.until('events', () =>
    client.objects(events).some((e) => e.message === `Scaled up replica set web-${hash} from 0 to 3`),
  );
});

test('a rolling update never falls below what is promised and keeps the old set for a rollback', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  await client.resource(deployments).create(testDeployment('web', 8));
  await cluster.until('first roll-out', () => isRolledOut(client));
  let fewest = 8;
  let most = 0;
  client.intercept = () => {
    const alive = client.objects(pods).filter((p) => p.metadata.deletionTimestamp === undefined);
    const ready = alive.filter((p) => p.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'));
    fewest = Math.min(fewest, ready.length);
    most = Math.max(most, alive.length);
  };
  await change(cluster, (d) => (d.spec?.template.spec?.containers ?? []).forEach((c) => (c.image = 'portico/web:2')));
  await cluster.until('second roll-out', () => isRolledOut(client) && client.objects(replicaSets).length === 2);
  assert.ok(fewest >= 6, `25 % of 8 may be unavailable, ${fewest} were ready`);
  assert.ok(most <= 10, `25 % of 8 may be added, ${most} were there`);
  assert.deepEqual(
    client.objects(replicaSets).map((s) => s.spec?.replicas),
    [0, 8],
  );
  assert.equal(web(client)?.metadata.annotations?.['deployment.kubernetes.io/revision'], '2');

  // What kubectl rollout undo does: the old template comes back, its set is used again under a new revision.
  await change(cluster, (d) => (d.spec?.template.spec?.containers ?? []).forEach((c) => (c.image = 'portico/web')));
  await cluster.until('rollback', () => isRolledOut(client) && client.objects(replicaSets)[0]?.spec?.replicas === 8);
  const first = client.objects(replicaSets)[0]?.metadata.annotations;
  assert.equal(first?.['deployment.kubernetes.io/revision'], '3');
  assert.equal(first?.['deployment.kubernetes.io/revision-history'], '1');
});

test('Recreate starts new pods only when the old ones are gone', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  const deployment = testDeployment('web', 3);
  if (deployment.spec !== undefined) deployment.spec.strategy = { type: 'Recreate' };
  await client.resource(deployments).create(deployment);
  await cluster.until('first roll-out', () => isRolledOut(client));
  let mixed = false;
  client.intercept = () => {
    const images = new Set(client.objects(pods).map((p) => p.spec?.containers[0]?.image));
    mixed ||= images.size > 1;
  };
  await change(cluster, (d) => (d.spec?.template.spec?.containers ?? []).forEach((c) => (c.image = 'portico/web:2')));
  await cluster.until('second roll-out', () => isRolledOut(client) && client.objects(replicaSets).length === 2);
  assert.equal(mixed, false);
});

test('100 pods are made without much waiting, and scaling down removes the right number', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  await client.resource(deployments).create(testDeployment('web', 100));
  await cluster.until('100 ready', () => isRolledOut(client));
  assert.equal(client.objects(pods).length, 100);
  await change(cluster, (d) => d.spec !== undefined && (d.spec.replicas = 2));
  await cluster.until('2 left', () => isRolledOut(client) && client.objects(pods).length === 2);
});

test('a pod that is deleted or fails is replaced; a foreign one with fitting labels is adopted', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  await client.resource(deployments).create(testDeployment('web', 2));
  await cluster.until('roll-out', () => isRolledOut(client));
  const [first, second] = client.objects(pods);
  await client.resource(pods).delete(first?.metadata.name ?? '', { namespace: 'default' });
  await cluster.until('replacement', () => {
    const names = client.objects(pods).map((p) => p.metadata.name);
    return names.length === 2 && !names.includes(first?.metadata.name ?? '');
  });
  cluster.agent = (pod) => (pod.metadata.uid === second?.metadata.uid ? 'ignore' : 'ready');
  const failed = await client.resource(pods).get(second?.metadata.name ?? '', 'default');
  await client.resource(pods).updateStatus({ ...failed, status: { ...failed.status, phase: 'Failed' } });
  await cluster.until('3 pods, one failed', () => client.objects(pods).length === 3);

  const labels = { ...second?.metadata.labels };
  const metadata = { name: 'stray', namespace: 'default', labels };
  await client.resource(pods).create({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] } });
  await cluster.until('one too many is deleted', () => {
    const active = client.objects(pods).filter((p) => p.status?.phase !== 'Failed');
    return active.length === 2 && active.every((p) => p.metadata.ownerReferences?.length === 1);
  });
});

test('deleting a Deployment takes its ReplicaSets and pods along; with Orphan they stay', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  await client.resource(deployments).create(testDeployment('web', 2));
  await client.resource(deployments).create(testDeployment('api', 2));
  await cluster.until('4 pods', () => client.objects(pods).length === 4 && isRolledOut(client));
  await client.resource(deployments).delete('web', { namespace: 'default', propagationPolicy: 'Foreground' });
  await client.resource(deployments).delete('api', { namespace: 'default', propagationPolicy: 'Orphan' });
  await cluster.until('end of both', () => client.objects(deployments).length === 0);
  await cluster.until('pods of one', () => client.objects(pods).length === 2);
  const [set, ...others] = client.objects(replicaSets);
  assert.equal(others.length, 0);
  assert.match(set?.metadata.name ?? '', /^api-/);
  assert.equal(set?.metadata.ownerReferences?.length, 0);
});

test('foreground deletion keeps the owner until its pods are gone', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  await client.resource(deployments).create(testDeployment('web', 2));
  await cluster.until('roll-out', () => isRolledOut(client));
  let early = false;
  client.intercept = () => {
    if (client.objects(deployments).length === 0 && client.objects(pods).length > 0) early = true;
  };
  await client.resource(deployments).delete('web', { namespace: 'default', propagationPolicy: 'Foreground' });
  await cluster.until('end', () => client.objects(deployments).length === 0);
  assert.equal(early, false);
  assert.equal(client.objects(pods).length, 0);
});

test('a namespace gets its account and CA, and goes with all that is in it', async () => {
  await using cluster = await startTestCluster({ controllers: { caPem: 'PEM' } });
  const { client } = cluster;
  const spec = { finalizers: ['kubernetes'] };
  await client.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' }, spec });
  await cluster.until('account', () => client.find(serviceAccounts, 'x/default'));
  const map = await cluster.until('CA', () => client.find(configMaps, 'x/kube-root-ca.crt'));
  assert.deepEqual(map.data, { 'ca.crt': 'PEM' });
  await client.resource(configMaps).update({ ...map, data: { 'ca.crt': 'forged', more: 'x' } });
  await cluster.until('CA again', () => client.find(configMaps, 'x/kube-root-ca.crt')?.data?.['ca.crt'] === 'PEM');
  const deployment = testDeployment('web', 2);
  await client.resource(deployments).create({ ...deployment, metadata: { name: 'web', namespace: 'x' } });
  await cluster.until('pods', () => client.objects(pods).length === 2);
  await client.resource(namespaces).delete('x');
  await cluster.until('end', () => client.find(namespaces, 'x') === undefined);
  const left = [pods, replicaSets, deployments, configMaps, serviceAccounts].flatMap((r) => client.objects(r));
  assert.deepEqual(
    left.filter((o) => o.metadata.namespace === 'x').map((o) => o.metadata.name),
    [],
  );
});

test('nodes get parts of the pod CIDRs, and a full range is told in an event', async () => {
  const podCidrs = ['10.244.0.0/23', 'fd00:10:244::/56'];
  await using cluster = await startTestCluster({ controllers: { podCidrs }, nodes: 2 });
  const { client } = cluster;
  const cidrs = () => client.objects(nodes).map((n) => n.spec?.podCIDRs?.join(' ') ?? '-');
  await cluster.until('two parts', () => !cidrs().includes('-'));
  assert.deepEqual(cidrs(), ['10.244.0.0/24 fd00:10:244::/64', '10.244.1.0/24 fd00:10:244:1::/64']);
  await client.resource(nodes).create(testNode('node-3'));
  await cluster.until('event', () => client.objects(events).some((e) => e.reason === 'CIDRNotAvailable'));
  await client.resource(nodes).delete('node-1');
  await cluster.until(
    'the freed part',
    () => cidrs().join() === '10.244.1.0/24 fd00:10:244:1::/64,10.244.0.0/24 fd00:10:244::/64',
  );
});

test('controllers that start on what others left behind change nothing that is right', async () => {
  const first = await startTestCluster();
  const { client } = first;
  await client.resource(services).create(testService('web'));
  await client.resource(deployments).create(testDeployment('web', 5));
  await first.until(
    'roll-out',
    () => isRolledOut(client) && reasons(client, 'Progressing') === 'NewReplicaSetAvailable',
  );
  await first.until('endpoints', () => client.objects(endpointSlices)[0]?.endpoints?.every((e) => e.conditions?.ready));
  await first[Symbol.asyncDispose]();
  const { startControllers } = await import('./start-controllers.ts');
  const before = client.actions.length;
  const again = startControllers({ client });
  await new Promise((resolve) => setTimeout(resolve, 100));
  await again.stop();
  assert.deepEqual(client.actions.slice(before), []);
});

test('through failing requests, cut watches and restarts everything ends as it should be', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  await client.resource(services).create(testService('web'));
  let state = 7;
  const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  client.intercept = (verb, plural) => {
    // Agents watch pods, too; theirs is not what is tested.
    if (plural !== 'deployments' && verb !== 'watch' && random() < 0.08) {
      throw new StatusError(500, 'InternalError', 'a failure on purpose');
    }
  };
  const attempt = async (request: () => Promise<unknown>) => {
    for (;;) {
      try {
        return await request();
      } catch {
        // On purpose.
      }
    }
  };
  await attempt(() => client.resource(deployments).create(testDeployment('web', 6)));
  for (const [i, replicas] of [12, 3, 9, 5].entries()) {
    for (let turn = 0; turn < 15; turn++) await new Promise((resolve) => setImmediate(resolve));
    await change(cluster, (d) => {
      if (d.spec === undefined) return;
      d.spec.replicas = replicas;
      if (i % 2 === 1) (d.spec.template.spec?.containers ?? []).forEach((c) => (c.image = `portico/web:${i}`));
    });
    if (i % 2 === 0) cluster.restartControllers();
    else client.cutWatches();
  }
  await cluster.until('roll-out', () => isRolledOut(client) && client.objects(pods).length === 5);
  const ready = () => client.objects(endpointSlices).flatMap((s) => s.endpoints ?? []);
  await cluster.until('endpoints', () => ready().length === 5 && ready().every((e) => e.conditions?.ready));
  const sets = client.objects(replicaSets).filter((s) => (s.spec?.replicas ?? 0) > 0);
  assert.equal(sets.length, 1);
  assert.deepEqual(new Set(client.objects(pods).map((p) => p.spec?.containers[0]?.image)), new Set(['portico/web:3']));
});
