// Beyond one machine: hosts that joined by a token, one of them behind a router. What of the control plane is away does
// not stop traffic, a host that vanishes is replaced, and after faults at random everything agrees again.
// By hand: HOSTS_AWAY_SECONDS=300 (the server's absence), HOSTS_FAULT_SECONDS=600 (on each store), HOSTS_SEED=n (the same
// faults again).
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { endpointSlices, nodes, pods } from '../../src/api/index.ts';
import { connectTcpIn, listNetns, openRtnl, runCommand } from '../../src/linux/index.ts';
import { eventually, portico } from './cluster-fixture.ts';
import { openEtcdStore, openSqliteStore } from '../../src/store/index.ts';
import { moveToEtcd } from './hosts-etcd.ts';
import { leadersFall } from './hosts-failover.ts';
import { faultsAtRandom } from './hosts-fault-run.ts';
import { addressOf, AGENTS, startHosts, type AgentHost, type Hosts } from './hosts-fixture.ts';
import { ask } from './hosts-requests.ts';
import { failuresIn, startConstantLoad } from './load.ts';

const GRACE_SECONDS = 6;
const AWAY_SECONDS = Number(process.env['HOSTS_AWAY_SECONDS'] ?? 12);
const FAULT_SECONDS = Number(process.env['HOSTS_FAULT_SECONDS'] ?? 14);
const SEED = Number(process.env['HOSTS_SEED'] ?? Date.now() % 1_000_000);
const CONVERGE_MS = 30_000;

const WEB = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 5
      topologySpreadConstraints:
        - {topologyKey: kubernetes.io/hostname, maxSkew: 1, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      tolerations:
        - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
        - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      containers:
        - name: web
          image: portico/web
          args: [--port, "80", --tcp-echo, "7000"]
          readinessProbe: {httpGet: {path: /readyz, port: 80}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80}, {name: echo, port: 7000}]
`;
/** Clients stay where they are, whatever happens to their host. */
const client = (host: string) => `---
apiVersion: v1
kind: Pod
metadata: {name: client-${host}}
spec:
  nodeName: ${host}
  terminationGracePeriodSeconds: 1
  tolerations: [{operator: Exists}]
  containers: [{name: shell, image: portico/shell}]
`;

let hosts: Hosts;
let vip: string;
let etcdUrl = '';
const clientNetns = new Map<string, string>();

before(async () => {
  hosts = await startHosts({ graceSeconds: GRACE_SECONDS });
  await allReady();
  hosts.apply(`${WEB}${['alpha', 'gamma'].map(client).join('')}`);
  hosts.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  hosts.kubectl('wait', '--for=condition=Ready', 'pod/client-alpha', 'pod/client-gamma', '--timeout=60s');
  vip = hosts.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  for (const host of ['alpha', 'gamma']) clientNetns.set(host, hosts.podNetns(`client-${host}`));
});
after(async () => {
  for (const end of endings) await end();
  await hosts?.[Symbol.asyncDispose]();
});

async function readyNodes(): Promise<string[]> {
  const { items } = await hosts.client.resource(nodes).list();
  return items
    .filter((n) => n.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'))
    .map((n) => n.metadata.name)
    .toSorted();
}
const allReady = () =>
  eventually(
    'every host to be Ready',
    async () => {
      const ready = await readyNodes();
      return ready.length === AGENTS.length ? true : undefined;
    },
    CONVERGE_MS,
  );
const webPods = async () =>
  (await hosts.client.resource(pods).list({ namespace: 'default', labelSelector: 'app=web' })).items;
const livePods = async () =>
  (await webPods()).filter(
    (p) =>
      p.metadata.deletionTimestamp === undefined &&
      p.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
  );
/** Nodes that the Service's ready endpoints stand on. */
async function endpointNodes(): Promise<string[]> {
  const { items } = await hosts.client
    .resource(endpointSlices)
    .list({ namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' });
  const ready = items.flatMap((s) => s.endpoints).filter((e) => e.conditions?.ready === true);
  return [...new Set(ready.map((e) => e.nodeName ?? ''))].toSorted();
}
/** The API server asks the new agent, which proves that agent at work. */
const agentIsBack = (host: AgentHost) =>
  eventually(`the agent of ${host} to be at work`, async () => {
    return (await hosts.client.get(`/api/v1/nodes/${host}/proxy/healthz`)) === 'ok' ? true : undefined;
  });
const from = (host: string) => clientNetns.get(host) ?? assert.fail(`no client on ${host}`);
/** Ended at the latest with the test file: a failed assertion must not keep it running. */
const endings: (() => unknown)[] = [];
const loads = () =>
  ['alpha', 'gamma'].map((host) => {
    const load = startConstantLoad({ netns: from(host), host: vip, port: 80 });
    endings.push(() => load.stop());
    return load;
  });

/** A connection through the Service that says something now and then. */
function hold(netns: string) {
  const socket = connectTcpIn(netns, { host: vip, port: 7000 });
  let error: Error | undefined;
  let heard = '';
  socket.on('error', (e) => (error = e)).on('data', (chunk) => (heard += String(chunk)));
  let said = 0;
  endings.push(() => socket.destroy());
  return {
    async echo() {
      const word = `word-${said++};`;
      socket.write(word);
      await eventually(`the echo of ${word}`, () => (heard.includes(word) ? true : undefined), 5000);
      assert.equal(error, undefined);
    },
    end: () => socket.destroy(),
  };
}

test('hosts of one link talk directly, across the router inside VXLAN, and a Service leads everywhere', async () => {
  const routesOf = (host: AgentHost) => {
    const rtnl = openRtnl(hosts.netns(host));
    const names = new Map(rtnl.links().map((l) => [l.index, l.name]));
    const routes = rtnl.routes({ protocol: 99 }).filter((r) => r.via !== undefined);
    rtnl.close();
    return new Map(routes.map((r) => [r.destination, names.get(r.device ?? 0)]));
  };
  const { items } = await hosts.client.resource(nodes).list();
  const cidrOf = (host: string) => items.find((n) => n.metadata.name === host)?.spec?.podCIDR ?? '';
  assert.deepEqual(
    routesOf('alpha'),
    new Map([
      [cidrOf('beta'), 'eth0'],
      [cidrOf('gamma'), 'portico.vxlan'],
    ]),
  );
  assert.deepEqual(new Set(routesOf('gamma').values()), new Set(['portico.vxlan']));
  assert.deepEqual(await endpointNodes(), [...AGENTS]);
  for (const host of ['alpha', 'gamma']) {
    const answered = new Set<string>();
    await eventually(
      `every pod to answer on ${host}`,
      async () => {
        const { pod, error } = await ask(from(host), vip);
        assert.equal(error, '');
        if (pod !== undefined) answered.add(pod);
        return answered.size === 4 ? true : undefined;
      },
      10_000,
    );
  }
  // Each has tried the way to the others, with small and with full packets.
  await eventually('every node to say that it reaches the others', async () => {
    const all = (await hosts.client.resource(nodes).list()).items;
    const says = all.map((n) => n.status?.conditions?.find((c) => c.type === 'PeersUnreachable')?.status);
    return says.every((status) => status === 'False') ? true : undefined;
  });
  // Its own certificate, signed for its own address: the API server reads a log from behind the router.
  assert.match(hosts.kubectl('exec', 'client-gamma', '--', 'hostname'), /client-gamma/);
  hosts.kubectl('logs', 'client-gamma');
});

test(`no server for ${AWAY_SECONDS} s: connections that are there and new ones through Services work`, async () => {
  const uids = async () => (await webPods()).map((p) => p.metadata.uid).toSorted();
  const before_ = await uids();
  const held = ['alpha', 'gamma'].map((host) => hold(from(host)));
  const running = loads();
  for (const h of held) await h.echo();
  await hosts.server.stop('SIGKILL');
  for (let i = 0; i < 4; i++) {
    await sleep((AWAY_SECONDS * 1000) / 4);
    for (const h of held) await h.echo();
    if (AWAY_SECONDS > 60 && i < 3) {
      // A load process lives two minutes at most.
      for (const [n, load] of running.splice(0).entries())
        assert.deepEqual(failuresIn(await load.stop()), [], `load ${n}`);
      running.push(...loads());
    }
  }
  hosts.server.start();
  await allReady();
  for (const h of held) {
    await h.echo();
    h.end();
  }
  for (const load of running) assert.deepEqual(failuresIn(await load.stop()), []);
  assert.deepEqual(await uids(), before_, 'the same pods');
});

test('server and agents replaced one after the other under load: no request fails', async () => {
  const running = loads();
  await hosts.server.stop();
  hosts.server.start();
  await allReady();
  for (const host of AGENTS) {
    await hosts.agents[host].stop();
    hosts.agents[host].start();
    await agentIsBack(host);
  }
  await sleep(1000);
  for (const load of running) assert.deepEqual(failuresIn(await load.stop()), []);
});

test('portico node drain moves the pods away, uncordon lets them come back', async () => {
  const drained = hosts.portico('node', 'drain', 'beta');
  assert.equal(drained.status, 0, drained.stderr);
  assert.match(drained.stdout, /evicting pod default\/web-.*\nnode beta is drained/s);
  assert.ok((await webPods()).every((p) => p.spec?.nodeName !== 'beta'));
  assert.equal(hosts.portico('node', 'uncordon', 'beta').status, 0);
  const unknown = hosts.portico('node', 'drain', 'nobody');
  assert.match(unknown.stderr, /there is no node nobody/);
  hosts.kubectl('rollout', 'restart', 'deployment/web');
  hosts.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  assert.deepEqual(await endpointNodes(), [...AGENTS]);
});

test('a host that vanishes: its endpoints leave, its pods are replaced, and it comes back', async () => {
  const vanished = performance.now();
  hosts.cable('beta', false);
  await eventually(
    'the endpoints of beta to leave',
    async () => ((await endpointNodes()).includes('beta') ? undefined : true),
    (GRACE_SECONDS + 20) * 1000,
  );
  const seconds = (performance.now() - vanished) / 1000;
  assert.ok(seconds < GRACE_SECONDS + 5, `${seconds.toFixed(1)} s`);
  await eventually(
    'four live pods elsewhere',
    async () => {
      const live = await livePods();
      return live.length === 4 && live.every((p) => p.spec?.nodeName !== 'beta') ? true : undefined;
    },
    30_000,
  );
  for (const host of ['alpha', 'gamma']) {
    for (let i = 0; i < 10; i++) assert.equal((await ask(from(host), vip)).error, '');
  }
  hosts.cable('beta', true);
  await allReady();
  // What it still ran of the old pods ends when it hears that they were replaced.
  await eventually('the old pods to end', async () => ((await webPods()).length === 4 ? true : undefined), 30_000);
});

const whole = async () => {
  await allReady();
  await eventually(
    'four live pods, and no other',
    async () => ((await livePods()).length === 4 && (await webPods()).length === 4 ? true : undefined),
    CONVERGE_MS,
  );
};
const run = () => ({ hosts, seconds: FAULT_SECONDS, seed: SEED, vip, clients: clientNetns, whole });

test(`faults at random, embedded store, seed ${SEED}: nothing is lost, nothing given twice, everything agrees again`, async (t) => {
  await faultsAtRandom(t, {
    ...run(),
    async withStore(use) {
      // Only one process at a time may have it open.
      await hosts.server.stop();
      const store = openSqliteStore({ path: path.join(hosts.dir, 'server-disk', 'server', 'portico.db') });
      try {
        await use(store);
      } finally {
        await store.close();
        hosts.server.start();
      }
    },
  });
});

test('portico store migrate to an etcd of three members, two servers on it, and the hosts go on', async () => {
  const running = loads();
  const { printed, etcd } = await moveToEtcd(hosts);
  etcdUrl = etcd.url;
  assert.match(printed, /^copied \d+ keys to etcd:\S+, read back and compared: sha256 [0-9a-f]{64}\n$/);
  await whole();
  for (const host of AGENTS) await agentIsBack(host);
  for (const load of running) assert.deepEqual(failuresIn(await load.stop()), []);
  const urls = (['server', 'server-2'] as const).map((server) => `https://${addressOf(server)}:6443`);
  const files = [
    ...['server', 'server-2'].map((server) => path.join(hosts.dir, `${server}-disk`, 'server', 'admin.kubeconfig')),
    ...AGENTS.map((host) => path.join(hosts.dir, host, 'identity', 'join.json')),
  ];
  await eventually('kubeconfigs and agents to know both servers', () =>
    files.every((file) => urls.every((url) => readFileSync(file, 'utf8').includes(url))) ? true : undefined,
  );
  const command = hosts.portico('token', 'create').stdout;
  for (const url of urls) assert.ok(command.includes(` --server ${url} `), command);
});

test('controllers and scheduler move to the other server when the leader is killed, frozen or ended', async (t) => {
  const seconds = await leadersFall(hosts);
  t.diagnostic(`seconds until the work went on: ${JSON.stringify(seconds)}`);
  await whole();
});

test(`faults at random, two servers on etcd, seed ${SEED}: the same holds`, async (t) => {
  await faultsAtRandom(t, {
    ...run(),
    async withStore(use) {
      const openTcp = (host: string, port: number) => connectTcpIn(hosts.netns('alpha'), { host, port });
      const store = await openEtcdStore({ url: etcdUrl, openTcp });
      try {
        await use(store);
      } finally {
        await store.close();
      }
    },
  });
});

test('portico node remove: the host leaves nothing, nowhere', async () => {
  const { items } = await hosts.client.resource(nodes).list();
  const cidr = items.find((n) => n.metadata.name === 'gamma')?.spec?.podCIDR ?? '';
  hosts.kubectl('delete', 'pod', 'client-gamma', '--now');
  const removed = hosts.portico('node', 'remove', 'gamma');
  assert.equal(removed.status, 0, removed.stderr);
  assert.match(removed.stdout, /node gamma is removed/);
  assert.doesNotMatch(removed.stdout, /without/);
  assert.deepEqual(await readyNodes(), ['alpha', 'beta']);
  const gamma = openRtnl(hosts.netns('gamma'));
  assert.deepEqual(gamma.routes({ protocol: 99 }), []);
  assert.deepEqual(
    gamma
      .links()
      .map((l) => l.name)
      .filter((n) => n !== 'eth0' && n !== 'lo'),
    [],
  );
  gamma.close();
  for (const host of ['alpha', 'beta'] as const) {
    const rtnl = openRtnl(hosts.netns(host));
    await eventually(`${host} to forget gamma`, () => {
      const routes = rtnl.routes({ protocol: 99 }).map((r) => r.destination);
      const far = rtnl.fdb({ device: 'portico.vxlan' }).flatMap((e) => e.destination ?? []);
      return !routes.includes(cidr) && far.length === 0 ? true : undefined;
    });
    rtnl.close();
  }
  // Once its token is gone it stays outside, whatever it kept.
  assert.equal(hosts.portico('token', 'delete', hosts.token).status, 0);
  await hosts.agents.gamma.stop();
  hosts.agents.gamma.start();
  await eventually('the agent to say so', () =>
    /does not know the token/.test(hosts.log('gamma')) ? true : undefined,
  );
});

test('portico agent reset: a host whose agent died is as it was before, without a word to any server', async () => {
  const stateDir = path.join(hosts.dir, 'beta');
  const reset = () => runCommand(portico, ['agent', 'reset', '--state-dir', stateDir], { netns: hosts.netns('beta') });
  const refused = await reset();
  assert.notEqual(refused.status, 0);
  assert.match(refused.stderr, /an agent still runs on this host \(port 10250\): end it first/);
  const podNames = () => {
    const { attachments } = JSON.parse(readFileSync(path.join(stateDir, 'network', 'attachments.json'), 'utf8')) as {
      attachments: { netns: string }[];
    };
    return attachments.map((a) => a.netns);
  };
  const pods_ = podNames();
  assert.ok(pods_.length > 0 && pods_.every((n) => listNetns().includes(n)), 'it has pods');
  await hosts.agents.beta.stop('SIGKILL');
  await hosts.server.stop('SIGKILL');
  const done = await reset();
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /as it was before it joined; .*'portico node remove beta'/);
  assert.deepEqual(
    pods_.filter((n) => listNetns().includes(n)),
    [],
  );
  const rtnl = openRtnl(hosts.netns('beta'));
  assert.deepEqual(rtnl.routes({ protocol: 99 }), []);
  assert.deepEqual(
    rtnl
      .links()
      .map((l) => l.name)
      .filter((n) => n !== 'eth0' && n !== 'lo'),
    [],
  );
  rtnl.close();
  const left = await runCommand('nft', ['list', 'tables'], { netns: hosts.netns('beta') });
  assert.doesNotMatch(left.stdout, /portico|KUBE/);
  assert.equal(existsSync(stateDir), false);
  assert.match((await reset()).stdout, /there is nothing of an agent on this host/);
});
