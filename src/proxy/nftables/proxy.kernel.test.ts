import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { endpointSlices, nodes, services } from '../../api/objects.ts';
import { createFakeClient } from '../../client/index.ts';
import { connectTcpIn, createNetns, deleteNetns, runCommand } from '../../linux/index.ts';
import { Registry } from '../../metrics/index.ts';
import { service, slice } from '../fixtures/objects.ts';
import { cleanupProxyRules, proxyConfigOf, startProxy, type Proxy } from '../index.ts';

const NETNS = `test-${process.pid}-nft`;
const CONFIG = proxyConfigOf({
  mode: 'nftables',
  clusterCIDR: '10.0.0.0/8',
  healthzBindAddress: '',
  metricsBindAddress: '',
});

const client = createFakeClient();
let proxy: Proxy;
let metrics = new Registry();

const nft = async (...args: string[]) => (await runCommand('nft', args, { netns: NETNS })).stdout;
const table = () => nft('list', 'table', 'ip', 'portico');
const elements = async (map: string) =>
  [...(await nft('list', 'map', 'ip', 'portico', map)).matchAll(/^\s*(?:elements = \{ )?(\S.* : [^,}]+?)(?:,| \})?$/gm)]
    .map((m) => m[1] ?? '')
    .filter((e) => !e.startsWith('type'));

async function eventually(what: string, check: () => Promise<boolean>, withinMs = 8000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await check())) {
    if (Date.now() > end) assert.fail(`not within ${withinMs} ms: ${what}\n${await table()}`);
    await new Promise((r) => setTimeout(r, 5));
  }
}

async function start(nftApply: 'netlink' | 'cli' = 'netlink'): Promise<void> {
  metrics = new Registry();
  proxy = await startProxy({ client, nodeName: 'node-1', config: CONFIG, netns: NETNS, metrics, nftApply });
  await proxy.synced;
}

const setEndpoints = async (...ips: string[]) => {
  const { endpoints } = slice(
    'default/nginx',
    ips.map((ip) => ({ ip })),
  );
  await client.resource(endpointSlices).patch('nginx-ipv4', { endpoints }, { type: 'merge', namespace: 'default' });
};

before(async () => {
  createNetns(NETNS);
  await client.resource(services).create(service('default/nginx', { clusterIP: '10.96.4.7', ports: [{ port: 80 }] }));
  await client.resource(endpointSlices).create(slice('default/nginx', [{ ip: '10.0.1.79' }, { ip: '10.0.0.224' }]));
  await start();
});

after(async () => {
  await proxy?.stop();
  client.close();
  deleteNetns(NETNS);
});

test('nft prints what netlink wrote', async () => {
  const text = await table();
  assert.match(text, /set services-2 \{[^}]*10\.96\.4\.7 \. tcp \. 80/);
  assert.match(
    text,
    /meta l4proto \{ tcp, udp, sctp \} dnat ip to ip daddr \. meta l4proto \. th dport \. numgen random mod 2 map @endpoints/,
  );
  assert.match(text, /ip daddr @cluster-ips ip saddr != 10\.0\.0\.0\/8 meta mark set meta mark \| 0x00004000/);
});

test('an endpoint that comes, and one that goes', async () => {
  await setEndpoints('10.0.1.79', '10.0.0.224', '10.0.0.5');
  await eventually('three endpoints', async () => (await elements('endpoints')).length === 3);
  await setEndpoints('10.0.0.224', '10.0.0.5');
  await eventually('two endpoints', async () => (await elements('endpoints')).length === 2);
  await setEndpoints(...Array.from({ length: 20 }, (_, i) => `10.0.2.${i + 1}`));
  await eventually('twenty endpoints', async () => (await table()).includes('10.96.4.7 . tcp . 80 : goto pick-20'));
  await setEndpoints('10.0.0.224', '10.0.0.5');
  await eventually('two endpoints again', async () => (await elements('endpoints')).length === 2);
  await eventually('the unused chain is removed', async () => !(await table()).includes('chain pick-20'));
});

test('foreign changes are repaired', async () => {
  await nft('flush', 'map', 'ip', 'portico', 'endpoints');
  await eventually('elements are back', async () => (await elements('endpoints')).length === 2);
  await nft('delete', 'table', 'ip', 'portico');
  await eventually('the table is back', async () => (await elements('endpoints')).length === 2);
  await nft('flush', 'ruleset');
  await eventually(
    'the table is back after a flush of everything',
    async () => (await table()).includes('goto pick-2'),
    1000,
  );
  assert.match(metrics.render(), /kubeproxy_rules_repaired_total\{ip_family="IPv4"\} [3-9]/);
});

test('one element that somebody deletes comes back', async () => {
  for (const [set, element] of [
    ['services-2', '10.96.4.7 . tcp . 80'],
    ['cluster-ips', '10.96.4.7'],
    ['endpoints', '10.96.4.7 . tcp . 80 . 1'],
  ] as const) {
    const has = async () => (await table()).includes(element);
    const repaired = metrics.render();
    await nft('delete', 'element', 'ip', 'portico', set, `{ ${element} }`);
    await eventually(`${element} is back in ${set}`, async () => metrics.render() !== repaired && (await has()));
  }
});

test('a session affinity timeout that changes holds for clients that are known and for new ones', async () => {
  const setAffinity = (timeoutSeconds: number) => {
    const spec = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds } } };
    return client.resource(services).patch('nginx', { spec }, { type: 'merge', namespace: 'default' });
  };
  const sets = async () =>
    [...(await table()).matchAll(/set affinity-\S+ \{([^}]*)\}?/g)].map((m) => (m[1] ?? '').replaceAll(/\s+/g, ' '));
  /** Seconds until the clients are forgotten. */
  const expiries = async () =>
    [...(await nft('-j', 'list', 'table', 'ip', 'portico')).matchAll(/"expires": (\d+)/g)].map((m) => Number(m[1]));
  const connect = async () => {
    const socket = connectTcpIn(NETNS, { host: '10.96.4.7', port: 80 });
    socket.on('error', () => undefined);
    await new Promise((r) => setTimeout(r, 30));
    socket.destroy();
  };
  // Packets leave by loopback and come to nothing; the choice of an endpoint is made all the same.
  await runCommand('ip', ['route', 'add', 'default', 'dev', 'lo'], { netns: NETNS });
  await setAffinity(100);
  await eventually('100 s', async () => (await sets()).filter((s) => s.includes('timeout 1m40s')).length === 2);
  await connect();
  const [first = 0, ...more] = await expiries();
  assert.ok(first > 90 && first <= 100 && more.length === 0, `${first} s, and ${more.length} more`);
  await setAffinity(3600);
  await eventually('an hour', async () => (await sets()).filter((s) => s.includes('timeout 1h')).length === 2);
  await connect();
  const [second = 0, ...others] = await expiries();
  assert.ok(second > 3500 && others.length === 0, `${second} s, and ${others.length} more: the same endpoint, longer`);
  await proxy.stop();
  await setAffinity(50);
  await start();
  await connect();
  assert.ok(((await expiries())[0] ?? 0) <= 50, 'also when the proxy was away while it changed');
  assert.equal((await sets()).filter((s) => s.includes('timeout 50s')).length, 2);
  await client
    .resource(services)
    .patch(
      'nginx',
      { spec: { sessionAffinity: 'None', sessionAffinityConfig: null } },
      { type: 'merge', namespace: 'default' },
    );
  await eventually('the sets are gone', async () => (await sets()).length === 0);
});

test('the address of a Node that appears during the first sync takes node ports', async () => {
  await proxy.stop();
  await nft('delete', 'table', 'ip', 'portico');
  proxy = await startProxy({ client, nodeName: 'node-1', config: CONFIG, netns: NETNS });
  await client.resource(nodes).create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1' },
    status: { addresses: [{ type: 'InternalIP', address: '172.31.0.11' }] },
  });
  await proxy.synced;
  await eventually('the set node-ips is filled', async () => /set node-ips \{[^}]*172\.31\.0\.11/.test(await table()));
  await proxy.stop();
  await start();
  await client
    .resource(nodes)
    .patch(
      'node-1',
      { status: { addresses: [{ type: 'InternalIP', address: '172.31.0.12' }] } },
      { type: 'merge', subresource: 'status' },
    );
  await eventually('the set node-ips holds the new address alone', async () =>
    /set node-ips \{[^}]*elements = \{ 172\.31\.0\.12 \}/.test(await table()),
  );
});

test('a restart adopts the table: the numbers of endpoints stay', async () => {
  await setEndpoints('10.0.0.9', '10.0.0.224', '10.0.0.5', '10.0.0.1');
  await eventually('four endpoints', async () => (await elements('endpoints')).length === 4);
  const before = (await elements('endpoints')).toSorted();
  await proxy.stop();
  await start();
  assert.deepEqual((await elements('endpoints')).toSorted(), before);
  assert.doesNotMatch(metrics.render(), /nftables_sync_failures_total\{/);
});

test('a restart writes what changed meanwhile', async () => {
  await proxy.stop();
  await setEndpoints('10.0.0.224');
  await client.resource(services).create(service('default/more', { clusterIP: '10.96.4.8', ports: [{ port: 81 }] }));
  await start();
  assert.equal((await elements('endpoints')).length, 1);
  assert.match(await table(), /set rejected-services \{[^}]*10\.96\.4\.8 \. tcp \. 81/);
});

test('with the nft program as the way to the kernel: changes, a restart, and repair', async () => {
  await proxy.stop();
  await start('cli');
  await setEndpoints('10.0.0.1', '10.0.0.2');
  await eventually('two endpoints', async () => (await elements('endpoints')).length === 2);
  // A rule that uses a map which stands already: nft 1.0.6 cannot write it.
  await setEndpoints(...Array.from({ length: 20 }, (_, i) => `10.0.2.${i + 1}`));
  await eventually('twenty endpoints', async () => (await table()).includes('10.96.4.7 . tcp . 80 : goto pick-20'));
  assert.doesNotMatch(metrics.render(), /(failures|repaired)_total\{ip_family="IPv4"\} [1-9]/);
  await proxy.stop();
  await setEndpoints('10.0.0.3', '10.0.0.4', '10.0.0.5');
  await start('cli');
  assert.equal((await elements('endpoints')).length, 3);
  assert.doesNotMatch(metrics.render(), /(failures|repaired)_total\{ip_family="IPv4"\} [1-9]/);
  await nft('delete', 'element', 'ip', 'portico', 'endpoints', '{ 10.96.4.7 . tcp . 80 . 1 }');
  await eventually('the element is back', async () => (await elements('endpoints')).length === 3, 2000);
  assert.match(metrics.render(), /kubeproxy_rules_repaired_total\{ip_family="IPv4"\} 1/);
  await proxy.stop();
  await setEndpoints('10.0.0.224');
  await start();
});

test('a table of somebody else under our name is replaced', async () => {
  await proxy.stop();
  await nft('delete', 'table', 'ip', 'portico');
  await nft('add table ip portico; add map ip portico endpoints { type ipv4_addr : verdict ; }');
  await start();
  assert.equal((await elements('endpoints')).length, 1);
});

test('cleanupProxyRules() removes the table', async () => {
  await proxy.stop();
  assert.equal(await cleanupProxyRules({ mode: 'nftables', netns: NETNS }), true);
  assert.equal(await nft('list', 'tables'), '');
});
