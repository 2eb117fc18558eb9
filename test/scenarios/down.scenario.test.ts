// `down` leaves nothing: no namespace, link, process, mount, cgroup, rule or file; also after the supervisor was
// killed. And a cluster never touches the root namespace, nor another cluster.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import process from 'node:process';
import { after, test } from 'node:test';

import {
  eventually,
  must,
  run,
  shellManifest,
  startCluster,
  webManifest,
  portico,
  type Cluster,
} from './cluster-fixture.ts';

const clusters: Cluster[] = [];
after(() => {
  for (const c of clusters) c.down();
});
function start(...flags: string[]): Cluster {
  const c = startCluster(...flags);
  clusters.push(c);
  return c;
}

/** All that a cluster could leave on the machine, as text lines that name it. */
function tracesOf(cluster: Cluster): string[] {
  const found: string[] = [];
  const add = (kind: string, lines: string[]) =>
    found.push(...lines.filter((l) => l !== '').map((l) => `${kind}: ${l}`));
  add(
    'netns',
    must('ip', ['netns', 'list'])
      .split('\n')
      .filter((l) => l.startsWith(`${cluster.name}-`)),
  );
  add(
    'mount',
    readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((l) => l.includes(cluster.name)),
  );
  for (const pid of readdirSync('/proc').filter((n) => /^\d+$/.test(n) && Number(n) !== process.pid)) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      // A container's program is known by its mounts.
      const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
      if (line.includes(cluster.name) || mounts.includes(cluster.stateDir)) add('process', [`${pid} ${line}`]);
    } catch {
      // It ended meanwhile.
    }
  }
  add('cgroup', run('find', ['/sys/fs/cgroup', '-name', `*${cluster.name}*`, '-type', 'd']).stdout.split('\n'));
  if (existsSync(cluster.stateDir)) add('files', [cluster.stateDir]);
  return found;
}

/** The root namespace's own state, as far as a cluster could change it. */
function rootState(): string {
  return [
    must('ip', ['-br', 'link']),
    must('ip', ['route', 'show', 'table', 'all']),
    must('ip', ['-6', 'route', 'show', 'table', 'main']),
    run('iptables-save', [])
      .stdout.replaceAll(/^#.*$/gm, '')
      .replaceAll(/\[\d+:\d+\]/g, ''),
    run('nft', ['list', 'ruleset']).stdout,
    must('sysctl', ['-n', 'net.ipv4.ip_forward', 'net.ipv4.conf.all.rp_filter', 'net.ipv4.conf.all.route_localnet']),
  ].join('\n');
}

test('two clusters side by side; `down` of one removes it whole and leaves the other and the root alone', () => {
  const root = rootState();
  const one = start('--nodes', '2');
  const two = start('--nodes', '2', '--network', 'vxlan');
  assert.equal(rootState(), root, 'the root namespace is as it was');
  for (const c of [one, two]) {
    c.apply([webManifest({ name: 'web', replicas: 2 }), shellManifest('shell')].join('---\n'));
    c.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    c.kubectl('wait', '--for=condition=Ready', 'pod/shell', '--timeout=60s');
  }
  assert.equal(one.down().status, 0);
  assert.deepEqual(tracesOf(one), []);
  assert.match(two.exec('shell', 'curl -sS --max-time 5 http://web/hostname'), /^web-/);

  process.kill(two.pid('supervisor'), 'SIGKILL');
  assert.equal(two.down().status, 0);
  assert.deepEqual(tracesOf(two), []);
  assert.equal(rootState(), root);
  assert.match(two.down().stdout, /there is no cluster/);
});

test('--runtime cri: a containerd per node runs the pods; it may be killed, and `down` leaves nothing of it', async () => {
  const c = start('--nodes', '1', '--runtime', 'cri');
  c.apply([webManifest({ name: 'web', replicas: 2 }), shellManifest('shell')].join('---\n'));
  c.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  c.kubectl('wait', '--for=condition=Ready', 'pod/shell', '--timeout=60s');
  assert.match(c.kubectl('get', 'nodes', '-o', 'wide'), /containerd:\/\//);
  const ask = () => c.exec('shell', 'curl -sS --max-time 5 http://web/hostname');
  assert.match(ask(), /^web-/);
  const ids = () =>
    c.kubectl('get', 'pods', '-o', 'jsonpath={range .items[*]}{.status.containerStatuses[0].containerID} {end}');
  assert.match(run(portico, ['trace', ...c.flags, 'shell', 'web']).stdout, /DNAT/, 'a trace enters its pods');
  const before = ids();
  assert.match(before, /^(containerd:\/\/[0-9a-f]{64} ){3}$/);
  const killed = c.pid('containerd-node-1');
  process.kill(killed, 'SIGKILL');
  await eventually('another containerd', () => (c.pid('containerd-node-1') === killed ? undefined : true));
  // exec goes through it.
  await eventually('exec to work again', () => (ask().startsWith('web-') ? true : undefined));
  assert.equal(ids(), before, 'the same containers');
  const bundles = `${c.stateDir}/nodes/node-1/containerd/state/io.containerd.runtime.v2.task/k8s.io`;
  const sockets = readdirSync(bundles).map((id) => readFileSync(`${bundles}/${id}/address`, 'utf8').slice(7));
  assert.ok(sockets.length >= 6 && sockets.some(existsSync), 'shims listen in /run');
  process.kill(c.pid('supervisor'), 'SIGKILL');
  assert.equal(c.down().status, 0);
  assert.deepEqual(tracesOf(c), []);
  assert.deepEqual(sockets.filter(existsSync), []);
});

test('wrong flags, an overlap, a port in use are one sentence each, and leave nothing', async () => {
  const name = `test-${process.pid}-bad`;
  const dir = `/tmp/${name}`;
  await using taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as net.AddressInfo;
  const cases: [args: string[], says: RegExp][] = [
    [
      ['--api-port', String(port)],
      new RegExp(`--api-port ${port}: the port is in use on 127\\.0\\.0\\.1; choose another`),
    ],
    [['--nodes', 'three'], /--nodes three: give a whole number/],
    [['--nodes', '0'], /--nodes 0: give a number from 1 to 100/],
    [['--network', 'ipip'], /--network ipip: choose native or vxlan/],
    [['--runtime', 'docker'], /--runtime docker: choose process or cri/],
    [['--proxy-mode', 'ipvs'], /--proxy-mode ipvs: choose iptables or nftables/],
    [['--pod-cidr', '10.96.0.0/16'], /--pod-cidr 10\.96\.0\.0\/16 and --service-cidr 10\.96\.0\.0\/12 overlap/],
    [['--service-cidr', 'ten'], /--service-cidr ten: not an IPv4 range/],
    [['--frobnicate'], /Unknown option '--frobnicate'; see 'portico up --help'/],
  ];
  for (const [args, says] of cases) {
    const r = run(portico, ['up', '--name', name, '--state-dir', dir, ...args]);
    assert.notEqual(r.status, 0, args.join(' '));
    assert.match(r.stderr, says);
    assert.equal(r.stderr.trim().split('\n').length, 1, r.stderr);
    assert.equal(existsSync(dir), false);
    assert.equal(run('ip', ['netns', 'list']).stdout.includes(name), false);
  }
});
