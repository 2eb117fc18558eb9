// `portico proxy` as a process in a namespace of its own; no API server answers.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { createNetns, deleteNetns, readSysctl, runCommand, spawnIn, writeSysctl } from '../linux/index.ts';

const NETNS = `test-${process.pid}-role`;
const MAIN = path.join(import.meta.dirname, '../cli/main.ts');
const dir = mkdtempSync(path.join(tmpdir(), 'proxy-role-'));
const file = (name: string) => path.join(dir, name);

before(() => {
  createNetns(NETNS);
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1', 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 't' } }],
  };
  writeFileSync(file('kubeconfig'), JSON.stringify(kubeconfig));
});
after(() => {
  deleteNetns(NETNS);
  rmSync(dir, { recursive: true });
});

const portico = (...args: string[]) =>
  runCommand(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, 'proxy', ...args], { netns: NETNS });

test('--write-config-to writes what file and flags give', async () => {
  writeFileSync(file('in.yaml'), 'mode: iptables\nclusterCIDR: 10.0.0.0/8\n');
  const args = ['--config', file('in.yaml'), '--proxy-mode', 'nftables', '--write-config-to', file('out.yaml')];
  const { status, stderr } = await portico(...args);
  assert.equal(status, 0, stderr);
  const text = readFileSync(file('out.yaml'), 'utf8');
  assert.match(text, /^kind: KubeProxyConfiguration$/m);
  assert.match(text, /^mode: nftables$/m);
  assert.match(text, /^clusterCIDR: 10\.0\.0\.0\/8$/m);
});

test('--init-only makes the kernel settings and ends', async () => {
  writeSysctl(NETNS, 'net.ipv4.conf.all.route_localnet', 0);
  const { status, stderr } = await portico('--init-only');
  assert.equal(status, 0, stderr);
  assert.equal(readSysctl(NETNS, 'net.ipv4.conf.all.route_localnet'), '1');
  assert.equal(readSysctl(NETNS, 'net.netfilter.nf_conntrack_tcp_timeout_close_wait'), '3600');
});

test('--cleanup removes the rules of both modes, and says when there are none', async () => {
  await runCommand('nft', ['add', 'table', 'ip', 'portico'], { netns: NETNS });
  await runCommand('iptables', ['-t', 'nat', '-N', 'KUBE-SERVICES'], { netns: NETNS });
  const first = await portico('--cleanup');
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stdout, /are removed/);
  assert.doesNotMatch((await runCommand('nft', ['list', 'ruleset'], { netns: NETNS })).stdout, /portico|KUBE-SERVICES/);
  assert.match((await portico('--cleanup')).stdout, /there were no proxy rules/);
});

test('a wrong configuration is one clear error', async () => {
  writeFileSync(file('bad.yaml'), 'mode: nftables\nclusterCidr: 10.0.0.0/8\n');
  const { status, stderr } = await portico('--config', file('bad.yaml'));
  assert.notEqual(status, 0);
  assert.match(stderr, /bad\.yaml: .*unknown field clusterCidr/);
});

test('a configuration file that changes ends the process, to be started anew', { timeout: 60_000 }, async () => {
  const config = 'mode: nftables\noomScoreAdj: 500\nhealthzBindAddress: ""\nmetricsBindAddress: ""\n';
  writeFileSync(file('config.yaml'), config);
  const args = ['--disable-warning=ExperimentalWarning', MAIN, 'proxy', '--config', file('config.yaml')];
  const child = spawnIn(NETNS, process.execPath, [...args, '--kubeconfig', file('kubeconfig')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  const running = Promise.withResolvers<void>();
  child.stderr?.on('data', (d: Buffer) => {
    log += d.toString();
    if (log.includes('programming the kernel')) running.resolve();
  });
  const ended = new Promise<number | null>((r) => child.on('exit', r));
  await Promise.race([running.promise, ended]);
  assert.equal(readFileSync(`/proc/${child.pid}/oom_score_adj`, 'utf8').trim(), '500');
  writeFileSync(file('config.yaml'), `${config}clusterCIDR: 10.0.0.0/8\n`);
  assert.equal(await ended, 0, log);
  assert.match(log, /the configuration file changed/);
});
