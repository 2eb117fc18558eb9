// A Service stays whole while its pods change: scaled up and down and rolled over under constant load.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { eventually, shellManifest, startCluster, webManifest, type Cluster } from './cluster-fixture.ts';
import { failuresIn, startConstantLoad } from './load.ts';

let cluster: Cluster;
before(() => {
  cluster = startCluster();
  cluster.apply([webManifest({ name: 'web', replicas: 3 }), shellManifest('client', 'node-3')].join('---\n'));
  cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  cluster.kubectl('wait', '--for=condition=Ready', 'pod/client', '--timeout=60s');
});
after(() => cluster.down());

const endpoints = () =>
  cluster
    .kubectl(
      'get',
      'endpointslices',
      '-l',
      'kubernetes.io/service-name=web',
      '-o',
      'jsonpath={.items[*].endpoints[*].addresses[0]}',
    )
    .split(' ')
    .filter((a) => a !== '');

test('scale 3 to 8 to 2 and a rolling update under constant load: no request fails', async () => {
  const vip = cluster.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  const load = startConstantLoad({ netns: cluster.podNetns('client'), host: vip, port: 80 });
  cluster.kubectl('scale', 'deployment', 'web', '--replicas=8');
  cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  await eventually('8 endpoints', () => (endpoints().length === 8 ? true : undefined));
  cluster.kubectl('scale', 'deployment', 'web', '--replicas=2');
  await eventually('2 endpoints', () => (endpoints().length === 2 ? true : undefined));
  cluster.kubectl('set', 'env', 'deployment/web', 'GENERATION=2');
  cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  await eventually('2 new endpoints', () => (endpoints().length === 2 ? true : undefined));
  const replies = await load.stop();
  const total = [...replies.values()].reduce((a, b) => a + b, 0);
  assert.deepEqual(failuresIn(replies), [], `failures among ${total} requests`);
  assert.ok(total > 500, `only ${total} requests were made`);
  assert.ok(replies.size >= 5, `replies from ${replies.size} pods only`);
});

test('kubectl rollout undo, pause and history work on the Deployment', () => {
  cluster.kubectl('rollout', 'undo', 'deployment/web');
  cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  const env = cluster.kubectl('get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].env}');
  assert.equal(env, '');
  assert.match(cluster.kubectl('rollout', 'history', 'deployment/web'), /3/);
});
