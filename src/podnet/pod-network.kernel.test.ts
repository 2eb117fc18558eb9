// Two or three nodes as namespaces on one bridge, pods on them, real packets between them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Informer, InformerChange } from '../client/index.ts';
import {
  connectTcpIn,
  createNetns,
  deleteNetns,
  listNetns,
  openRtnl,
  openTcpListenerIn,
  inNetns,
  runCommand,
  readSysctl,
  writeSysctl,
} from '../linux/index.ts';
import { createLogger, silentLogger } from '../log/index.ts';
import { hostLinkName } from './names.ts';
import type { NodeFacts } from './plan.ts';
import { runPodNetwork } from './pod-network.ts';
import type { RunOptions } from './pod-network.ts';
import type { PodNetwork } from './contract.ts';

const PREFIX = `pn${process.pid}`;

/** A list of nodes that the test changes by hand. */
class NodeList implements Informer<NodeFacts> {
  readonly items = new Map<string, NodeFacts>();
  readonly hasSynced = true;
  readonly idleMs = 0;
  #handlers = new Set<(change: InformerChange<NodeFacts>) => void>();

  onChange(handler: (change: InformerChange<NodeFacts>) => void): Disposable {
    this.#handlers.add(handler);
    return { [Symbol.dispose]: () => void this.#handlers.delete(handler) };
  }
  onBatch(): Disposable {
    return { [Symbol.dispose]: () => undefined };
  }
  async synced(): Promise<void> {}
  stop(): void {}

  set(facts: NodeFacts): void {
    const before = this.items.get(facts.name);
    this.items.set(facts.name, facts);
    for (const handler of this.#handlers) handler({ key: facts.name, ...(before && { before }), after: facts });
  }
  delete(name: string): void {
    const before = this.items.get(name);
    this.items.delete(name);
    for (const handler of this.#handlers) handler({ key: name, ...(before && { before }) });
  }
}

interface Lab extends AsyncDisposable {
  readonly nodes: NodeList;
  readonly netns: (n: number) => string;
  readonly start: (n: number, more?: Partial<RunOptions>) => Promise<PodNetwork>;
  /** Ends the agent's part and leaves the kernel as it is. */
  readonly stop: (network: PodNetwork) => void;
}

const facts = (n: number): NodeFacts => ({
  name: `node-${n}`,
  podCidrs: [`10.244.${n}.0/24`, `fd00:10:244:${n}::/64`],
  internalIps: [`172.30.0.1${n}`, `fd00:172:30::1${n}`],
});

/** Node namespaces joined by a bridge, each with eth0 and the addresses of `facts`. */
function createLab(count: number): Lab {
  const netns = (n: number) => `${PREFIX}-node-${n}`;
  const fabric = `${PREFIX}-fabric`;
  const dir = mkdtempSync(path.join(tmpdir(), 'portico-podnet-'));
  const running = new Set<PodNetwork>();
  createNetns(fabric);
  const bridge = openRtnl(fabric);
  bridge.addLink({ kind: 'bridge', name: 'br0', up: true });
  writeSysctl(fabric, 'net.ipv6.conf.br0.disable_ipv6', '1');
  for (const key of ['iptables', 'ip6tables']) {
    if (readSysctl(fabric, `net.bridge.bridge-nf-call-${key}`) !== undefined) {
      writeSysctl(fabric, `net.bridge.bridge-nf-call-${key}`, '0');
    }
  }
  const nodes = new NodeList();
  for (let n = 1; n <= count; n++) {
    createNetns(netns(n));
    bridge.addLink({ kind: 'veth', name: `p${n}`, up: true, master: 'br0', peer: { name: 'eth0', netns: netns(n) } });
    // The kernel asks for IPv6 neighbours only from a proven link-local address, and the proof takes a second.
    writeSysctl(netns(n), 'net.ipv6.conf.eth0.accept_dad', '0');
    const node = openRtnl(netns(n));
    for (const ip of facts(n).internalIps) {
      node.addAddress('eth0', ip.includes(':') ? `${ip}/64` : `${ip}/24`);
    }
    node.setLink('eth0', { up: true });
    node.close();
    nodes.set(facts(n));
  }
  bridge.close();
  const start = async (n: number, more: Partial<RunOptions> = {}): Promise<PodNetwork> => {
    const network = runPodNetwork({
      nodes,
      netns: netns(n),
      nodeName: `node-${n}`,
      clusterName: PREFIX,
      network: 'native',
      podCidrs: ['10.244.0.0/16', 'fd00:10:244::/56'],
      serviceCidrs: ['10.96.0.0/12'],
      uplink: 'eth0',
      stateDir: path.join(dir, `node-${n}`),
      log: silentLogger,
      ...more,
    });
    running.add(network);
    await until(
      () => network.ready(),
      () => network.problem() ?? 'ready',
    );
    return network;
  };
  const stop = (network: PodNetwork) => {
    running.delete(network);
    network.stop();
  };
  const dispose = async () => {
    for (const network of running) {
      await network.retain(new Set());
      stop(network);
    }
    for (let n = 1; n <= count; n++) deleteNetns(netns(n));
    deleteNetns(fabric);
    rmSync(dir, { recursive: true });
    assert.deepEqual(
      listNetns().filter((name) => name.startsWith(PREFIX)),
      [],
      'every namespace is gone',
    );
  };
  return { nodes, netns, start, stop, [Symbol.asyncDispose]: dispose };
}

async function until(check: () => boolean, why: () => string = () => 'the condition does not hold'): Promise<void> {
  const end = performance.now() + 3000;
  while (!check()) {
    if (performance.now() > end) assert.fail(`not within 3 s: ${why()}`);
    await sleep(5);
  }
}

/** What a server in one pod hears when a client in another connects: the client's address, and the reply arrives. */
async function talk(from: string, to: string, host: string): Promise<string | undefined> {
  const listener = createServer((socket) => socket.end(`${socket.remoteAddress}`));
  listener.listen({ fd: openTcpListenerIn(to, { address: host, port: 0 }) });
  await new Promise<void>((resolve) => listener.once('listening', resolve));
  try {
    const socket = connectTcpIn(from, { host, port: (listener.address() as AddressInfo).port });
    socket.setTimeout(2000, () => socket.destroy(new Error('timeout')));
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text;
  } catch (error) {
    return `failed: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    listener.close();
  }
}

const pod = (name: string) => ({ uid: `uid-${name}`, namespace: 'default', name });

for (const network of ['native', 'vxlan'] as const) {
  test(`pods reach each other on one node and across nodes: ${network}`, async () => {
    await using lab = createLab(2);
    const one = await lab.start(1, { network });
    const two = await lab.start(2, { network });
    const [a, b, c] = [await one.attach(pod('a')), await one.attach(pod('b')), await two.attach(pod('c'))];
    assert.deepEqual(a.ips, ['10.244.1.1', 'fd00:10:244:1::1']);
    assert.deepEqual(b.ips, ['10.244.1.2', 'fd00:10:244:1::2']);
    for (const [from, to] of [
      [a, b],
      [a, c],
      [c, b],
    ] as const) {
      for (const family of [0, 1]) {
        assert.equal(await talk(from.netns, to.netns, to.ips[family] ?? ''), from.ips[family], `family ${family}`);
      }
    }
    const rtnl = openRtnl(lab.netns(1));
    const link = rtnl.link(hostLinkName('uid-a'));
    assert.equal(link?.alias, 'portico default/a');
    assert.equal(link?.mac, 'ee:ee:ee:ee:ee:ee');
    assert.equal(link?.mtu, network === 'vxlan' ? 1450 : 1500);
    const vxlan = rtnl.link('portico.vxlan');
    assert.equal(vxlan?.mtu, network === 'vxlan' ? 1450 : undefined);
    assert.ok(rtnl.routes({ protocol: 99 }).some((r) => r.destination === '10.244.1.0/24' && r.type === 'unreachable'));
    rtnl.close();
    // An address of the node's CIDR that no pod has is refused at once, not after a loop between the nodes.
    const started = performance.now();
    const socket = connectTcpIn(c.netns, { host: '10.244.1.200', port: 80 });
    await assert.rejects(async () => {
      for await (const _ of socket) break;
    }, /EHOSTUNREACH|ENETUNREACH/);
    assert.ok(performance.now() - started < 1000);
  });
}

test('a node process reaches pods everywhere over the overlay', async () => {
  await using lab = createLab(2);
  await lab.start(1, { network: 'vxlan' });
  const two = await lab.start(2, { network: 'vxlan' });
  const c = await two.attach(pod('c'));
  assert.equal(await talk(lab.netns(1), c.netns, '10.244.2.1'), '10.244.1.0');
});

test('attach() is idempotent, repairs what is missing, and survives a restart of the agent', async () => {
  await using lab = createLab(1);
  const first = await lab.start(1);
  const a = await first.attach(pod('a'));
  assert.deepEqual(await first.attach(pod('a')), a);
  lab.stop(first);

  const again = await lab.start(1);
  assert.deepEqual([...again.attachments().keys()], ['uid-a']);
  assert.deepEqual(await again.attach(pod('a')), a);
  const b = await again.attach(pod('b'));
  assert.deepEqual(b.ips.at(0), '10.244.1.2', 'an address in use is not given again');
  assert.equal(await talk(a.netns, b.netns, '10.244.1.2'), '10.244.1.1');

  const rtnl = openRtnl(lab.netns(1));
  const lost: string[] = [];
  again.onLoss((uid) => lost.push(uid));
  assert.equal(again.health('uid-a'), 'whole');
  rtnl.deleteLink(hostLinkName('uid-a'));
  assert.equal(again.health('uid-a'), 'linkless');
  await until(
    () => lost.includes('uid-a'),
    () => 'the loss of the link is not told',
  );
  assert.deepEqual(await again.attach(pod('a')), a);
  assert.equal(again.health('uid-a'), 'whole');
  assert.equal(await talk(b.netns, a.netns, '10.244.1.1'), '10.244.1.2');
  lost.length = 0;
  // Somebody holds the namespace open, as a pod's processes do: then no link goes with the name.
  const holder = openRtnl(a.netns);
  deleteNetns(a.netns);
  assert.equal(again.health('uid-a'), 'gone');
  await until(
    () => lost.includes('uid-a'),
    () => 'the loss of the name is not told',
  );
  holder.close();
  assert.equal(again.health('uid-never'), 'gone');
  assert.deepEqual(await again.attach(pod('a')), a);
  assert.equal(await talk(b.netns, a.netns, '10.244.1.1'), '10.244.1.2');
  // As after the node's namespace was made anew: no link on the node, the pod's end still there.
  rtnl.deleteLink(hostLinkName('uid-a'));
  const inside = openRtnl(a.netns);
  inside.addLink({ kind: 'veth', name: 'eth0', peer: { name: 'elsewhere' } });
  inside.close();
  assert.deepEqual(await again.attach(pod('a')), a);
  assert.equal(await talk(b.netns, a.netns, '10.244.1.1'), '10.244.1.2');
  rtnl.close();
});

test('detach() and retain() leave nothing; an address given back comes last', async () => {
  await using lab = createLab(1);
  const network = await lab.start(1);
  for (const name of ['a', 'b', 'c']) await network.attach(pod(name));
  await network.detach('uid-a');
  await network.detach('uid-a');
  await network.retain(new Set(['uid-c']));
  assert.deepEqual([...network.attachments().keys()], ['uid-c']);
  const rtnl = openRtnl(lab.netns(1));
  const podLinks = () => rtnl.links().flatMap((link) => (link.name.startsWith('lxc') ? [link.name] : []));
  // The kernel takes namespaces down in the background.
  await until(
    () => podLinks().length === 1,
    () => podLinks().join(),
  );
  assert.deepEqual(podLinks(), [hostLinkName('uid-c')]);
  assert.equal(rtnl.routes({ protocol: 99 }).filter((route) => route.destination.endsWith('/32')).length, 1);
  assert.equal(listNetns().filter((name) => name.startsWith(`${PREFIX}-pod-`)).length, 1);
  rtnl.close();
  assert.equal((await network.attach(pod('d'))).ips[0], '10.244.1.4');
});

test('detach() removes the link also while a process holds the namespace', async () => {
  await using lab = createLab(1);
  const network = await lab.start(1);
  const { netns } = await network.attach(pod('a'));
  const holder = openRtnl(netns);
  await network.detach('uid-a');
  const rtnl = openRtnl(lab.netns(1));
  assert.notEqual(rtnl.link(hostLinkName('uid-a')), undefined);
  assert.ok(!rtnl.routes().some((route) => route.destination === '10.244.1.1/32'), 'no packet goes there any more');
  await until(() => rtnl.link(hostLinkName('uid-a')) === undefined);
  holder.close();
  rtnl.close();
});

test('links and routes that are not wanted go: stale nodes, stray pod links, foreign entries', async () => {
  await using lab = createLab(2);
  const rtnl = openRtnl(lab.netns(1));
  rtnl.addLink({ kind: 'veth', name: 'lxc0123456789a', alias: 'portico default/gone', peer: { name: 'x' } });
  rtnl.addRoute({ destination: '10.244.9.0/24', via: '172.30.0.19', protocol: 99 });
  rtnl.addRoute({ destination: '192.0.2.0/24', via: '172.30.0.19' });
  const network = await lab.start(1, { network: 'vxlan' });
  assert.equal(rtnl.link('lxc0123456789a'), undefined);
  const destinations = () => rtnl.routes({ family: 4 }).map((route) => route.destination);
  assert.ok(!destinations().includes('10.244.9.0/24'));
  assert.ok(destinations().includes('192.0.2.0/24'), 'a route of somebody else stays');
  assert.ok(destinations().includes('10.244.2.0/24'));

  // The address of a node changes, then its CIDR, then it is gone.
  const fdb = () => rtnl.fdb({ device: 'portico.vxlan' }).map((entry) => `${entry.mac} ${entry.destination}`);
  lab.nodes.set({ ...facts(2), internalIps: ['172.30.0.77'] });
  await until(
    () => fdb().includes('0e:00:0a:f4:02:00 172.30.0.77'),
    () => fdb().join(),
  );
  lab.nodes.set({ ...facts(2), podCidrs: ['10.244.7.0/24'] });
  await until(() => destinations().includes('10.244.7.0/24') && !destinations().includes('10.244.2.0/24'));
  assert.deepEqual(fdb(), ['0e:00:0a:f4:07:00 172.30.0.12']);
  lab.nodes.delete('node-2');
  await until(() => fdb().length === 0 && !destinations().includes('10.244.7.0/24'));
  assert.deepEqual(
    rtnl.neighbors({ device: 'portico.vxlan' }).filter((n) => n.state === 'permanent'),
    [],
  );
  assert.ok(network.ready());
  rtnl.close();
});

test('an agent killed while it attached a pod: the next one raises the link and becomes ready', async () => {
  await using lab = createLab(1);
  const killed = await lab.start(1);
  const { netns, ips } = await killed.attach(pod('half'));
  lab.stop(killed);
  const node = openRtnl(lab.netns(1));
  node.setLink(hostLinkName('uid-half'), { up: false });
  node.close();
  const next = await lab.start(1);
  assert.deepEqual((await next.attach(pod('half'))).ips, ips);
  assert.match((await talk(lab.netns(1), netns, ips[0] ?? '')) ?? '', /^172\.30\./);
});

test('what somebody deletes comes back, and a change of MTU reaches the pods', async () => {
  await using lab = createLab(2);
  const network = await lab.start(1, { network: 'vxlan' });
  const a = await network.attach(pod('a'));
  const rtnl = openRtnl(lab.netns(1));
  assert.ok(rtnl.deleteRoute({ destination: '10.244.2.0/24', protocol: 99 }));
  rtnl.deleteRoute({ destination: '10.244.1.1/32', protocol: 99 });
  const destinations = () => rtnl.routes({ family: 4 }).map((route) => route.destination);
  await until(() => destinations().includes('10.244.2.0/24') && destinations().includes('10.244.1.1/32'));
  rtnl.deleteLink('portico.vxlan');
  await until(() => destinations().includes('10.244.2.0/24') && rtnl.link('portico.vxlan')?.up === true);

  rtnl.setLink('eth0', { mtu: 1400 });
  const inPod = openRtnl(a.netns);
  await until(
    () => inPod.link('eth0')?.mtu === 1350,
    () => `mtu ${inPod.link('eth0')?.mtu}`,
  );
  assert.equal(rtnl.link('portico.vxlan')?.mtu, 1350);
  assert.equal(rtnl.link(hostLinkName('uid-a'))?.mtu, 1350);
  inPod.close();
  rtnl.close();
});

test('a node without a pod CIDR says so, and becomes ready when it gets one', async () => {
  await using lab = createLab(1);
  lab.nodes.set({ ...facts(1), podCidrs: [] });
  const starting = lab.start(1);
  await sleep(50);
  lab.nodes.set({ ...facts(1), podCidrs: ['10.244.1.0/29'] });
  const network = await starting;
  for (let i = 0; i < 6; i++) await network.attach(pod(`p${i}`));
  await assert.rejects(
    network.attach(pod('one-too-many')),
    /no address is left in 10\.244\.1\.0\/29 of node node-1: 6 pods/,
  );
});

test('a host port leads to its pod from outside and from the pod itself, and goes with the pod', async () => {
  await using lab = createLab(2);
  const one = await lab.start(1);
  const two = await lab.start(2);
  const hostPorts = [{ protocol: 'TCP', hostPort: 18080, containerPort: 8080, hostIp: '' }] as const;
  const web = await one.attach({ ...pod('web'), hostPorts });
  const client = await two.attach(pod('client'));
  const listener = createServer((socket) => socket.end(`${socket.remoteAddress}`));
  listener.listen({ fd: openTcpListenerIn(web.netns, { address: '0.0.0.0', port: 8080 }) });
  const ask = async (from: string): Promise<string> => {
    const socket = connectTcpIn(from, { host: '172.30.0.11', port: 18080 });
    socket.setTimeout(1000, () => socket.destroy(new Error('timeout')));
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text;
  };
  assert.equal(await ask(client.netns), client.ips[0], 'a client elsewhere keeps its address');
  assert.equal(await ask(lab.netns(1)), '172.30.0.11');
  assert.equal(await ask(web.netns), '172.30.0.11', 'the pod itself is masqueraded');
  listener.close();
  await one.detach('uid-web');
  await assert.rejects(ask(client.netns), /ECONNREFUSED/);
  const tables = await runCommand('nft', ['list', 'tables'], { netns: lab.netns(1) });
  assert.equal(tables.stdout, '');
});

test('pods that leave the cluster get the address of the node, if asked for', async () => {
  await using lab = createLab(2);
  lab.nodes.delete('node-2');
  const one = await lab.start(1, { masquerade: true });
  const a = await one.attach(pod('a'));
  assert.equal(await talk(a.netns, lab.netns(2), '172.30.0.12'), '172.30.0.11');
  await runCommand('nft', ['flush', 'ruleset'], { netns: lab.netns(1) });
  lab.nodes.set({ ...facts(3) });
  await until(() => rulesOf(lab.netns(1)).includes('portico-podnet'));
});

const rulesOf = (netns: string): string => inNetns(netns, () => spawnSync('nft', ['list', 'tables'])).stdout.toString();

/** Puts a node behind a router: out of the bridge, on a link of its own with 192.168.9.0/24. Everybody gets a default route. */
function moveBehindRouter(lab: Lab, far: number, near: readonly number[]): Disposable {
  const router = `${PREFIX}-router`;
  createNetns(router);
  const [fabric, inside] = [openRtnl(`${PREFIX}-fabric`), openRtnl(router)];
  fabric.addLink({ kind: 'veth', name: 'router', up: true, master: 'br0', peer: { name: 'eth0', netns: router } });
  fabric.deleteLink(`p${far}`);
  inside.addLink({ kind: 'veth', name: 'eth1', peer: { name: 'eth0', netns: lab.netns(far) } });
  for (const [device, address] of [
    ['eth0', '172.30.0.1/24'],
    ['eth1', '192.168.9.1/24'],
  ] as const) {
    inside.addAddress(device, address);
    inside.setLink(device, { up: true });
  }
  writeSysctl(router, 'net.ipv4.ip_forward', '1');
  const node = openRtnl(lab.netns(far));
  node.addAddress('eth0', '192.168.9.13/24');
  node.setLink('eth0', { up: true });
  node.replaceRoute({ destination: 'default', family: 4, via: '192.168.9.1' });
  for (const n of near) {
    const other = openRtnl(lab.netns(n));
    other.replaceRoute({ destination: 'default', family: 4, via: '172.30.0.1' });
    other.close();
  }
  for (const rtnl of [fabric, inside, node]) rtnl.close();
  return { [Symbol.dispose]: () => void deleteNetns(router) };
}

test('auto: routes on one link, VXLAN across a router; addresses are followed; a node that goes leaves nothing', async () => {
  await using lab = createLab(3);
  using _router = moveBehindRouter(lab, 3, [1, 2]);
  const v4 = (n: number, address = `172.30.0.1${n}`) => ({
    name: `node-${n}`,
    podCidrs: [`10.244.${n}.0/24`],
    internalIps: [address],
  });
  for (const n of [1, 2]) lab.nodes.set(v4(n));
  lab.nodes.set(v4(3, '192.168.9.13'));
  const [one, two, three] = [
    await lab.start(1, { network: 'auto' }),
    await lab.start(2, { network: 'auto' }),
    await lab.start(3, { network: 'auto' }),
  ];
  const [a, b, c] = [await one.attach(pod('a')), await two.attach(pod('b')), await three.attach(pod('c'))];
  const ends = [a, b, c];
  const everybodyTalks = async () => {
    for (const from of ends) {
      for (const to of ends) {
        if (from === to) continue;
        assert.equal(await talk(from.netns, to.netns, to.ips[0] ?? ''), from.ips[0], `${from.ips[0]} → ${to.ips[0]}`);
      }
    }
  };
  await everybodyTalks();

  const rtnl = openRtnl(lab.netns(1));
  const overlay = rtnl.link('portico.vxlan')?.index;
  const uplink = rtnl.link('eth0')?.index;
  const routeTo = (cidr: string) => rtnl.routes({ protocol: 99 }).find((r) => r.destination === cidr);
  const farEnds = () => rtnl.fdb({ device: 'portico.vxlan' }).flatMap((entry) => entry.destination ?? []);
  assert.equal(routeTo('10.244.2.0/24')?.device, uplink);
  assert.equal(routeTo('10.244.3.0/24')?.device, overlay);
  assert.deepEqual(farEnds(), ['192.168.9.13']);

  const far = openRtnl(lab.netns(3));
  far.deleteAddress('eth0', '192.168.9.13/24');
  far.addAddress('eth0', '192.168.9.14/24');
  far.replaceRoute({ destination: 'default', family: 4, via: '192.168.9.1' });
  lab.nodes.set(v4(3, '192.168.9.14'));
  await until(
    () => farEnds().join() === '192.168.9.14' && far.link('portico.vxlan')?.vxlan?.local === '192.168.9.14',
    () => `${farEnds().join()}, local ${far.link('portico.vxlan')?.vxlan?.local}`,
  );
  await everybodyTalks();

  await three.leave();
  assert.deepEqual(far.routes({ protocol: 99 }), []);
  assert.equal(far.link('portico.vxlan'), undefined);
  assert.deepEqual(
    far.links().filter((link) => link.name.startsWith('lxc')),
    [],
  );
  lab.nodes.delete('node-3');
  await until(() => routeTo('10.244.3.0/24') === undefined);
  assert.deepEqual(farEnds(), []);
  assert.deepEqual(
    rtnl.neighbors({ device: 'portico.vxlan' }).filter((n) => n.address.startsWith('10.244.')),
    [],
  );
  assert.equal(await talk(a.netns, b.netns, b.ips[0] ?? ''), a.ips[0]);
  for (const r of [rtnl, far]) r.close();
});

test('a node notices when VXLAN does not pass to a peer whose host answers, and when large packets do not', async () => {
  await using lab = createLab(3);
  const reports: { reason: string; message: string }[] = [];
  const peerCheck = { everyMs: 100, againMs: 50, waitMs: 80 };
  for (const n of [1, 2, 3]) {
    const network = await lab.start(n, { network: 'vxlan', peerCheck });
    if (n !== 1) continue;
    network.onPeersChange(() => {
      const { reason = '', message = '' } = network.peers() ?? {};
      reports.push({ reason, message });
    });
  }
  const reported = (reason: string) =>
    until(
      () => reports.at(-1)?.reason === reason,
      () => JSON.stringify(reports),
    );
  await reported('PeersAnswer');
  /** What a firewall of node 2 drops of what arrives; '': nothing. */
  const firewall = (what: string) => {
    const table = `table ip filter { chain in { type filter hook input priority 0; ${what} drop; }; }`;
    const args = what === '' ? ['delete', 'table', 'ip', 'filter'] : [table];
    const ran = inNetns(lab.netns(2), () => spawnSync('nft', args));
    assert.equal(ran.status, 0, ran.stderr.toString());
  };
  firewall('udp dport 4789');
  await reported('VXLANBlocked');
  assert.match(
    reports.at(-1)?.message ?? '',
    /^no packet comes back from node node-2 through VXLAN, although its host answers: let UDP port 4789 pass in both directions between 172\.30\.0\.11 and 172\.30\.0\.12$/,
  );
  firewall('');
  await reported('PeersAnswer');
  firewall('udp dport 4789 ip length > 1400');
  await reported('PacketsTooLarge');
  assert.match(
    reports.at(-1)?.message ?? '',
    /^packets of 1450 bytes do not come back from node node-2, smaller ones do: .*set the MTU of eth0/,
  );
  firewall('');
  await reported('PeersAnswer');
  // Echoes are swallowed, as some firewalls do by default: what pods send passes, and the agent's port says so.
  firewall('icmp type echo-request');
  await sleep(600);
  assert.equal(reports.at(-1)?.reason, 'PeersAnswer');
  firewall('');
  // A host that is away is no trouble of the network.
  const wire = openRtnl(`${PREFIX}-fabric`);
  wire.setLink('p2', { up: false });
  await sleep(1500);
  wire.close();
  assert.deepEqual(
    reports.map((r) => r.reason),
    ['PeersAnswer', 'VXLANBlocked', 'PeersAnswer', 'PacketsTooLarge', 'PeersAnswer'],
  );
});

test('auto: a node moves behind a router, with another cable and address, while its pods run: routes give way to VXLAN', async () => {
  await using lab = createLab(2);
  const v4 = (n: number, address = `172.30.0.1${n}`) => ({
    name: `node-${n}`,
    podCidrs: [`10.244.${n}.0/24`],
    internalIps: [address],
  });
  for (const n of [1, 2]) lab.nodes.set(v4(n));
  const [one, two] = [await lab.start(1, { network: 'auto' }), await lab.start(2, { network: 'auto' })];
  const [a, b] = [await one.attach(pod('a')), await two.attach(pod('b'))];
  const rtnl = openRtnl(lab.netns(1));
  const wayTo = (cidr: string) => {
    const device = rtnl.routes({ protocol: 99 }).find((r) => r.destination === cidr)?.device;
    return rtnl.links().find((l) => l.index === device)?.name;
  };
  assert.equal(wayTo('10.244.2.0/24'), 'eth0');
  assert.equal(await talk(a.netns, b.netns, b.ips[0] ?? ''), a.ips[0]);

  using _router = moveBehindRouter(lab, 2, [1]);
  lab.nodes.set(v4(2, '192.168.9.13'));
  const moved = openRtnl(lab.netns(2));
  await until(
    () => wayTo('10.244.2.0/24') === 'portico.vxlan' && moved.link('portico.vxlan')?.vxlan?.local === '192.168.9.13',
    () => `by ${wayTo('10.244.2.0/24')}, from ${moved.link('portico.vxlan')?.vxlan?.local}`,
  );
  moved.close();
  assert.equal(await talk(a.netns, b.netns, b.ips[0] ?? ''), a.ips[0]);
  assert.equal(await talk(b.netns, a.netns, a.ips[0] ?? ''), b.ips[0]);
  rtnl.close();
});

/** Runs a program in a namespace and returns what it prints. */
const inside = (netns: string, ...command: string[]): string => {
  const [program = '', ...args] = command;
  const ran = inNetns(netns, () => spawnSync(program, args));
  assert.equal(ran.status, 0, `${command.join(' ')}: ${ran.stderr.toString()}`);
  return ran.stdout.toString();
};

for (const variant of ['nft', 'legacy'] as const) {
  test(`a host whose iptables-${variant} drop what is forwarded: pods talk all the same, and nothing stays behind`, async () => {
    await using lab = createLab(2);
    const iptables = `iptables-${variant}`;
    const before = inNetns(lab.netns(1), () => spawnSync(iptables, ['-P', 'FORWARD', 'DROP']));
    assert.equal(before.status, 0, before.stderr.toString());
    // As Docker leaves it.
    inside(lab.netns(1), iptables, '-N', 'DOCKER-USER');
    inside(lab.netns(1), iptables, '-A', 'FORWARD', '-j', 'DOCKER-USER');
    const untouched = inside(lab.netns(1), iptables, '-S');
    const [one, two] = [await lab.start(1), await lab.start(2)];
    const [a, b] = [await one.attach(pod('a')), await two.attach(pod('b'))];
    await until(() => inside(lab.netns(1), iptables, '-S').includes('-j PORTICO-FORWARD'));
    assert.equal(await talk(a.netns, b.netns, b.ips[0] ?? ''), a.ips[0]);
    assert.equal(await talk(b.netns, a.netns, a.ips[0] ?? ''), b.ips[0]);
    await one.detach('uid-a');
    await one.leave();
    assert.equal(inside(lab.netns(1), iptables, '-S'), untouched);
  });
}

test('a host without iptables rules gets none; another firewall that drops is told, with what to do', async () => {
  await using lab = createLab(1);
  const warnings: string[] = [];
  const log = createLogger({ level: 'warn', write: (line) => warnings.push(line) });
  const table =
    'table inet firewalld { chain filter_FORWARD { type filter hook forward priority 10; ct state invalid drop; reject; }; }';
  inside(lab.netns(1), 'nft', table);
  await lab.start(1, { log });
  await until(() => warnings.length > 0);
  assert.match(
    warnings.join(''),
    /a firewall of this host may drop packets of pods, in the nftables chain inet firewalld filter_FORWARD: firewall-cmd --permanent --zone=trusted --add-source=10\.244\.0\.0\/16/,
  );
  assert.deepEqual(inside(lab.netns(1), 'nft', 'list', 'tables').trim(), 'table inet firewalld');
});

test('a host with forwarding off, strict source checks and no IPv6: pods talk, and settings put back are mended', async () => {
  await using lab = createLab(2);
  const hostile = {
    'net.ipv4.ip_forward': '0',
    'net.ipv4.conf.all.rp_filter': '1',
    'net.ipv4.conf.eth0.rp_filter': '1',
  };
  for (const n of [1, 2]) {
    writeSysctl(lab.netns(n), 'net.ipv6.conf.all.disable_ipv6', '1');
    for (const [key, value] of Object.entries(hostile)) writeSysctl(lab.netns(n), key, value);
    lab.nodes.set({ name: `node-${n}`, podCidrs: [`10.244.${n}.0/24`], internalIps: [`172.30.0.1${n}`] });
  }
  const more = { network: 'vxlan', podCidrs: ['10.244.0.0/16'] } as const;
  const [one, two] = [await lab.start(1, more), await lab.start(2, more)];
  const [a, b] = [await one.attach(pod('a')), await two.attach(pod('b'))];
  const settings = () => Object.keys(hostile).map((key) => readSysctl(lab.netns(1), key)?.trim());
  assert.deepEqual(settings(), ['1', '2', '2']);
  assert.equal(await talk(a.netns, b.netns, b.ips[0] ?? ''), a.ips[0]);
  for (const [key, value] of Object.entries(hostile)) writeSysctl(lab.netns(1), key, value);
  // No event tells of a setting: with the next change of anything, or after half a minute, it is looked at.
  lab.nodes.set({ name: 'node-3', podCidrs: ['10.244.3.0/24'], internalIps: ['172.30.0.13'] });
  await until(() => settings().join() === '1,2,2');
});
