import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { leases, nodes } from '../api/objects.ts';
import { createFakeClient, type FakeClient } from '../client/index.ts';
import { ManualClock } from '../clock/index.ts';
import { silentLogger } from '../log/index.ts';
import { NodeRegistration } from './node-registration.ts';

type Peers = { reachable: boolean; reason: string; message: string } | undefined;

function register(before: { client?: FakeClient; networkProblem?: string } = {}) {
  const clock = new ManualClock(Date.UTC(2030, 0));
  const client = before.client ?? createFakeClient();
  const network: { problem: string | undefined; peers?: Peers } = { problem: before.networkProblem };
  const registration = new NodeRegistration({
    client,
    clock,
    log: silentLogger,
    name: 'node-1',
    ips: () => ['10.0.0.1'],
    labels: {},
    maxPods: 110,
    stateDir: tmpdir(),
    kubeletPort: 10250,
    runtimeVersion: 'process://1.0',
    networkProblem: () => network.problem,
    peers: () => network.peers,
    onReady: () => undefined,
  });
  registration.start();
  const ready = () => client.find(nodes, 'node-1')?.status?.conditions?.find((c) => c.type === 'Ready')?.status;
  return { clock, client, registration, ready, network };
}

/** Lets what was started come to its end: nothing here waits for IO. */
const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test('a node that was given up is Ready again with the next heartbeat', async () => {
  const { clock, client, registration, ready } = register();
  await settle();
  assert.equal(ready(), 'True');
  const node = client.find(nodes, 'node-1');
  assert.ok(node?.status?.conditions);
  const conditions = node.status.conditions.map((c) => ({ ...c, status: 'Unknown' }));
  await client.resource(nodes).patch('node-1', { status: { conditions } }, { type: 'merge', subresource: 'status' });
  assert.equal(ready(), 'Unknown');
  clock.advance(10_000);
  await settle();
  assert.equal(ready(), 'True');
  registration.stop();
});

test('a heartbeat without news renews the lease and leaves the Node alone', async () => {
  const { clock, client, registration } = register();
  await settle();
  const version = client.find(nodes, 'node-1')?.metadata.resourceVersion;
  const renewed = client.find(leases, 'kube-node-lease/node-1')?.spec?.renewTime;
  clock.advance(10_000);
  await settle();
  assert.equal(client.find(nodes, 'node-1')?.metadata.resourceVersion, version);
  assert.notEqual(client.find(leases, 'kube-node-lease/node-1')?.spec?.renewTime, renewed);
  registration.stop();
});

test('a Node that somebody deleted is registered again', async () => {
  const { clock, client, registration, ready } = register();
  await settle();
  await client.resource(nodes).delete('node-1');
  clock.advance(10_000);
  await settle();
  assert.equal(ready(), 'True');
  registration.stop();
});

test('a new agent takes a Ready node over without a word, and says so when its network stays away', async () => {
  const first = register();
  await settle();
  first.registration.stop();
  const { clock, client, registration, ready, network } = register({
    client: first.client,
    networkProblem: 'the list of nodes has not arrived yet',
  });
  await settle();
  assert.equal(ready(), 'True', 'pods of this node stay in their Services');
  clock.advance(5_000);
  await settle();
  assert.equal(ready(), 'False');
  network.problem = undefined;
  registration.networkChanged();
  await settle();
  assert.equal(ready(), 'True');
  assert.equal(client.objects(nodes).length, 1);
  registration.stop();
});

test('a new node is not Ready before its network is', async () => {
  const { registration, ready } = register({ networkProblem: 'no pod CIDR yet' });
  await settle();
  assert.equal(ready(), 'False');
  registration.stop();
});

test('what is known of the way to other nodes is a condition, which goes when nobody can be asked', async () => {
  const { client, registration, network, ready } = register();
  const condition = async () => {
    registration.refresh();
    await settle();
    const found = client.find(nodes, 'node-1')?.status?.conditions?.find((c) => c.type === 'PeersUnreachable');
    return found === undefined ? undefined : `${found.status} ${found.reason} ${found.message}`;
  };
  await settle();
  assert.equal(await condition(), undefined);
  network.peers = { reachable: false, reason: 'VXLANBlocked', message: 'let UDP 4789 pass' };
  assert.equal(await condition(), 'True VXLANBlocked let UDP 4789 pass');
  assert.equal(ready(), 'True', 'pods that talk to nobody else work');
  network.peers = { reachable: true, reason: 'PeersAnswer', message: 'fine' };
  assert.equal(await condition(), 'False PeersAnswer fine');
  network.peers = undefined;
  assert.equal(await condition(), undefined);
  registration.stop();
});
