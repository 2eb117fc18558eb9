// Reading calls, writing answers, installing; and the shell client against an agent with a network in memory.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { silentLogger } from '../log/index.ts';
import { CniError } from './cni-error.ts';
import type { CniNetwork } from './contract.ts';
import { conflist, installCni, uninstallCni } from './install.ts';
import { parseRequest, SUPPORTED_VERSIONS } from './request.ts';
import { addResult } from './result.ts';
import { serveCni } from './serve-cni.ts';

const dir = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-cni-`));
after(() => rmSync(dir, { recursive: true, force: true }));

const call = (
  env: Record<string, string>,
  config: object | string = { cniVersion: '1.0.0', name: 'net', type: 'portico' },
) =>
  `${Object.entries(env)
    .map(([k, v]) => `${k}=${v}`)
    .join('\n')}\n\n${typeof config === 'string' ? config : JSON.stringify(config)}`;

const ADD = { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'abc', CNI_NETNS: '/run/netns/x', CNI_IFNAME: 'eth0' };
const config = (more: object = {}) => ({ cniVersion: '1.0.0', name: 'net', type: 'portico', ...more });

test('a call is read: arguments, port mappings, the earlier result', () => {
  const r = parseRequest(
    call(
      { ...ADD, CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web=1' },
      config({
        runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'udp', hostIP: '0.0.0.0' }] },
        prevResult: { ips: [{ address: '10.0.0.5/32' }, { address: 'fd00::5/128' }] },
        capabilities: { portMappings: true },
      }),
    ),
  );
  assert.equal(r.command, 'ADD');
  assert.equal(r.args.get('K8S_POD_NAME'), 'web=1');
  assert.deepEqual(r.config.hostPorts, [{ protocol: 'UDP', hostPort: 8080, containerPort: 80, hostIp: '' }]);
  assert.deepEqual(r.config.previousIps, ['10.0.0.5', 'fd00::5']);
  assert.equal(r.config.validAttachments, undefined);
});

test('what is wrong with a call has the code of the specification', () => {
  const cases: [text: string, code: number, message: RegExp][] = [
    [call({ ...ADD, CNI_COMMAND: 'PUT' }), 4, /CNI_COMMAND "PUT"/],
    [call({ ...ADD, CNI_CONTAINERID: '' }), 4, /CNI_CONTAINERID/],
    [call({ ...ADD, CNI_CONTAINERID: '../../x' }), 4, /CNI_CONTAINERID/],
    [call({ ...ADD, CNI_IFNAME: 'a/b' }), 4, /CNI_IFNAME/],
    [call({ ...ADD, CNI_IFNAME: 'longer-than-fifteen' }), 4, /CNI_IFNAME/],
    [call({ ...ADD, CNI_NETNS: '' }), 4, /CNI_NETNS/],
    [call(ADD, '{'), 6, /not JSON/],
    [call(ADD, '3'), 6, /not a JSON object/],
    [call(ADD, config({ cniVersion: '2.0.0' })), 1, /2\.0\.0/],
    [call(ADD, { name: 'net', type: 'portico' }), 1, /0\.1\.0/],
    [call(ADD, config({ name: '' })), 7, /name/],
    [call(ADD, config({ runtimeConfig: { portMappings: [{ hostPort: 0, containerPort: 80 }] } })), 7, /portMappings/],
    [call({ ...ADD, CNI_COMMAND: 'CHECK' }, config({ cniVersion: '0.3.1' })), 1, /CHECK came with version 0\.4\.0/],
    [call({ CNI_COMMAND: 'GC' }), 1, /GC came with version 1\.1\.0/],
    ['', 4, /CNI_COMMAND/],
  ];
  for (const [text, code, message] of cases) {
    assert.throws(
      () => parseRequest(text),
      (e) => e instanceof CniError && e.code === code && message.test(e.message),
      text,
    );
  }
  // DEL comes without a namespace when the container is long gone.
  assert.equal(parseRequest(call({ ...ADD, CNI_COMMAND: 'DEL', CNI_NETNS: '' })).netns, '');
});

test('the result has the form of its version', () => {
  const attached = {
    ips: ['10.244.1.5', 'fd00::5'],
    hostLink: 'lxc1',
    hostMac: 'ee:ee:ee:ee:ee:ee',
    podMac: '0a:58:00:00:00:01',
    mtu: 1450,
    gateways: ['169.254.1.1', 'fe80::1'],
  };
  const of = (cniVersion: string) => addResult({ cniVersion, netns: '/run/netns/x', ifname: 'eth0', attached });
  assert.deepEqual(of('1.1.0'), {
    cniVersion: '1.1.0',
    interfaces: [
      { name: 'lxc1', mac: 'ee:ee:ee:ee:ee:ee', mtu: 1450 },
      { name: 'eth0', mac: '0a:58:00:00:00:01', sandbox: '/run/netns/x', mtu: 1450 },
    ],
    ips: [
      { interface: 1, address: '10.244.1.5/32', gateway: '169.254.1.1' },
      { interface: 1, address: 'fd00::5/128', gateway: 'fe80::1' },
    ],
    routes: [
      { dst: '0.0.0.0/0', gw: '169.254.1.1' },
      { dst: '::/0', gw: 'fe80::1' },
    ],
    dns: {},
  });
  for (const version of ['0.3.0', '0.3.1', '0.4.0']) {
    const { ips, interfaces } = of(version) as { ips: { version?: string }[]; interfaces: object[] };
    assert.deepEqual(
      ips.map((ip) => ip.version),
      ['4', '6'],
    );
    assert.ok(interfaces.every((i) => !('mtu' in i)));
  }
});

test('install writes the plugin and the network, again is the same, uninstall removes what is ours', () => {
  const places = { binDir: path.join(dir, 'bin'), confDir: path.join(dir, 'net.d') };
  const socket = path.join(dir, "it's.sock");
  const first = installCni({ ...places, socket, network: 'blue' });
  assert.deepEqual(first, [
    path.join(places.binDir, 'portico'),
    path.join(places.binDir, 'loopback'),
    path.join(places.confDir, '10-blue.conflist'),
  ]);
  assert.deepEqual(installCni({ ...places, socket, network: 'blue' }), first);
  assert.equal(statSync(path.join(places.binDir, 'portico')).mode & 0o777, 0o755);
  assert.deepEqual((JSON.parse(conflist('blue')) as { cniVersions: string[] }).cniVersions, SUPPORTED_VERSIONS);
  writeFileSync(path.join(places.confDir, '20-other.conflist'), '{"plugins":[{"type":"bridge"}]}');
  assert.deepEqual(uninstallCni(places).toSorted(), [...first].toSorted());
  assert.ok(existsSync(path.join(places.confDir, '20-other.conflist')));
  assert.deepEqual(uninstallCni(places), []);
});

test('plugins of others are not touched', () => {
  const places = { binDir: path.join(dir, 'bin2'), confDir: path.join(dir, 'net2.d') };
  mkdirSync(places.binDir);
  writeFileSync(path.join(places.binDir, 'loopback'), 'theirs');
  const files = installCni({ ...places, socket: '/x', network: 'blue' });
  assert.ok(!files.includes(path.join(places.binDir, 'loopback')));
  uninstallCni(places);
  assert.equal(readFileSync(path.join(places.binDir, 'loopback'), 'utf8'), 'theirs');
  writeFileSync(path.join(places.binDir, 'portico'), 'theirs');
  assert.throws(() => installCni({ ...places, socket: '/x', network: 'blue' }), /not ours/);
  assert.throws(() => installCni({ ...places, socket: '/x', network: '../x' }), /--network-name/);
});

/** Runs the installed plugin as a runtime does. */
async function runPlugin(plugin: string, env: Record<string, string>, input: string) {
  const child = spawn(plugin, [], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(input);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const text = Buffer.concat(chunks).toString();
  return { code, result: text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>) };
}

test('the client: result and exit code; the agent’s errors; an agent that is not there', async () => {
  const places = { binDir: path.join(dir, 'bin3'), confDir: path.join(dir, 'net3.d') };
  const socket = path.join(dir, "o'dd name", 'cni.sock');
  installCni({ ...places, socket, network: 'net' });
  const plugin = path.join(places.binDir, 'portico');
  const text = JSON.stringify(config());
  const gone = await runPlugin(plugin, ADD, text);
  assert.equal(gone.code, 1);
  assert.equal(gone.result?.['code'], 11);
  assert.match(String(gone.result?.['details']), /curl/);
  const version = { CNI_COMMAND: 'VERSION', CNI_NETNS: 'dummy', CNI_IFNAME: 'dummy' };
  const static1 = await runPlugin(plugin, version, '{"cniVersion":"1.0.0"}');
  assert.equal(static1.code, 0);

  const seen: string[] = [];
  let isReady = true;
  const network: CniNetwork = {
    ready: () => isReady,
    problem: () => (isReady ? undefined : 'node n has no pod CIDR yet'),
    attach: () => Promise.reject(new Error('no address is left')),
    check: () => [],
    detach: (uid) => Promise.resolve(void seen.push(uid)),
    attachments: () =>
      new Map(['cni/net/a/eth0', 'cni/net/b/eth0', 'cni/other/a/eth0', 'pod-uid'].map((k) => [k, { ips: [] }])),
  };
  const server = await serveCni({ socket, network, log: silentLogger });
  try {
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    await assert.rejects(serveCni({ socket, network, log: silentLogger }), /another agent answers/);
    const versions = await runPlugin(plugin, version, '{"cniVersion":"1.0.0"}');
    assert.deepEqual([versions.code, versions.result], [0, static1.result]);
    const del = await runPlugin(plugin, { ...ADD, CNI_COMMAND: 'DEL', CNI_NETNS: '' }, text);
    assert.deepEqual([del.code, del.result, seen], [0, undefined, ['cni/net/abc/eth0']]);
    const bad = await runPlugin(plugin, ADD, '{"cniVersion":"0.3.1"');
    assert.deepEqual([bad.code, bad.result?.['code']], [1, 6]);
    const unknown = await runPlugin(plugin, { ...ADD, CNI_NETNS: '/nowhere' }, text);
    assert.deepEqual([unknown.code, unknown.result?.['code']], [1, 4]);

    const modern = { cniVersion: '1.1.0', name: 'net', type: 'portico' };
    const gc = { ...modern, 'cni.dev/valid-attachments': [{ containerID: 'b', ifname: 'eth0' }] };
    seen.length = 0;
    assert.equal((await runPlugin(plugin, { CNI_COMMAND: 'GC' }, JSON.stringify(gc))).code, 0);
    assert.deepEqual(seen, ['cni/net/a/eth0']);
    const noList = await runPlugin(plugin, { CNI_COMMAND: 'GC' }, JSON.stringify(modern));
    assert.deepEqual([noList.result?.['code'], seen.length], [7, 1], 'without a list nothing is removed');

    const status = () => runPlugin(plugin, { CNI_COMMAND: 'STATUS' }, JSON.stringify(modern));
    assert.deepEqual(await status(), { code: 0, result: undefined });
    isReady = false;
    const notReady = await status();
    assert.deepEqual([notReady.code, notReady.result?.['code'], notReady.result?.['cniVersion']], [1, 50, '1.1.0']);
    assert.match(String(notReady.result?.['msg']), /no pod CIDR/);
  } finally {
    await server.close();
  }
  const down = await runPlugin(
    plugin,
    { CNI_COMMAND: 'STATUS' },
    '{"cniVersion":"1.1.0","name":"net","type":"portico"}',
  );
  assert.equal(down.result?.['code'], 50);
});
