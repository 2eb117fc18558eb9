// What happens to connections while endpoints come and go, in both modes, with real sockets.
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { endpointSlices, nodes, services } from '../api/objects.ts';
import { createFakeClient } from '../client/index.ts';
import { openConntrack, openUdpSocketIn, runCommand } from '../linux/index.ts';
import { KernelWorld } from './fixtures/kernel-world.ts';
import { service, slice } from './fixtures/objects.ts';
import { runStorm } from './fixtures/storm.ts';
import { HOSTS, NODE_NAME, WORLD, type HostName } from './fixtures/world.ts';
import { cleanupProxyRules, proxyConfigOf, startProxy, type Proxy, type ProxyMode } from './index.ts';

const VIP = '10.96.0.53';
const NODE_PORT = 30_053;
/** Every kind of address that leads to a service. */
const WAYS = [
  [VIP, 53],
  [WORLD.nodeIp, NODE_PORT],
  [WORLD.externalIp, 53],
  [WORLD.loadBalancerIp, 53],
] as const;
const PORTS = [
  { name: 'u', port: 8053, protocol: 'UDP' },
  { name: 't', port: 8080, protocol: 'TCP' },
];

let world: KernelWorld;
before(() => {
  world = new KernelWorld('time');
});
after(async () => {
  await world[Symbol.asyncDispose]();
});

async function eventually(what: string, check: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 8000;
  while (!(await check())) {
    if (Date.now() > end) assert.fail(`not within 8 s: ${what}`);
    await new Promise((r) => setTimeout(r, 10));
  }
}

/** A client that keeps its port, as DNS resolvers and statsd clients do. */
class SteadyClient {
  readonly #socket: Socket = createSocket('udp4');
  readonly #ready: Promise<unknown>;
  readonly #host: string;
  readonly #port: number;

  constructor(netns: string, host: string, port: number) {
    this.#host = host;
    this.#port = port;
    const fd = openUdpSocketIn(netns, { address: '0.0.0.0', port: 0 });
    this.#ready = new Promise((r) => this.#socket.bind({ fd }, () => r(undefined)));
  }

  /** Who answers; '' for nobody. */
  async ask(): Promise<string> {
    await this.#ready;
    this.#socket.send('?', this.#port, this.#host);
    const answer = once(this.#socket, 'message', { signal: AbortSignal.timeout(250) });
    const text = await answer.then(
      ([m]) => String(m),
      () => '{"from":""}',
    );
    const { from }: { from: string } = JSON.parse(text);
    return from;
  }

  close(): void {
    this.#socket.close();
  }
}

const at = (host: HostName) => `${HOSTS[host].ip}:8053`;

for (const mode of ['iptables', 'nftables'] as const satisfies ProxyMode[]) {
  test(`${mode}: UDP clients with a steady port follow the endpoints, on every kind of address`, async () => {
    const client = createFakeClient();
    const ports = [
      { name: 'u', port: 53, protocol: 'UDP', nodePort: NODE_PORT },
      { name: 't', port: 53, protocol: 'TCP', nodePort: NODE_PORT },
    ];
    const spec = { type: 'LoadBalancer', clusterIP: VIP, externalIPs: [WORLD.externalIp], ports };
    const status = { loadBalancer: { ingress: [{ ip: WORLD.loadBalancerIp }] } };
    await client.resource(services).create(service('ns/dns', spec, { status }));
    await client.resource(nodes).create({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: NODE_NAME },
      status: { addresses: [{ type: 'InternalIP', address: WORLD.nodeIp }] },
    });
    await client.resource(endpointSlices).create(slice('ns/dns', [{ ip: HOSTS.podA.ip }], { ports: PORTS }));
    const put = (endpoints: Parameters<typeof slice>[1]) =>
      client
        .resource(endpointSlices)
        .patch('dns-ipv4', { endpoints: slice('ns/dns', endpoints).endpoints }, { type: 'merge', namespace: 'ns' });
    const move = (...hosts: HostName[]) => put(hosts.map((h) => ({ ip: HOSTS[h].ip })));
    const config = proxyConfigOf({
      mode,
      clusterCIDR: '10.244.0.0/16',
      healthzBindAddress: '',
      metricsBindAddress: '',
    });
    const proxy: Proxy = await startProxy({ client, nodeName: NODE_NAME, config, netns: world.node });
    const steady = WAYS.map(([host, port]) => new SteadyClient(`test-${process.pid}-time-client`, host, port));
    const answers = async () => (await Promise.all(steady.map((s) => s.ask()))).join(' ');
    const allAnswer = (who: string) => async () => (await answers()) === WAYS.map(() => who).join(' ');
    try {
      await proxy.synced;
      await eventually('the first endpoint answers', allAnswer(at('podA')));
      await move('farA');
      await eventually('the flows moved to the new endpoint', allAnswer(at('farA')));
      // An endpoint that ends finishes what it began; a flow that rests is forgotten meanwhile.
      await put([{ ip: HOSTS.farA.ip, ready: false, serving: true, terminating: true }, { ip: HOSTS.podA.ip }]);
      const conntrack = openConntrack(world.node);
      const begun = { family: 4, protocol: 'udp', replySource: HOSTS.farA.ip } as const;
      await eventually('the resting flows are forgotten', () => Promise.resolve(conntrack.entries(begun).length === 0));
      conntrack.close();
      assert.ok(await allAnswer(at('podA'))());
      await move();
      await eventually('nobody answers', allAnswer(''));
      await move('podB');
      await eventually('the flows came back to life', allAnswer(at('podB')));
      await client.resource(services).delete('dns', { namespace: 'ns' });
      await eventually('the service is gone, and its flows', allAnswer(''));
    } finally {
      for (const s of steady) s.close();
      await proxy.stop();
      client.close();
    }
  });
}

for (const mode of ['iptables', 'nftables'] as const satisfies ProxyMode[]) {
  test(`${mode}: under 1,000 changes a second connections stay, and new ones reach no removed endpoint`, async (t) => {
    const storm = await runStorm(world, { mode, seconds: 3, changesPerSecond: 1000, services: 60 });
    t.diagnostic(`${storm.changes} changes, ${storm.echoes} echoes, ${storm.connections} connections`);
    assert.deepEqual(storm.wrong, []);
    assert.equal(storm.broken, '');
    assert.ok(storm.changes > 100 && storm.echoes > 10 && storm.connections > 3);
    await cleanupProxyRules({ netns: world.node });
  });
}

test('changing the mode moves the rules without a gap and leaves nothing of the other mode', async () => {
  const client = createFakeClient();
  const ports = [{ name: 't', port: 80, protocol: 'TCP' }];
  await client.resource(services).create(service('ns/web', { clusterIP: VIP, ports }));
  await client.resource(endpointSlices).create(slice('ns/web', [{ ip: HOSTS.podA.ip }], { ports: PORTS }));
  const run = async (mode: ProxyMode) => {
    const config = proxyConfigOf({
      mode,
      clusterCIDR: '10.244.0.0/16',
      healthzBindAddress: '',
      metricsBindAddress: '',
    });
    const proxy = await startProxy({ client, nodeName: NODE_NAME, config, netns: world.node });
    await proxy.synced;
    return proxy;
  };
  const failures: string[] = [];
  let attempts = 0;
  let phase = 'start';
  let done = false;
  const first = await run('iptables');
  const load = (async () => {
    while (!done) {
      const got = await world.connect('client', 'tcp', { host: VIP, port: 80 });
      attempts++;
      if (got.kind !== 'reply' || got.from !== `${HOSTS.podA.ip}:8080`)
        failures.push(`${phase}: ${JSON.stringify(got)}`);
    }
  })();
  phase = 'to nftables';
  await first.stop();
  const nft = await run('nftables');
  const rules = async (...args: string[]) =>
    (await runCommand(args[0] ?? '', args.slice(1), { netns: world.node })).stdout;
  await eventually('the iptables rules are gone', async () => !(await rules('iptables-save')).includes('KUBE-SVC-'));
  phase = 'to iptables';
  await nft.stop();
  const ipt = await run('iptables');
  await eventually(
    'the nftables table is gone',
    async () => !(await rules('nft', 'list', 'tables')).includes('portico'),
  );
  done = true;
  await load;
  await ipt.stop();
  client.close();
  assert.ok(attempts > 20, `${attempts} connections`);
  assert.deepEqual(failures, [], `${failures.length} of ${attempts} connections failed`);
});
