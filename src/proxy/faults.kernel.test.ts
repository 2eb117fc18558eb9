// The whole proxy, with a real kernel, while the API server, the kernel and the objects misbehave.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, afterEach, beforeEach, test } from 'node:test';
import { endpointSlices, events, services } from '../api/objects.ts';
import { createFakeClient } from '../client/index.ts';
import { createNetns, deleteNetns, runCommand, spawnIn, writeSysctl } from '../linux/index.ts';
import { Registry } from '../metrics/index.ts';
import { proxyConfigOf, type ProxyMode } from './config.ts';
import { service, slice } from './fixtures/objects.ts';
import { cleanupProxyRules } from './cleanup.ts';
import { startProxy, type Proxy } from './proxy.ts';

const NETNS = `test-${process.pid}-faults`;
createNetns(NETNS);
after(() => deleteNetns(NETNS));

let client = createFakeClient();
let metrics = new Registry();
let proxy: Proxy | undefined;

beforeEach(() => {
  client = createFakeClient();
  metrics = new Registry();
});
afterEach(async () => {
  await proxy?.stop();
  client.close();
  await cleanupProxyRules({ netns: NETNS });
});

async function start(mode: ProxyMode): Promise<void> {
  const config = proxyConfigOf({
    mode,
    clusterCIDR: '10.0.0.0/8,fd00::/16',
    healthzBindAddress: '',
    metricsBindAddress: '',
  });
  proxy = await startProxy({ client, nodeName: 'node-1', config, netns: NETNS, metrics });
  await proxy.synced;
}

const run = async (command: string, ...args: string[]) => (await runCommand(command, args, { netns: NETNS })).stdout;
const rules = (mode: ProxyMode) => (mode === 'nftables' ? run('nft', 'list', 'ruleset') : run('iptables-save'));

async function eventually(what: string, check: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await check())) {
    if (Date.now() > end) assert.fail(`not within ${withinMs} ms: ${what}`);
    await new Promise((r) => setTimeout(r, 20));
  }
}

const create = (...objects: (ReturnType<typeof service> | ReturnType<typeof slice>)[]) =>
  Promise.all(
    objects.map((o) =>
      'addressType' in o ? client.resource(endpointSlices).create(o) : client.resource(services).create(o),
    ),
  );

const PORTS = [{ port: 80 }];

for (const mode of ['iptables', 'nftables'] as const) {
  test(`${mode}: bad objects never stop the others`, async () => {
    const affinity = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 1e12 } } };
    const loadBalancer = { type: 'LoadBalancer', ports: [{ port: 80, nodePort: 31_000 }] };
    const status = { loadBalancer: { ingress: [{ ip: 'x' }, { ip: 'fd00::9' }, { ip: '198.51.100.1' }, {}] } };
    await create(
      service('bad/address', { clusterIP: '10.96.0.999', ports: PORTS }),
      service('bad/family', { clusterIP: '10.96.0.2', externalIPs: ['fd00::7', '::ffff:1.2.3.4', ''], ports: PORTS }),
      service('bad/same-port', {
        clusterIP: '10.96.0.3',
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 80 },
        ],
      }),
      service('bad/same-name', {
        clusterIP: '10.96.0.4',
        ports: [
          { name: 'a', port: 80 },
          { name: 'a', port: 81 },
        ],
      }),
      service('bad/no-ports', { clusterIP: '10.96.0.5', ports: [] }),
      service('bad/port', { clusterIP: '10.96.0.6', ports: [{ port: 0 }, { name: 'b', port: 99_999 }] }),
      service('bad/protocol', { clusterIP: '10.96.0.7', ports: [{ port: 80, protocol: 'SMOKE' }] }),
      service('bad/affinity', { clusterIP: '10.96.0.8', ports: PORTS, ...affinity }),
      service(
        'bad/ranges',
        { clusterIP: '10.96.0.9', ...loadBalancer, loadBalancerSourceRanges: ['10.1.2.3/8', 'x', 'fd00::5/16', ' '] },
        { status },
      ),
      service('bad/taken-a', { clusterIP: '10.96.0.10', type: 'NodePort', ports: [{ port: 80, nodePort: 31_001 }] }),
      service('bad/taken-b', { clusterIP: '10.96.0.10', type: 'NodePort', ports: [{ port: 80, nodePort: 31_001 }] }),
      ...['family', 'same-port', 'same-name', 'affinity', 'ranges', 'taken-a', 'taken-b'].map((name) =>
        slice(`bad/${name}`, [{ ip: '10.1.0.1' }, { ip: '10.1.0.1' }, { ip: 'fd00::3' }, { ip: 'y' }], {
          ports: [{ name: '', port: 80 }, { name: 'a', port: 80 }, { name: 'b' }, { name: '', port: 70_000 }],
        }),
      ),
      service('good/four', { clusterIP: '10.96.1.1', ports: PORTS }),
      slice('good/four', [{ ip: '10.1.1.1' }]),
      service('good/six', { clusterIP: 'fd00:96::1', ports: PORTS }),
      slice('good/six', [{ ip: 'fd00:1::1' }]),
    );
    await start(mode);
    assert.doesNotMatch(metrics.render(), /failures_total\{ip_family="IPv\d"\} [1-9]/);
    const four = await rules(mode);
    const six = mode === 'nftables' ? four : await run('ip6tables-save');
    assert.match(
      four,
      mode === 'nftables'
        ? /10\.96\.1\.1 \. tcp \. 80 \. 0 : 10\.1\.1\.1 \. 80/
        : /DNAT --to-destination 10\.1\.1\.1:80/,
    );
    assert.match(
      six,
      mode === 'nftables' ? /fd00:96::1 \. tcp \. 80 \. 0 : fd00:1::1 \. 80/ : /DNAT --to-destination \[fd00:1::1\]:80/,
    );
    assert.match(four, /198\.51\.100\.1/, 'what makes sense of a bad object counts');
    assert.doesNotMatch(four, /10\.96\.0\.7\b/);
  });
}

for (const mode of ['iptables', 'nftables'] as const) {
  test(`${mode}: a node without IPv6 has the IPv4 half of a dual-stack service`, async () => {
    writeSysctl(NETNS, 'net.ipv6.conf.all.disable_ipv6', 1);
    try {
      const clusterIPs = ['10.96.0.1', 'fd00:96::1'];
      await create(
        service('ns/both', { clusterIP: '10.96.0.1', clusterIPs, ports: PORTS }),
        slice('ns/both', [{ ip: '10.1.0.1' }]),
        slice('ns/both', [{ ip: 'fd00:1::1' }]),
      );
      await start(mode);
      assert.match(await rules(mode), /10\.96\.0\.1\b/);
      const six = mode === 'nftables' ? await run('nft', 'list', 'tables', 'ip6') : await run('ip6tables-save');
      assert.doesNotMatch(six, /KUBE-|portico/);
      assert.doesNotMatch(metrics.render(), /IPv6|failures_total\{ip_family="IPv\d"\} [1-9]/);
    } finally {
      writeSysctl(NETNS, 'net.ipv6.conf.all.disable_ipv6', 0);
    }
  });
}

test('an API server that goes away: the rules stay; when it is back with a gap they are made right', async () => {
  await create(
    service('ns/stays', { clusterIP: '10.96.0.1', ports: PORTS }),
    slice('ns/stays', [{ ip: '10.1.0.1' }]),
    service('ns/goes', { clusterIP: '10.96.0.2', ports: PORTS }),
    slice('ns/goes', [{ ip: '10.1.0.2' }]),
  );
  await start('nftables');
  const before = await rules('nftables');
  let refused = 0;
  client.intercept = (verb) => {
    if (verb !== 'list' && verb !== 'watch') return;
    refused++;
    throw new Error('connect ECONNREFUSED');
  };
  client.cutWatches();
  // Meanwhile, unseen: one service goes, one endpoint moves, one service comes, and the history is forgotten.
  await client.resource(services).delete('goes', { namespace: 'ns' });
  await client.resource(endpointSlices).delete('goes-ipv4', { namespace: 'ns' });
  const { endpoints } = slice('ns/stays', [{ ip: '10.1.0.9' }]);
  await client.resource(endpointSlices).patch('stays-ipv4', { endpoints }, { type: 'merge', namespace: 'ns' });
  await create(service('ns/comes', { clusterIP: '10.96.0.3', ports: PORTS }));
  client.compact();
  await eventually('the informers tried again', () => refused >= 6);
  assert.equal(await rules('nftables'), before, 'nothing is removed while the server is away');
  client.intercept = () => undefined;
  await eventually('the rules are those of now', async () => {
    const now = await rules('nftables');
    return now.includes(' : 10.1.0.9 . 80') && !now.includes('10.96.0.2') && now.includes('10.96.0.3 . tcp . 80');
  });
  assert.doesNotMatch(await rules('nftables'), /10\.1\.0\.[12] \. 80/);
});

test('a kernel that refuses is told, counted, and tried again until it takes the rules', async () => {
  await create(service('ns/a', { clusterIP: '10.96.0.1', ports: PORTS }), slice('ns/a', [{ ip: '10.1.0.1' }]));
  await start('nftables');
  // A table that another process owns takes nothing from us until that process ends.
  const owner = spawnIn(NETNS, 'nft', ['-i'], { stdio: ['pipe', 'ignore', 'ignore'] });
  try {
    owner.stdin?.write('delete table ip portico; add table ip portico { flags owner; }\n');
    const failures = () =>
      Number(/nftables_sync_failures_total\{ip_family="IPv4"\} (\d+)/.exec(metrics.render())?.[1] ?? 0);
    await eventually('two tries were refused', () => failures() >= 2);
    await eventually('administrators are told', () =>
      client.objects(events).some((e) => e.reason === 'FailedToProgramServices'),
    );
    const { endpoints } = slice('ns/a', [{ ip: '10.1.0.2' }]);
    await client.resource(endpointSlices).patch('a-ipv4', { endpoints }, { type: 'merge', namespace: 'ns' });
  } finally {
    owner.stdin?.end();
  }
  await eventually(
    'the rules of now are in',
    async () => (await rules('nftables')).includes(' : 10.1.0.2 . 80'),
    40_000,
  );
  assert.equal(client.objects(events).filter((e) => e.reason === 'Starting').length, 1);
});
