// A node whose pods are containerd's containers: the CNI plugin asks the agent, the proxy's rules lead to them. The node is
// a namespace with the parts of an agent in one process; the API server is one in memory.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { endpointSlices, events, nodes, pods, services, type core, type Pod } from '../../src/api/objects.ts';
import { createFakeClient } from '../../src/client/index.ts';
import { systemClock } from '../../src/clock/index.ts';
import { installCni, serveCni, type CniServer } from '../../src/cni/index.ts';
import { createNetns, deleteNetns, openRtnl, spawnIn } from '../../src/linux/index.ts';
import { createLogger, silentLogger } from '../../src/log/index.ts';
import { Registry } from '../../src/metrics/index.ts';
import { startNodeAgent, type NodeAgent } from '../../src/node/index.ts';
import { startContainerd, type TestContainerd } from '../../src/node/testing/containerd.ts';
import { startPodNetwork, type PodNetwork } from '../../src/podnet/index.ts';
import { DEFAULT_PROXY_CONFIG, startProxy } from '../../src/proxy/index.ts';
import { findPodNetns, inspectPod, traceConnection, type TraceEnvironment } from '../../src/trace/index.ts';

const INSIDE = 'PORTICO_TEST_CRI_NODE';
const IMAGE = 'localhost/busybox:1';
const NODE_IP = '10.99.0.1';
const CLUSTER_IP = '10.96.0.20';

if (process.env[INSIDE] === undefined) {
  test('a node on containerd, in a namespace of its own', async () => {
    const name = `test-${process.pid}-crinode`;
    createNetns(name);
    try {
      const child = spawnIn(name, process.execPath, ['--test', '--test-isolation=none', import.meta.filename], {
        env: { ...process.env, NODE_TEST_CONTEXT: undefined, [INSIDE]: name },
        stdio: 'inherit',
      });
      assert.equal(await new Promise((resolve) => child.on('exit', resolve)), 0);
    } finally {
      deleteNetns(name);
    }
  });
} else {
  const dir = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-crinode-`));
  const log = process.env['SHOW'] === undefined ? silentLogger : createLogger({ level: 'debug' });
  const client = createFakeClient();
  let containerd: TestContainerd;
  let network: PodNetwork;
  let cni: CniServer;
  let agent: NodeAgent;
  let proxy: { stop(): Promise<void> };

  const startAgent = () =>
    startNodeAgent({
      client,
      nodeName: 'node-1',
      nodeIps: () => [NODE_IP],
      podNetwork: network,
      stateDir: path.join(dir, 'agent'),
      clusterName: 'cri-test',
      clusterDns: ['10.96.0.10'],
      clusterDomain: 'cluster.local',
      criEndpoint: containerd.endpoint,
      log,
    });
  const until = async <T>(what: string, get: () => T | undefined | Promise<T | undefined>): Promise<T> => {
    const end = performance.now() + 20_000;
    for (;;) {
      const value = await get();
      if (value !== undefined) return value;
      if (performance.now() > end) {
        const told = client.objects(events).map((e) => `${e.involvedObject.name}: ${e.reason}: ${e.message}`);
        assert.fail(`not within 20 s: ${what}\n${told.join('\n')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const pod = (name: string) => client.find(pods, `default/${name}`);
  const isReady = (p: Pod | undefined) => p?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');
  const ready = (name: string) =>
    until(`${name} is ready`, () => (isReady(pod(name)) === true ? pod(name) : undefined));
  const create = (name: string, script: string, more: Partial<core.Container> = {}, spec: Partial<core.PodSpec> = {}) =>
    client.resource(pods).create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: {
        nodeName: 'node-1',
        containers: [{ name: 'c', image: IMAGE, command: ['/bin/sh', '-c', script], ...more }],
        ...spec,
      },
      status: { phase: 'Pending' },
    });
  const get = (host: string) =>
    new Promise<string | undefined>((resolve) => {
      const request = http.get({ host, port: 80, agent: false, timeout: 2000 }, (res) => {
        let body = '';
        res.on('data', (chunk: Buffer) => (body += chunk.toString()));
        res.on('end', () => resolve(body));
      });
      request.on('error', () => resolve(undefined));
      request.on('timeout', () => request.destroy());
    });
  const attached = () => [...network.attachments().values()];

  before(async () => {
    const rtnl = openRtnl();
    rtnl.addLink({ kind: 'bridge', name: 'eth0', up: true });
    rtnl.addAddress('eth0', `${NODE_IP}/24`);
    rtnl.close();
    await client.resource(nodes).create({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'node-1' },
      spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] },
      status: { addresses: [{ type: 'InternalIP', address: NODE_IP }] },
    });
    const socket = path.join(dir, 'cni.sock');
    installCni({ binDir: path.join(dir, 'cni-bin'), confDir: path.join(dir, 'cni-conf'), socket, network: 'portico' });
    containerd = await startContainerd(dir, [{ name: IMAGE }]);
    network = await startPodNetwork({
      client,
      nodeName: 'node-1',
      clusterName: 'cri-test',
      network: 'native',
      podCidrs: ['10.244.0.0/16'],
      serviceCidrs: ['10.96.0.0/12'],
      uplink: 'eth0',
      stateDir: path.join(dir, 'network'),
      log,
    });
    cni = await serveCni({ socket, network, log });
    agent = await startAgent();
    proxy = await startProxy({
      client,
      nodeName: 'node-1',
      config: { ...DEFAULT_PROXY_CONFIG, mode: 'nftables', clusterCidrs: ['10.244.0.0/16'] },
      log,
      clock: systemClock,
      metrics: new Registry(),
    });
  });
  after(async () => {
    await agent.stop();
    await proxy.stop();
    await containerd.stop();
    await cni.close();
    network.stop();
    execFileSync('umount', ['-l', path.join(dir, 'agent/run')]);
    rmSync(dir, { recursive: true, force: true });
  });

  test('a pod on containerd is ready by its probe, at an address of the node’s pod CIDR', async () => {
    await create('web', 'hostname >/tmp/index.html; exec httpd -f -p 80 -h /tmp', {
      readinessProbe: { httpGet: { path: '/', port: 80 } },
    });
    const p = await ready('web');
    assert.match(p.status?.podIP ?? '', /^10\.244\.1\.\d+$/);
    assert.match(p.status?.containerStatuses?.[0]?.containerID ?? '', /^containerd:\/\/[0-9a-f]{64}$/);
    assert.equal(await get(p.status?.podIP ?? ''), 'web\n');
    assert.deepEqual(
      attached().map((a) => `${a.namespace}/${a.name}`),
      ['default/web'],
      'containerd got it from the agent by the CNI plugin',
    );
    const node = client.find(nodes, 'node-1');
    assert.match(node?.status?.nodeInfo?.containerRuntimeVersion ?? '', /^containerd:\/\/1\./);
  });

  test('a Service leads to it, from the node and from another pod', async () => {
    const ports = [{ port: 80, protocol: 'TCP' as const, targetPort: 80 }];
    await client.resource(services).create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { clusterIP: CLUSTER_IP, clusterIPs: [CLUSTER_IP], ipFamilies: ['IPv4'], type: 'ClusterIP', ports },
    });
    const web = await ready('web');
    const targetRef = { kind: 'Pod', namespace: 'default', name: 'web', uid: web.metadata.uid };
    await client.resource(endpointSlices).create({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [web.status?.podIP ?? ''], conditions: { ready: true }, nodeName: 'node-1', targetRef }],
      ports: [{ name: '', port: 80, protocol: 'TCP' }],
    });
    assert.equal(await until('the Service answers the node', () => get(CLUSTER_IP)), 'web\n');
    await create('client', `wget -q -O - http://${CLUSTER_IP}/; cat /etc/resolv.conf`, {}, { restartPolicy: 'Never' });
    const p = await until('it has asked', () =>
      pod('client')?.status?.phase === 'Succeeded' ? pod('client') : undefined,
    );
    const file = path.join(dir, 'agent/logs/pods', `default_client_${p.metadata.uid}`, 'c/0.log');
    const said = readFileSync(file, 'utf8').replaceAll(/^\S+ std\w+ F /gm, '');
    assert.match(said, /^web\nsearch default\.svc\.cluster\.local|^web\nnameserver 10\.96\.0\.10/);
    await until('the address of a finished pod is free', () => (attached().length === 1 ? true : undefined));
  });

  test('a trace and an inspection enter its pods', async () => {
    await create('shell', 'sleep 1000');
    await ready('shell');
    const environment: TraceEnvironment = {
      nodeNetns: () => '/proc/self/ns/net',
      podNetns: ({ ips }) => findPodNetns('/proc/self/ns/net', ips),
      externalNetns: () => undefined,
      clusterDomain: 'cluster.local',
    };
    const { report } = await traceConnection({ client, environment, from: 'shell', to: `${CLUSTER_IP}:80` });
    assert.equal(report.verdict.code, 'ok', report.verdict.sentence);
    const hops = report.walks[0]?.legs[0]?.hops.map(({ place, device, direction }) =>
      [place.name, device.replace(/^lxc.*/, 'lxc'), direction].join(' '),
    );
    assert.deepEqual(hops, ['default/shell eth0 out', 'node-1 lxc in', 'node-1 lxc out', 'default/web eth0 in']);
    const seen = await inspectPod({ client, environment, namespace: 'default', name: 'web', nodes: ['node-1'] });
    assert.deepEqual(
      seen.network.filter((row) => !row.ok),
      [],
    );
    assert.ok(seen.network.some((row) => row.where === 'default/web'));
  });

  test('a container that fails is restarted in its pod, and its last state is told', async () => {
    await create('crash', 'echo run; exit 3');
    const p = await until('it backs off', () =>
      pod('crash')?.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff'
        ? pod('crash')
        : undefined,
    );
    const s = p.status?.containerStatuses?.[0];
    assert.deepEqual([s?.restartCount, s?.lastState?.terminated?.exitCode], [1, 3]);
    await create('nowhere', 'true', { image: 'localhost/none:1', imagePullPolicy: 'Never' });
    await until('it says why', () =>
      pod('nowhere')?.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImageNeverPull' ? true : undefined,
    );
  });

  test('a pod on the host network has the node’s address', async () => {
    await create('host', 'sleep 1000', {}, { hostNetwork: true });
    const p = await ready('host');
    assert.equal(p.status?.podIP, NODE_IP);
  });

  test('a new agent takes over: nothing is restarted, the Service goes on', async () => {
    const id = pod('web')?.status?.containerStatuses?.[0]?.containerID;
    await agent.stop();
    assert.equal(await get(CLUSTER_IP), 'web\n');
    agent = await startAgent();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const s = pod('web')?.status?.containerStatuses?.[0];
    assert.deepEqual([s?.containerID, s?.restartCount, isReady(pod('web'))], [id, 0, true]);
  });

  test('deleted pods leave no container, address, link or file', async () => {
    for (const p of client.objects(pods)) {
      await client.resource(pods).delete(p.metadata.name, { namespace: 'default', gracePeriodSeconds: 1 });
    }
    await until('all are gone', () => (client.objects(pods).length === 0 ? true : undefined));
    assert.deepEqual(attached(), []);
    const rtnl = openRtnl();
    const links = rtnl.links().filter((l) => l.name.startsWith('lxc'));
    rtnl.close();
    assert.deepEqual(links, []);
    const socket = path.join(dir, 'containerd.sock');
    const left = execFileSync('ctr', ['-a', socket, '-n', 'k8s.io', 'containers', 'list', '-q']).toString();
    assert.equal(left, '');
    for (const place of ['logs/pods', 'run/pods', 'pods']) {
      assert.deepEqual(
        existsSync(path.join(dir, 'agent', place)) ? readdirSync(path.join(dir, 'agent', place)) : [],
        [],
      );
    }
  });
}
