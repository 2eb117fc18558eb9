// What a running trace costs others: connections a second from one pod through a Service, while a trace of another
// pod's connection on the same node is armed, over the mean of those just before and just after. The rate after over the
// rate before is the noise of the machine: no cost below it can be seen. One JSON line. ROUNDS=n for more of them.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { median, quantile, report } from '../report.ts';

const portico = path.join(import.meta.dirname, '..', '..', 'bin', 'portico');
const ROUNDS = Number(process.env['ROUNDS'] ?? 15);
const ROUND_MS = 1000;
const dir = mkdtempSync(path.join(tmpdir(), 'portico-bench-trace-'));
const flags = ['--name', `bench-${process.pid}`, '--state-dir', path.join(dir, 'state')];

function must(command: string, args: readonly string[], input?: string): string {
  const result = spawnSync(command, args, { encoding: 'utf8', ...(input === undefined ? {} : { input }) });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}
const kubectl = (args: readonly string[], input?: string) =>
  must('kubectl', ['--kubeconfig', path.join(dir, 'state', 'admin.kubeconfig'), ...args], input);

const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: portico/web }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: client }
spec: { nodeName: node-1, containers: [{ name: shell, image: portico/shell }] }
---
apiVersion: v1
kind: Pod
metadata: { name: traced }
spec: { nodeName: node-1, containers: [{ name: shell, image: portico/shell }] }
`;

/** Opens and closes connections one after the other and prints how many there were in a second. */
const LOAD = `
const net = require('node:net');
const [ip, ms] = process.argv.slice(1);
const end = performance.now() + Number(ms);
let n = 0;
const next = () => {
  if (performance.now() > end) return console.log(n / (Number(ms) / 1000));
  const socket = net.connect(80, ip, () => { n++; socket.resetAndDestroy(); });
  socket.on('error', () => undefined).on('close', next);
};
next();
`;

try {
  must(portico, ['up', ...flags, '--nodes', '2', '--api-port', '16443', '--proxy-mode', 'nftables']);
  kubectl(['apply', '-f', '-'], MANIFEST);
  kubectl(['wait', '--for=condition=Ready', 'pod', '--all', '--timeout=30s']);
  const ip = kubectl(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}']);
  const podIp = kubectl(['get', 'pod', 'client', '-o', 'jsonpath={.status.podIP}']);
  const netns = must('ip', ['netns', 'list'])
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name.startsWith(`${flags[1]}-pod-`))
    .find((name) => must('ip', ['-n', name, 'address']).includes(` ${podIp}/`));
  if (netns === undefined) throw new Error('the namespace of the client is not there');
  const perSecond = () =>
    Number(must('ip', ['netns', 'exec', netns, process.execPath, '-e', LOAD, ip, String(ROUND_MS)]));
  perSecond();
  // A connection to nobody: the trace is armed for as long as it waits, and does next to nothing itself.
  const armed = async (): Promise<() => Promise<unknown>> => {
    const args = ['trace', ...flags, '--json', 'traced', '10.96.255.250:9', '--timeout', '60'];
    const child = spawn(portico, args, { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const tables = () => must('ip', ['netns', 'exec', `${flags[1]}-node-1`, 'nft', 'list', 'tables']);
    while (!tables().includes('portico-trace')) await sleep(20);
    return () => {
      child.kill('SIGKILL');
      return ended;
    };
  };
  // Addresses that no Service has lead out of the node and are dropped there.
  must('ip', [
    'netns',
    'exec',
    `${flags[1]}-node-1`,
    'nft',
    'add table ip bench; add chain ip bench drops { type filter hook forward priority 0; }; add rule ip bench drops ip daddr 10.96.255.250 drop',
  ]);
  const ratios: number[] = [];
  const noise: number[] = [];
  const plain: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = perSecond();
    const disarm = await armed();
    const during = perSecond();
    await disarm();
    const after = perSecond();
    plain.push(before, after);
    ratios.push((2 * during) / (before + after));
    noise.push(after / before);
  }
  report({
    bench: 'trace',
    what: 'connections a second of others while a trace is armed, over those without',
    ratio_first_quartile: quantile(ratios, 0.25),
    ratio_median: median(ratios),
    ratio_third_quartile: quantile(ratios, 0.75),
    noise_first_quartile: quantile(noise, 0.25),
    noise_median: median(noise),
    noise_third_quartile: quantile(noise, 0.75),
    connections_per_second: median(plain),
    rounds: ROUNDS,
  });
} finally {
  spawnSync(portico, ['down', ...flags]);
  rmSync(dir, { recursive: true, force: true });
}
