// Two nodes, three pods and one virtual address, made by hand with iptables and with nft; the walk of real packets.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import process from 'node:process';
import { after, before, test } from 'node:test';
import {
  createNetns,
  deleteNetns,
  openRtnl,
  openTcpListenerIn,
  openUdpSocketIn,
  runCommand,
  writeSysctl,
} from '../linux/index.ts';
import type { Place, Walk } from './contract.ts';
import { formatWalk } from './format.ts';
import { buildPcapng } from './pcapng.ts';
import { walkConnection } from './walk-connection.ts';
import type { PossibleEndpoint, WalkRequest } from './walk-connection.ts';

const PREFIX = `tr${process.pid}`;
const VIP = '10.96.0.10';
const node = (n: number): Place => ({ kind: 'node', name: `node-${n}`, netns: `${PREFIX}-n${n}` });
const pod = (name: string): Place => ({ kind: 'pod', name: `default/${name}`, netns: `${PREFIX}-${name}` });
const POD_IPS: Readonly<Record<string, string>> = { a: '10.244.1.2', b: '10.244.1.3', c: '10.244.2.2' };
const HOST_MAC = 'ee:ee:ee:ee:ee:ee';
const namespaces = [node(1), node(2), pod('a'), pod('b'), pod('c')].map((place) => place.netns);
const closers: (() => void)[] = [];

async function run(place: Place, command: string, args: readonly string[], input?: string): Promise<void> {
  const result = await runCommand(command, args, { netns: place.netns, ...(input === undefined ? {} : { input }) });
  assert.equal(result.status, 0, `${command} ${args.join(' ')}: ${result.stderr}`);
}

function addPod(nodeNumber: number, name: string): void {
  const ip = POD_IPS[name] ?? '';
  const host = openRtnl(node(nodeNumber).netns);
  const mac = `0a:58:00:00:00:0${ip.at(-1)}`;
  host.addLink({
    kind: 'veth',
    name: `lxc${name}`,
    mac: HOST_MAC,
    up: true,
    peer: { name: 'eth0', netns: pod(name).netns, mac },
  });
  host.addRoute({ destination: `${ip}/32`, device: `lxc${name}` });
  host.replaceNeighbor({ device: `lxc${name}`, address: ip, mac });
  host.close();
  const inside = openRtnl(pod(name).netns);
  inside.addAddress('eth0', `${ip}/32`);
  inside.setLink('eth0', { up: true });
  inside.addRoute({ destination: '169.254.1.1/32', device: 'eth0' });
  inside.addRoute({ destination: 'default', via: '169.254.1.1', device: 'eth0' });
  inside.replaceNeighbor({ device: 'eth0', address: '169.254.1.1', mac: HOST_MAC });
  inside.close();
}

before(() => {
  for (const netns of namespaces) createNetns(netns);
  const one = openRtnl(node(1).netns);
  one.addLink({ kind: 'veth', name: 'eth0', up: true, peer: { name: 'eth0', netns: node(2).netns, up: true } });
  one.addAddress('eth0', '172.30.0.11/24');
  const two = openRtnl(node(2).netns);
  two.addAddress('eth0', '172.30.0.12/24');
  for (const [rtnl, me, other] of [
    [one, 1, 2],
    [two, 2, 1],
  ] as const) {
    writeSysctl(node(me).netns, 'net.ipv4.ip_forward', '1');
    const mac = (n: number) => `0e:00:0a:f4:0${n}:00`;
    rtnl.addLink({
      kind: 'vxlan',
      name: 'portico.vxlan',
      vni: 1,
      port: 4789,
      local: `172.30.0.1${me}`,
      device: 'eth0',
      mac: mac(me),
      up: true,
    });
    rtnl.addAddress('portico.vxlan', `10.244.${me}.0/32`);
    rtnl.replaceNeighbor({ device: 'portico.vxlan', address: `10.244.${other}.0`, mac: mac(other) });
    rtnl.replaceFdb({ device: 'portico.vxlan', mac: mac(other), destination: `172.30.0.1${other}` });
    rtnl.addRoute({
      destination: `10.244.${other}.0/24`,
      via: `10.244.${other}.0`,
      device: 'portico.vxlan',
      onlink: true,
    });
    rtnl.close();
  }
  // As on a node of a cluster: a virtual address that no rule translates goes to a router, which passes FORWARD.
  const first = openRtnl(node(1).netns);
  first.addRoute({ destination: 'default', via: '172.30.0.12' });
  first.close();
  addPod(1, 'a');
  addPod(1, 'b');
  addPod(2, 'c');
  for (const name of ['b', 'c']) {
    const server = createServer((socket) =>
      socket
        .on('error', () => undefined)
        .on('data', () => socket.end(`hello from ${name}`))
        // A connection that a test leaves hanging is not to hold up the end.
        .unref(),
    );
    server.listen({ fd: openTcpListenerIn(pod(name).netns, { address: '0.0.0.0', port: 8080 }) });
    const udp = createSocket('udp4');
    udp.on('message', (message, peer) => udp.send(message, peer.port, peer.address));
    udp.bind({ fd: openUdpSocketIn(pod(name).netns, { address: '0.0.0.0', port: 5353 }) });
    closers.push(
      () => server.close(),
      () => udp.close(),
    );
  }
});

after(() => {
  for (const close of closers) close();
  for (const netns of namespaces) deleteNetns(netns);
});

/** Rules of kube-proxy's shape: the virtual address to one endpoint, masquerade for a pod that reaches itself. */
async function useIptables(endpoint: string): Promise<void> {
  const to = POD_IPS[endpoint];
  await run(node(1), 'nft', ['flush', 'ruleset']);
  await run(
    node(1),
    'iptables-nft-restore',
    [],
    `*nat
:KUBE-SERVICES - [0:0]
:KUBE-SEP-X - [0:0]
:KUBE-MARK-MASQ - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d ${VIP}/32 -p tcp -m comment --comment "default/nginx cluster IP" -m tcp --dport 80 -j KUBE-SEP-X
-A KUBE-SERVICES -d ${VIP}/32 -p udp -m udp --dport 53 -j DNAT --to-destination ${to}:5353
-A KUBE-SEP-X -s ${to}/32 -m comment --comment default/nginx -j KUBE-MARK-MASQ
-A KUBE-SEP-X -p tcp -m comment --comment default/nginx -m tcp -j DNAT --to-destination ${to}:8080
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully
COMMIT
*filter
-A FORWARD -d ${VIP}/32 -p tcp -m comment --comment "default/empty has no endpoints" -m tcp --dport 81 -j REJECT --reject-with icmp-port-unreachable
COMMIT
`,
  );
}

async function useNft(endpoint: string): Promise<void> {
  await run(node(1), 'nft', ['flush', 'ruleset']);
  await run(
    node(1),
    'nft',
    ['-f', '-'],
    `table ip portico {
 map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; elements = { ${VIP} . tcp . 80 : goto svc }; }
 chain prerouting { type nat hook prerouting priority dstnat; jump services; }
 chain services { ip daddr . meta l4proto . th dport vmap @service-ips; }
 chain svc { meta l4proto tcp dnat to ${POD_IPS[endpoint]}:8080; }
 chain forward { type filter hook forward priority filter; ip daddr ${VIP} tcp dport 82 drop; }
}
`,
  );
}

const endpoint = (name: string, n: number, port = 8080): PossibleEndpoint => ({
  address: POD_IPS[name] ?? '',
  port,
  place: pod(name),
  node: `node-${n}`,
  usable: true,
});

async function walk(more: Partial<WalkRequest>): Promise<Walk> {
  const result = await walkConnection({
    client: pod('a'),
    protocol: 'tcp',
    host: VIP,
    port: 80,
    nodes: [node(1), node(2)],
    endpoints: [endpoint('b', 1), endpoint('c', 2)],
    request: 'GET',
    targetName: 'Service default/nginx',
    timeoutMs: 1500,
    vxlanPort: 4789,
    ...more,
  });
  return result.walk;
}

const route = (w: Walk, name: 'request' | 'reply') =>
  w.legs
    .find((leg) => leg.name === name)
    ?.hops.map((hop) => {
      const changes = hop.changes.map((change) => change.kind).join('+');
      return `${hop.place.name.replace('default/', '')} ${hop.device} ${hop.direction}${changes === '' ? '' : ` ${changes}`}`;
    });

test('a walk on one node through iptables names every hop, rule and change', async () => {
  await useIptables('b');
  const w = await walk({});
  assert.equal(w.verdict.code, 'ok', formatWalk(w));
  assert.deepEqual(
    route(w, 'request'),
    ['a eth0 out', 'node-1 lxca in', 'node-1 lxcb out dnat', 'b eth0 in'],
    formatWalk(w),
  );
  assert.deepEqual(route(w, 'reply'), ['b eth0 out', 'node-1 lxcb in', 'node-1 lxca out un-dnat', 'a eth0 in']);
  const rules = w.legs[0]?.hops[2]?.rules.map((rule) => rule.text);
  assert.deepEqual(rules, [
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    `-A KUBE-SERVICES -d ${VIP}/32 -p tcp -m comment --comment "default/nginx cluster IP" -m tcp --dport 80 -j KUBE-SEP-X`,
    `-A KUBE-SEP-X -p tcp -m comment --comment "default/nginx" -m tcp -j DNAT --to-destination ${POD_IPS['b']}:8080`,
  ]);
  assert.deepEqual(w.outcome.kind === 'connected' && w.outcome.answer, 'hello from b');
  assert.equal(w.tracked[0]?.original.destination, VIP);
  assert.equal(w.tracked[0]?.reply.source, POD_IPS['b']);
  assert.deepEqual([w.endpoint?.probability, w.endpoint?.chosenBy], [1, 'only']);
  assert.match(
    w.verdict.sentence,
    /pod default\/b 10\.244\.1\.3:8080 on node-1 answered, 1 of 2 endpoints; node-1 translated/,
  );
});

test('a walk across nodes through nftables and VXLAN', async () => {
  await useNft('c');
  const w = await walk({});
  assert.equal(w.verdict.code, 'ok', formatWalk(w));
  assert.deepEqual(route(w, 'request'), [
    'a eth0 out',
    'node-1 lxca in',
    'node-1 portico.vxlan out dnat',
    'node-1 eth0 out encapsulated',
    'node-2 eth0 in',
    'node-2 portico.vxlan in decapsulated',
    'node-2 lxcc out',
    'c eth0 in',
  ]);
  assert.equal(route(w, 'reply')?.length, 8);
  const mtus = w.legs[0]?.hops.map((hop) => hop.mtu);
  assert.deepEqual(mtus, [undefined, undefined, 1450, 1500, undefined, 1450, 1500, undefined], 'where it changes');
  assert.deepEqual(w.legs[0]?.hops[3]?.envelope, {
    kind: 'vxlan',
    source: '172.30.0.11',
    destination: '172.30.0.12',
    vni: 1,
  });
  assert.deepEqual(
    w.legs[0]?.hops[2]?.rules.map((rule) => `${rule.table} ${rule.chain}`),
    ['portico prerouting', 'portico services', 'portico svc'],
  );
});

test('a walk through iptables-legacy, whose rules are read back', async () => {
  await run(node(1), 'nft', ['flush', 'ruleset']);
  const rules = `*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-X - [0:0]
:KUBE-SEP-B - [0:0]
:KUBE-SEP-C - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d ${VIP}/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-X
-A KUBE-SVC-X -m statistic --mode random --probability 0.25 -j KUBE-SEP-B
-A KUBE-SVC-X -j KUBE-SEP-C
-A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination ${POD_IPS['b']}:8080
-A KUBE-SEP-C -p tcp -m tcp -j DNAT --to-destination ${POD_IPS['c']}:8080
COMMIT
*filter
-A FORWARD -d ${VIP}/32 -p tcp -m tcp --dport 81 -j REJECT --reject-with icmp-port-unreachable
COMMIT
`;
  await run(node(1), 'iptables-legacy-restore', [], rules);
  try {
    const w = await walk({});
    assert.equal(w.verdict.code, 'ok', formatWalk(w));
    const [sep, probability] = w.endpoint?.address === POD_IPS['b'] ? ['B', 0.25] : ['C', 0.75];
    const passed = w.legs[0]?.hops[2]?.rules ?? [];
    assert.deepEqual(
      passed.map((rule) => rule.chain),
      ['PREROUTING', 'KUBE-SERVICES', 'KUBE-SVC-X', `KUBE-SEP-${sep}`],
      formatWalk(w),
    );
    assert.ok(passed.every((rule) => rule.readBack === true));
    assert.deepEqual([w.endpoint?.probability, w.endpoint?.chosenBy], [probability, 'random']);
    assert.match(
      w.notes.join(),
      /node-1 has rules of iptables-legacy, which do not tell what passes them: .*read back/,
    );

    const refused = await walk({ port: 81, targetName: 'Service default/empty', endpoints: [] });
    assert.equal(refused.verdict.code, 'rejected-by-rule', formatWalk(refused));
    assert.match(
      refused.verdict.sentence,
      /default\/empty has no ready endpoint: refused on node-1 by ip filter FORWARD: /,
    );
    assert.match(refused.verdict.sentence, /-j REJECT .*\(read back from iptables-legacy-save\)/);
  } finally {
    // Its tables are no part of nft's ruleset.
    await run(node(1), 'iptables-legacy', ['-t', 'nat', '-F']);
    await run(node(1), 'iptables-legacy', ['-t', 'nat', '-X']);
    await run(node(1), 'iptables-legacy', ['-t', 'filter', '-F']);
  }
});

test('a walk of a pod that reaches itself, and of UDP', async () => {
  await useIptables('b');
  const hairpin = await walk({ client: pod('b') });
  assert.equal(hairpin.verdict.code, 'ok', formatWalk(hairpin));
  assert.deepEqual(route(hairpin, 'request'), [
    'b eth0 out',
    'node-1 lxcb in',
    'node-1 lxcb out dnat+snat',
    'b eth0 in',
  ]);
  assert.deepEqual(route(hairpin, 'reply')?.at(-2), 'node-1 lxcb out un-snat+un-dnat');
  const udp = await walk({
    protocol: 'udp',
    port: 53,
    payload: Buffer.from('a question'),
    endpoints: [endpoint('b', 1, 5353)],
  });
  assert.equal(udp.verdict.code, 'ok', formatWalk(udp));
  assert.deepEqual(route(udp, 'reply'), ['b eth0 out', 'node-1 lxcb in', 'node-1 lxca out un-dnat', 'a eth0 in']);
});

test('a walk from a process on the node is translated before any device shows it', async () => {
  await useIptables('c');
  const w = await walk({ client: node(1) });
  assert.equal(w.verdict.code, 'ok', formatWalk(w));
  assert.equal(route(w, 'request')?.[0], 'node-1 portico.vxlan out dnat');
  assert.deepEqual(
    w.legs[0]?.hops[0]?.rules.map((rule) => rule.chain),
    ['OUTPUT', 'KUBE-SERVICES', 'KUBE-SEP-X'],
  );
  assert.deepEqual(w.legs[1]?.changesAfter, [{ kind: 'un-dnat', from: `${POD_IPS['c']}:8080`, to: `${VIP}:80` }]);
});

test('a walk that fails says where and why', async () => {
  await useIptables('b');
  const rejected = await walk({ port: 81, targetName: 'Service default/empty', endpoints: [] });
  assert.equal(rejected.verdict.code, 'rejected-by-rule', formatWalk(rejected));
  assert.match(
    rejected.verdict.sentence,
    /default\/empty has no ready endpoint: refused on node-1 by ip filter FORWARD: -A FORWARD .* -j REJECT/,
  );

  const deaf = await walk({ host: POD_IPS['c'] ?? '', port: 9999, endpoints: [endpoint('c', 2, 9999)] });
  assert.equal(deaf.verdict.code, 'no-listener', formatWalk(deaf));

  const overlay = { destination: '10.244.2.0/24', via: '10.244.2.0', device: 'portico.vxlan', onlink: true };
  const rtnl = openRtnl(node(1).netns);
  rtnl.replaceRoute({ destination: '10.244.2.0/24', type: 'unreachable' });
  const lost = await walk({ host: POD_IPS['c'] ?? '', port: 8080 });
  assert.equal(lost.verdict.code, 'no-route', formatWalk(lost));
  rtnl.replaceRoute(overlay);
  rtnl.close();

  await useNft('b');
  const dropped = await walk({ port: 82, endpoints: [], timeoutMs: 400 });
  assert.equal(dropped.verdict.code, 'dropped-by-rule', formatWalk(dropped));
  assert.match(
    dropped.verdict.sentence,
    /dropped on node-1 by ip portico forward: ip daddr 10\.96\.0\.10 tcp dport 82 drop/,
  );
});

test('a connection whose large packets get lost is told from one that nobody answers', async () => {
  await useNft('c');
  const large = 'x'.repeat(4000);
  // Pods may send 1500 bytes, the overlay takes 1450: the node says so, and the connection goes on in smaller packets.
  const told = await walk({ request: large });
  assert.equal(told.verdict.code, 'ok', formatWalk(told));
  await run(node(1), 'ip', ['route', 'flush', 'cache']);
  await run(pod('a'), 'ip', ['route', 'flush', 'cache']);
  await run(
    node(1),
    'nft',
    ['-f', '-'],
    'table ip foreign { chain out { type filter hook output priority 0; icmp type destination-unreachable icmp code frag-needed drop; }; }\n',
  );
  const hole = await walk({ request: large });
  assert.equal(hole.verdict.code, 'mtu', formatWalk(hole));
  assert.match(
    hole.verdict.sentence,
    /packets of \d+ bytes from pod default\/a got lost: sent \d+ times, last seen on node node-1, lxca \(in\), and too big for portico\.vxlan, whose MTU is 1450; no ICMP message asked for smaller ones/,
  );
});

test('a drop that no rule of the trace explains is explained by the kernel', async () => {
  await useNft('c');
  // The reply comes in over the overlay, and the node would send to its source by another device.
  writeSysctl(node(2).netns, 'net.ipv4.conf.lxcc.rp_filter', '1');
  const rtnl = openRtnl(node(2).netns);
  rtnl.replaceRoute({ destination: `${POD_IPS['c']}/32`, device: 'eth0' });
  rtnl.replaceNeighbor({ device: 'eth0', address: POD_IPS['c'] ?? '', mac: '02:00:00:00:00:01' });
  try {
    const misled = await walk({ timeoutMs: 600 });
    assert.equal(misled.verdict.code, 'lost', formatWalk(misled));
    assert.equal(misled.verdict.dropReason, 'OTHERHOST', formatWalk(misled));
    assert.match(misled.verdict.sentence, /hardware address of another host/);
  } finally {
    rtnl.replaceRoute({ destination: `${POD_IPS['c']}/32`, device: 'lxcc' });
    rtnl.close();
    writeSysctl(node(2).netns, 'net.ipv4.conf.lxcc.rp_filter', '0');
  }
  // Before connection tracking, and in a table of somebody else.
  await run(
    node(1),
    'nft',
    ['-f', '-'],
    `table ip fence { chain raw { type filter hook prerouting priority -300; ip daddr ${VIP} drop; }; }\n`,
  );
  const fenced = await walk({ timeoutMs: 400 });
  assert.equal(fenced.verdict.code, 'dropped-by-rule', formatWalk(fenced));
  assert.match(
    fenced.verdict.sentence,
    /ip fence raw: ip daddr 10\.96\.0\.10 drop, a rule that is not of the service proxy/,
  );
  const instances = await runCommand('sh', ['-c', 'ls /sys/kernel/tracing/instances 2>/dev/null | grep portico-trace']);
  assert.equal(instances.stdout, '');
});

test('traces at once do not disturb each other, and leave no table behind', async () => {
  await useIptables('b');
  const walks = await Promise.all(Array.from({ length: 4 }, () => walk({})));
  for (const w of walks) {
    assert.equal(w.verdict.code, 'ok', formatWalk(w));
    assert.equal(w.legs[0]?.hops.length, 4, formatWalk(w));
    assert.equal(w.legs[0]?.hops[2]?.rules.length, 3, formatWalk(w));
  }
  const tables = await runCommand('nft', ['list', 'tables'], { netns: node(1).netns });
  assert.ok(!tables.stdout.includes('portico-trace'), tables.stdout);
});

test('the pcapng of a walk is read by tcpdump', async () => {
  await useNft('c');
  const { frames } = await walkConnection({
    client: pod('a'),
    protocol: 'tcp',
    host: VIP,
    port: 80,
    nodes: [node(1), node(2)],
    endpoints: [endpoint('c', 2)],
    request: 'GET',
    timeoutMs: 1500,
    vxlanPort: 4789,
  });
  // libpcap takes files with several raw interfaces for mixed ones; Wireshark does not mind.
  const uplink = frames.filter((frame) => frame.place.name === 'node-1' && frame.device === 'eth0');
  const read = await runCommand('tcpdump', ['-n', '-r', '-'], {
    input: buildPcapng(uplink.map((frame) => ({ frame }))),
  });
  assert.equal(read.status, 0, read.stderr);
  assert.match(read.stdout, /VXLAN, flags \[I\].*vni 1/);
  assert.match(read.stdout, /10\.244\.1\.2\.\d+ > 10\.244\.2\.2\.8080: Flags \[S\]/);
});
