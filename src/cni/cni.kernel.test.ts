// The plugin as runtimes run it, against a real pod network: by hand in every version, under kills, and with podman.
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodes } from '../api/objects.ts';
import { createFakeClient } from '../client/index.ts';
import { createNetns, deleteNetns, netnsExists, openRtnl, spawnIn } from '../linux/index.ts';
import { createLogger, silentLogger } from '../log/index.ts';
import { startPodNetwork } from '../podnet/index.ts';
import { installCni, serveCni } from './index.ts';

const AGENT = 'PORTICO_TEST_CNI_AGENT';
const NODE = `test-${process.pid}-cni`;

/** What the agent does, in a process that can be killed. */
async function runAgent(dir: string): Promise<void> {
  const log = process.env['SHOW'] === undefined ? silentLogger : createLogger({ level: 'debug' });
  const client = createFakeClient();
  await client.resource(nodes).create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1' },
    spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24', 'fd00:10:244:1::/64'] },
    status: { addresses: [{ type: 'InternalIP', address: '10.99.0.1' }] },
  });
  const network = await startPodNetwork({
    client,
    nodeName: 'node-1',
    clusterName: 'cni',
    network: 'native',
    podCidrs: ['10.244.0.0/16', 'fd00:10:244::/56'],
    serviceCidrs: ['10.96.0.0/12'],
    uplink: 'eth0',
    stateDir: path.join(dir, 'network'),
    log,
  });
  while (!network.ready()) await sleep(2);
  await serveCni({ socket: path.join(dir, 'cni.sock'), network, log });
  process.stdout.write('ready\n');
}

const agentDir = process.env[AGENT];
if (agentDir !== undefined) await runAgent(agentDir);
else {
  const dir = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-cni-`));
  const plugin = path.join(dir, 'bin', 'portico');
  let agent: ChildProcess | undefined;

  const startAgent = async () => {
    const child = spawnIn(NODE, process.execPath, [import.meta.filename], {
      env: { ...process.env, [AGENT]: dir, NODE_TEST_CONTEXT: undefined },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    agent = child;
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`the agent ended with ${code}`)));
    });
  };
  const killAgent = async () => {
    const child = agent;
    agent = undefined;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };

  interface Answer {
    code: number | null;
    result: Record<string, unknown> & { ips?: { address: string }[] };
  }
  interface CallOptions {
    netns?: string;
    config?: object;
    /** The runtime, or whoever killed it, kills the plugin too. */
    killAfterMs?: number;
  }
  const call = async (command: string, id: string, more: CallOptions = {}): Promise<Answer> => {
    const child = spawn(plugin, [], {
      env: {
        PATH: process.env['PATH'],
        CNI_COMMAND: command,
        CNI_CONTAINERID: id,
        CNI_NETNS: more.netns ?? `/run/netns/${NODE}-${id}`,
        CNI_IFNAME: 'eth0',
        CNI_ARGS: 'K8S_POD_NAMESPACE=default;K8S_POD_NAME=web',
      },
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    const kill = () => process.kill(-(child.pid ?? 0), 'SIGKILL');
    const timer = more.killAfterMs === undefined ? undefined : setTimeout(kill, more.killAfterMs);
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify({ cniVersion: '1.1.0', name: 'net', type: 'portico', ...more.config }));
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    clearTimeout(timer);
    return { code, result: text === '' ? {} : (JSON.parse(text) as Answer['result']) };
  };
  const withNetns = async (id: string, body: (netns: string) => Promise<void>) => {
    createNetns(`${NODE}-${id}`);
    try {
      await body(`${NODE}-${id}`);
    } finally {
      deleteNetns(`${NODE}-${id}`);
    }
  };
  const recorded = () =>
    (JSON.parse(readFileSync(path.join(dir, 'network/attachments.json'), 'utf8')) as { attachments: { uid: string }[] })
      .attachments;
  const podLinks = () => {
    const rtnl = openRtnl(NODE);
    try {
      return rtnl.links().filter((l) => l.name.startsWith('lxc'));
    } finally {
      rtnl.close();
    }
  };
  const until = async (what: string, check: () => boolean) => {
    const end = performance.now() + 10_000;
    while (!check()) {
      if (performance.now() > end) assert.fail(`not within 10 s: ${what}`);
      await sleep(10);
    }
  };
  const assertNothingLeft = () => {
    assert.deepEqual(recorded(), []);
    assert.deepEqual(podLinks(), []);
    const rtnl = openRtnl(NODE);
    const routes = rtnl.routes({ protocol: 99 }).filter((r) => /\/(32|128)$/.test(r.destination));
    rtnl.close();
    assert.deepEqual(routes, []);
  };

  before(async () => {
    createNetns(NODE);
    const rtnl = openRtnl(NODE);
    rtnl.addLink({ kind: 'bridge', name: 'eth0', up: true });
    rtnl.addAddress('eth0', '10.99.0.1/24');
    rtnl.close();
    installCni({
      binDir: path.join(dir, 'bin'),
      confDir: path.join(dir, 'net.d'),
      socket: path.join(dir, 'cni.sock'),
      network: 'net',
    });
    await startAgent();
  });
  after(async () => {
    await killAgent();
    deleteNetns(NODE);
    rmSync(dir, { recursive: true, force: true });
  });

  for (const cniVersion of ['0.3.1', '0.4.0', '1.0.0', '1.1.0']) {
    test(`ADD, CHECK and DEL, each twice, with version ${cniVersion}`, async () => {
      await withNetns('one', async (netns) => {
        const config = { cniVersion };
        const add = await call('ADD', 'one', { config });
        assert.equal(add.code, 0, JSON.stringify(add.result));
        assert.equal(add.result['cniVersion'], cniVersion);
        assert.deepEqual(await call('ADD', 'one', { config }), add, 'a repeated ADD changes nothing');
        const inside = openRtnl(netns);
        const addresses = inside.addresses({ device: 'eth0' }).map((a) => a.address);
        inside.close();
        for (const { address } of add.result.ips ?? []) assert.ok(addresses.includes(address), addresses.join());
        assert.equal(podLinks()[0]?.alias, 'portico default/web');
        if (cniVersion >= '0.4.0') {
          const checked = await call('CHECK', 'one', { config: { cniVersion, prevResult: add.result } });
          assert.deepEqual(checked, { code: 0, result: {} });
        }
        for (let i = 0; i < 2; i++) assert.deepEqual(await call('DEL', 'one', { config }), { code: 0, result: {} });
        assert.ok(netnsExists(netns), 'the namespace is the runtime’s');
      });
      assertNothingLeft();
    });
  }

  test('CHECK finds what is missing; a repeated ADD mends it', async () => {
    await withNetns('two', async (netns) => {
      const add = await call('ADD', 'two');
      const checked = () => call('CHECK', 'two', { config: { prevResult: add.result } });
      const inside = openRtnl(netns);
      inside.deleteAddress('eth0', add.result.ips?.[0]?.address ?? '');
      inside.close();
      const found = await checked();
      assert.deepEqual([found.code, found.result['code']], [1, 100]);
      assert.match(JSON.stringify(found.result), /lacks the address 10\.244\.1\./);
      assert.deepEqual(await call('ADD', 'two'), add);
      assert.equal((await checked()).code, 0);
      const wrong = await call('CHECK', 'two', { config: { prevResult: { ips: [{ address: '10.244.1.99/32' }] } } });
      assert.match(String(wrong.result['msg']), /prevResult lacks the address/);
      assert.equal((await call('CHECK', 'nobody')).result['code'], 3);
      assert.equal((await call('CHECK', 'nobody', { netns: `/run/netns/${netns}` })).result['code'], 3);
      await call('DEL', 'two');
    });
    assertNothingLeft();
  });

  test('a device of that name is not ours to take, and the address goes back', async () => {
    await withNetns('three', async (netns) => {
      const inside = openRtnl(netns);
      inside.addLink({ kind: 'bridge', name: 'eth0' });
      inside.close();
      const add = await call('ADD', 'three');
      assert.equal(add.code, 1);
      assert.match(String(add.result['msg']), /has a device eth0 already/);
    });
    assertNothingLeft();
  });

  test('a namespace that vanished without DEL gives its addresses back; GC takes the rest', async () => {
    await withNetns('four', async () => {
      assert.equal((await call('ADD', 'four')).code, 0);
    });
    await until('the addresses are free', () => recorded().length === 0);
    assertNothingLeft();
    await withNetns('five', async () => {
      await withNetns('six', async () => {
        for (const id of ['five', 'six']) assert.equal((await call('ADD', id)).code, 0);
        const config = { 'cni.dev/valid-attachments': [{ containerID: 'six', ifname: 'eth0' }] };
        assert.equal((await call('GC', '', { config })).code, 0);
        assert.deepEqual(
          recorded().map((a) => a.uid),
          ['cni/net/six/eth0'],
        );
        assert.equal((await call('DEL', 'six', { netns: '' })).code, 0);
      });
    });
    assertNothingLeft();
  });

  test('an agent killed at any moment leaks nothing: the runtime’s DEL cleans up after it', async () => {
    const ids = Array.from({ length: 4 }, (_, i) => `k${i}`);
    for (const id of ids) createNetns(`${NODE}-${id}`);
    try {
      for (const round of [0, 1, 2]) {
        const adds = ids.map((id) => call('ADD', id));
        // Kills fall into different moments of the four calls, of which one is worked on at a time.
        await sleep(20 + round * 15);
        await killAgent();
        const answers = await Promise.all(adds);
        await startAgent();
        const again = await Promise.all(ids.map((id) => call('ADD', id)));
        const given = again.map((a) => a.result.ips?.[0]?.address);
        assert.equal(new Set(given).size, ids.length, `no address twice: ${given.join()}`);
        answers.forEach((a, i) => {
          if (a.code === 0) assert.equal(a.result.ips?.[0]?.address, given[i], 'what was promised holds');
          else assert.equal(a.result['code'], 11);
        });
        for (const id of ids) assert.equal((await call('DEL', id)).code, 0);
        assertNothingLeft();
      }
    } finally {
      for (const id of ids) deleteNetns(`${NODE}-${id}`);
    }
  });

  test('a plugin killed at any moment leaks nothing: ADD again is answered, DEL cleans up', async () => {
    await withNetns('p0', async () => {
      for (const killAfterMs of [1, 4, 8, 16, 32]) {
        await call('ADD', 'p0', { killAfterMs });
        const again = await call('ADD', 'p0');
        assert.equal(again.code, 0, JSON.stringify(again.result));
        await call('DEL', 'p0', { killAfterMs });
        assert.equal((await call('DEL', 'p0')).code, 0);
        assertNothingLeft();
        // What the killed ones asked for must not come to pass afterwards.
        await call('ADD', 'p0', { killAfterMs });
        assert.equal((await call('DEL', 'p0')).code, 0);
        assertNothingLeft();
      }
    });
  });

  test('STATUS: the agent is there and can add', async () => {
    assert.equal((await call('STATUS', '')).code, 0);
  });

  test('podman of Debian runs a container on it, with a published port', async () => {
    const root = path.join(dir, 'rootfs');
    for (const name of ['bin', 'dev', 'etc', 'proc', 'run', 'sys', 'tmp'])
      mkdirSync(path.join(root, name), { recursive: true });
    copyFileSync('/bin/busybox', path.join(root, 'bin/busybox'));
    for (const name of ['sh', 'ip', 'nc', 'sleep']) symlinkSync('busybox', path.join(root, 'bin', name));
    writeFileSync(
      path.join(dir, 'containers.conf'),
      [
        '[engine]',
        'cgroup_manager = "cgroupfs"',
        'events_logger = "none"',
        'runtime = "runc"',
        '[network]',
        'network_backend = "cni"',
        `network_config_dir = "${dir}/net.d"`,
        `cni_plugin_dirs = ["${dir}/bin"]`,
      ].join('\n'),
    );
    const cgroup = NODE;
    // The limits are those the test machine can set; where the limits may be raised they do no harm.
    const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
    const podman = (...args: string[]) =>
      spawnSync(
        'podman',
        ['--root', `${dir}/podman`, '--runroot', `${dir}/podman-run`, '--storage-driver', 'vfs', ...args],
        {
          env: { ...process.env, CONTAINERS_CONF: `${dir}/containers.conf`, XDG_RUNTIME_DIR: dir },
          encoding: 'utf8',
          timeout: 60_000,
        },
      );
    try {
      const where = ['--name', 'web', '--network', 'net', '-p', '8088:80', '--cgroup-parent', cgroup, ...limits];
      const loop = 'while :; do echo hello from podman | nc -l -p 80; done';
      const run = podman('run', '-d', ...where, '--rootfs', root, '/bin/sh', '-c', loop);
      assert.equal(run.status, 0, run.stderr);
      const [attachment] = recorded() as unknown as { ips: string[] }[];
      const ask = (at: string, port: string) => {
        const { stdout } = spawnSync('ip', ['netns', 'exec', NODE, 'nc', '-N', '-w', '3', at, port], {
          encoding: 'utf8',
          input: '',
        });
        return stdout;
      };
      await until('the container answers', () => ask(attachment?.ips[0] ?? '', '80') === 'hello from podman\n');
      await until('the published port answers', () => ask('10.99.0.1', '8088') === 'hello from podman\n');
      const shown = podman('exec', 'web', 'ip', '-4', 'addr', 'show', 'eth0');
      assert.match(shown.stdout, new RegExp(`inet ${attachment?.ips[0]}/32`));
      const removed = podman('rm', '-f', '-t', '0', 'web');
      assert.equal(removed.status, 0, removed.stderr);
      assertNothingLeft();
    } finally {
      podman('rm', '-f', '-t', '0', '--all');
      if (existsSync('/sys/fs/cgroup/cgroup.controllers')) spawnSync('rmdir', [`/sys/fs/cgroup/${cgroup}`]);
      else spawnSync('sh', ['-c', `find /sys/fs/cgroup/*/${cgroup} -depth -type d -exec rmdir {} +`]);
    }
  });
}
