// A node where kube-proxy ran, in any of its modes: its rules go once ours are in, and nobody else's.
import assert from 'node:assert/strict';
import process from 'node:process';
import { afterEach, beforeEach, test } from 'node:test';
import { endpointSlices, services } from '../api/objects.ts';
import { createFakeClient } from '../client/index.ts';
import { createNetns, deleteNetns, runCommand } from '../linux/index.ts';
import { service, slice } from './fixtures/objects.ts';
import { cleanupProxyRules, proxyConfigOf, startProxy, type ProxyMode } from './index.ts';

const NETNS = `test-${process.pid}-leftovers`;
beforeEach(async () => {
  createNetns(NETNS);
  await run('iptables-restore', ['--noflush'], IPTABLES);
  await run('nft', ['-f', '-'], NFTABLES);
  // A dummy in truth, which not every kernel has.
  await run('ip', ['link', 'add', 'kube-ipvs0', 'type', 'bridge']);
});
afterEach(() => void deleteNetns(NETNS));

async function run(command: string, args: readonly string[], input?: string): Promise<string> {
  const { status, stdout, stderr } = await runCommand(command, args, {
    netns: NETNS,
    ...(input === undefined ? {} : { input }),
  });
  assert.equal(status, 0, `${command}: ${stderr}`);
  return stdout;
}

/** Of kube-proxy (two modes, two versions), of the kubelet, and of the administrator. */
const IPTABLES = `*mangle
:KUBE-PROXY-CANARY - [0:0]
:KUBE-KUBELET-CANARY - [0:0]
:KUBE-IPTABLES-HINT - [0:0]
COMMIT
*filter
:KUBE-FIREWALL - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-IPVS-FILTER - [0:0]
:KUBE-SOURCE-RANGES-FIREWALL - [0:0]
:MINE - [0:0]
-A INPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER
-A INPUT -j KUBE-FIREWALL
-A FORWARD -m comment --comment "in the words of an older kube-proxy" -j KUBE-SERVICES
-A KUBE-IPVS-FILTER -j KUBE-SOURCE-RANGES-FIREWALL
-A FORWARD -j MINE
-A MINE -s 192.0.2.1 -j DROP
COMMIT
*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-ABCDEFGHIJKLMNOP - [0:0]
:KUBE-SEP-ABCDEFGHIJKLMNOP - [0:0]
:KUBE-MARK-MASQ - [0:0]
:MINE - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A MINE -s 192.0.2.9/32 -j KUBE-MARK-MASQ
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A PREROUTING -j MINE
-A KUBE-SERVICES -d 10.96.0.99/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-ABCDEFGHIJKLMNOP
-A KUBE-SVC-ABCDEFGHIJKLMNOP -j KUBE-SEP-ABCDEFGHIJKLMNOP
-A KUBE-SEP-ABCDEFGHIJKLMNOP -p tcp -m tcp -j DNAT --to-destination 10.1.0.99:80
COMMIT
`;
const NFTABLES = `table ip kube-proxy {
  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; elements = { 10.96.0.99 . tcp . 80 : drop }; }
  chain services { ip daddr . meta l4proto . th dport vmap @service-ips; }
  chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }
}
table ip6 kube-proxy { }
table inet mine { }
`;

/** The kubelet's, and what a rule of the administrator leads to. */
const STAYS = ['KUBE-FIREWALL', 'KUBE-IPTABLES-HINT', 'KUBE-KUBELET-CANARY', 'KUBE-MARK-MASQ'];
const kubeChains = (save: string) => [...new Set(save.match(/KUBE-[A-Z0-9-]+/g))].toSorted();
const nftTables = async () =>
  (await run('nft', ['list', 'tables']))
    .split('\n')
    .filter((t) => /portico|kube-proxy|mine/.test(t))
    .toSorted();

const hasIpvsDevice = async () => (await run('ip', ['-o', 'link'])).includes('kube-ipvs0');

async function withProxy(mode: ProxyMode, check: () => Promise<void>): Promise<void> {
  const client = createFakeClient();
  await client.resource(services).create(service('ns/web', { clusterIP: '10.96.0.1', ports: [{ port: 80 }] }));
  await client.resource(endpointSlices).create(slice('ns/web', [{ ip: '10.1.0.1' }]));
  const config = proxyConfigOf({ mode, clusterCIDR: '10.1.0.0/16', healthzBindAddress: '', metricsBindAddress: '' });
  const proxy = await startProxy({ client, nodeName: 'node-1', config, netns: NETNS });
  try {
    await proxy.synced;
    await check();
  } finally {
    await proxy.stop();
    client.close();
  }
}

async function eventually<T>(read: () => Promise<T>, wanted: T): Promise<void> {
  const end = Date.now() + 8000;
  for (;;) {
    const now = await read();
    if (JSON.stringify(now) === JSON.stringify(wanted)) return;
    if (Date.now() > end) assert.deepEqual(now, wanted);
    await new Promise((r) => setTimeout(r, 20));
  }
}

test('nftables: both of kube-proxy’s rule sets go once ours are in', async () => {
  await withProxy('nftables', async () => {
    assert.match(
      await run('nft', ['list', 'table', 'ip', 'portico']),
      /10\.96\.0\.1 \. tcp \. 80 \. 0 : 10\.1\.0\.1 \. 80/,
    );
    await eventually(async () => kubeChains(await run('iptables-save', [])), STAYS);
    await eventually(nftTables, ['table inet mine', 'table ip portico']);
    assert.equal(await hasIpvsDevice(), false);
  });
  const mine = (await run('iptables-save', [])).split('\n').filter((l) => l.includes('MINE'));
  assert.equal(mine.length, 6, 'the administrator’s chains and rules stay');
});

test('iptables: chains of services that are gone, and kube-proxy’s nftables tables, go', async () => {
  await withProxy('iptables', async () => {
    const save = await run('iptables-save', []);
    assert.match(save, /-A KUBE-SERVICES -d 10\.96\.0\.1\/32 /);
    assert.doesNotMatch(save, /ABCDEFGHIJKLMNOP|10\.96\.0\.99/);
    await eventually(nftTables, ['table inet mine']);
    assert.doesNotMatch(await run('iptables-save', []), /IPVS|SOURCE-RANGES/);
    assert.equal(await hasIpvsDevice(), false);
  });
});

test('cleanupProxyRules() removes what kube-proxy left, in both modes, and says whether there was anything', async () => {
  assert.equal(await cleanupProxyRules({ netns: NETNS }), true);
  assert.deepEqual(kubeChains(await run('iptables-save', [])), STAYS);
  assert.deepEqual(await nftTables(), ['table inet mine']);
  assert.equal(await hasIpvsDevice(), false);
  assert.equal(await cleanupProxyRules({ netns: NETNS }), false);
});
