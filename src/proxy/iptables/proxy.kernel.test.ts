import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { endpointSlices, services } from '../../api/objects.ts';
import { createFakeClient } from '../../client/index.ts';
import { createNetns, deleteNetns, runCommand } from '../../linux/index.ts';
import { Registry } from '../../metrics/index.ts';
import { service, slice } from '../fixtures/objects.ts';
import { cleanupProxyRules, proxyConfigOf, startProxy, type Proxy } from '../index.ts';

const NETNS = `test-${process.pid}-ipt`;
const CONFIG = proxyConfigOf({ clusterCIDR: '10.0.0.0/8', healthzBindAddress: '', metricsBindAddress: '' });

const client = createFakeClient();
const registry = new Registry();
let proxy: Proxy;

const save = async (table = 'nat') =>
  (await runCommand('iptables-save', ['-t', table], { netns: NETNS })).stdout.split('\n');
const chain = async (name: string) => (await save()).filter((l) => l.startsWith(`-A ${name} `));

async function eventually(what: string, check: () => Promise<boolean>): Promise<void> {
  // Milliseconds on an idle machine.
  const end = Date.now() + 8000;
  while (!(await check())) {
    if (Date.now() > end) assert.fail(`not within 8 s: ${what}`);
    await new Promise((r) => setTimeout(r, 5));
  }
}

before(async () => {
  createNetns(NETNS);
  await client.resource(services).create(service('default/nginx', { clusterIP: '10.96.4.7', ports: [{ port: 80 }] }));
  await client.resource(endpointSlices).create(slice('default/nginx', [{ ip: '10.0.1.79' }, { ip: '10.0.0.224' }]));
  proxy = await startProxy({ client, nodeName: 'node-1', config: CONFIG, netns: NETNS, metrics: registry });
  await proxy.synced;
});

after(async () => {
  await proxy?.stop();
  client.close();
  deleteNetns(NETNS);
});

test('the seed listing stands in the kernel', async () => {
  assert.deepEqual(await chain('KUBE-SVC-2CMXP7HKUVJN7L6M'), [
    '-A KUBE-SVC-2CMXP7HKUVJN7L6M ! -s 10.0.0.0/8 -d 10.96.4.7/32 -p tcp -m comment --comment "default/nginx cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ',
    '-A KUBE-SVC-2CMXP7HKUVJN7L6M -m comment --comment "default/nginx -> 10.0.0.224:80" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-HZXSYA2C4E7MQSH3',
    '-A KUBE-SVC-2CMXP7HKUVJN7L6M -m comment --comment "default/nginx -> 10.0.1.79:80" -j KUBE-SEP-XZRG5L6J3WL7H422',
  ]);
  assert.equal((await chain('KUBE-SEP-XZRG5L6J3WL7H422')).length, 2);
});

test('the metrics count the rules that stand, and those that the last sync wrote', async () => {
  const gauge = (name: string, table: string) =>
    Number(
      new RegExp(`rules_iptables_${name}\\{ip_family="IPv4",table="${table}"\\} (\\d+)`).exec(registry.render())?.[1],
    );
  for (const table of ['nat', 'filter']) {
    const standing = (await save(table)).filter((l) => l.startsWith('-A KUBE-')).length;
    assert.ok(standing > 2);
    assert.equal(gauge('total', table), standing, table);
    assert.equal(gauge('last', table), standing, table);
  }
});

test('an endpoint that leaves takes its chain with it', async () => {
  const { endpoints } = slice('default/nginx', [{ ip: '10.0.1.79' }]);
  await client.resource(endpointSlices).patch('nginx-ipv4', { endpoints }, { type: 'merge', namespace: 'default' });
  await eventually('one endpoint is left', async () => (await chain('KUBE-SVC-2CMXP7HKUVJN7L6M')).length === 2);
  assert.equal((await chain('KUBE-SEP-HZXSYA2C4E7MQSH3')).length, 0);
  assert.match(registry.render(), /rules_iptables_last\{ip_family="IPv4",table="nat"\} 2\n/, 'one chain was written');
});

test('what others flush or delete comes back', async () => {
  const run = (...args: string[]) => runCommand('iptables', args, { netns: NETNS });
  const whole = async () =>
    (await chain('KUBE-SVC-2CMXP7HKUVJN7L6M')).length === 2 &&
    (await chain('PREROUTING')).length === 1 &&
    (await save('filter')).some((l) => l.startsWith('-A FORWARD') && l.endsWith('-j KUBE-FORWARD'));
  assert.ok(await whole());
  await run('-t', 'nat', '-F');
  await eventually('nat is back after a flush', whole);
  await run('-D', 'FORWARD', '-m', 'comment', '--comment', 'kubernetes forwarding rules', '-j', 'KUBE-FORWARD');
  await eventually('a jump is back', whole);
  await runCommand('nft', ['flush', 'ruleset'], { netns: NETNS });
  await eventually('all is back after a flush of the rule set', whole);
});

test('packets to node ports by way of loopback are counted by name', async () => {
  const spec = { clusterIP: '10.96.4.8', type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] };
  await client.resource(services).create(service('default/np', spec));
  await client.resource(endpointSlices).create(slice('default/np', [{ ip: '10.0.1.80' }]));
  const rule =
    '-A KUBE-NODEPORTS -d 127.0.0.0/8 -p tcp -m comment --comment "default/np" -m tcp --dport 30080 -m nfacct --nfacct-name  localhost_nps_accepted_pkts';
  await eventually('the node port is there', async () => (await save()).some((l) => l.startsWith(rule)));
  const forward = (await save('filter')).filter((l) => l.startsWith('-A KUBE-FORWARD'));
  assert.equal(
    forward[0],
    '-A KUBE-FORWARD -m conntrack --ctstate INVALID -m nfacct --nfacct-name  ct_state_invalid_dropped_pkts -j DROP',
  );
  const counted = () => Number(/localhost_nodeports_accepted_packets_total (\d+)/.exec(registry.render())?.[1]);
  assert.equal(counted(), 0);
  // Nobody answers there: the first packet is on its way, and that is all this needs.
  await runCommand('bash', ['-c', 'timeout 0.2 bash -c "</dev/tcp/127.0.0.1/30080"; true'], { netns: NETNS });
  assert.equal(counted(), 1);
});

test('cleanupProxyRules() leaves nothing but the kubelet chain', async () => {
  await proxy.stop();
  assert.equal(await cleanupProxyRules({ netns: NETNS }), true);
  const left = [...(await save()), ...(await save('filter')), ...(await save('mangle'))].filter(
    (l) => l.includes('KUBE-') && !l.includes('KUBE-FIREWALL'),
  );
  assert.deepEqual(left, []);
});
