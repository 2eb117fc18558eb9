// Queries a second on one core, latency at a fixed load, memory, and the time from a change to its answer. The server
// runs on one core, dnsperf on the other; next to it, in the same run, a bare UDP echo of the same runtime, and any other
// server given with `--peer 'COMMAND'` that answers on 127.0.0.1 port 5300.
import { fork, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryDns } from '../../src/dns/index.ts';
import { formatRdata } from '../../src/dnswire/index.ts';
import { quantile, report } from '../report.ts';
import { namespaceOf, serviceName } from './synthetic-client.ts';

const SERVICES = 10_000;
const ENDPOINTS_EACH = 10;
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 5);
const peerAt = process.argv.indexOf('--peer');
const peer = peerAt < 0 ? undefined : process.argv[peerAt + 1];
for (const [tool, from] of [
  ['dnsperf', 'dnsperf'],
  ['taskset', 'util-linux'],
] as const)
  if (spawnSync(tool, ['-h'], { stdio: 'ignore' }).error !== undefined) {
    console.error(`dns bench: ${tool} is not installed; run sh tools/setup.sh --bench, or install package ${from}`);
    process.exit(1);
  }
const folder = mkdtempSync(path.join(tmpdir(), 'portico-bench-dns-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** User and system time of a process, seconds. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const rssMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
  readonly syncedMs: number;
}

async function start(mode: string): Promise<Running> {
  // A small young generation halves the memory of a server whose queries leave little garbage.
  const execArgv = ['--max-semi-space-size=2'];
  const script = path.join(import.meta.dirname, 'server-process.ts');
  const child = fork(script, [mode, String(SERVICES), String(ENDPOINTS_EACH)], {
    execArgv,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [{ port, syncedMs }] = (await once(child, 'message')) as [{ port: number; syncedMs: number }];
  const pid = child.pid ?? 0;
  spawnSync('taskset', ['-apc', '0', String(pid)]);
  return { child, pid, port, syncedMs };
}

async function stop(running: Running): Promise<void> {
  const ended = once(running.child, 'exit');
  running.child.kill();
  await ended;
}

/** One run of dnsperf on the second core. */
async function load(port: number, file: string, pid: number, extra: string[] = []) {
  const args = ['-c', '1', 'dnsperf', '-s', '127.0.0.1', '-p', String(port), '-d', file, '-l', String(SECONDS)];
  const before = cpuSeconds(pid);
  const child = spawn('taskset', [...args, '-T', '1', '-c', '10', '-q', '200', ...extra]);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  const cpu = cpuSeconds(pid) - before;
  const figure = (pattern: RegExp) => {
    const found = pattern.exec(text)?.[1];
    if (found === undefined || code !== 0)
      throw new Error(`dnsperf ended with ${code ?? 'a signal'} and without ${pattern.source}:\n${text.slice(-2000)}`);
    return Number(found);
  };
  const qps = figure(/Queries per second:\s+([\d.]+)/);
  const latencyUs = figure(/Average Latency \(s\):\s+([\d.]+)/) * 1e6;
  return {
    qps,
    qpsPerCore: (qps * SECONDS) / cpu,
    cpuShare: cpu / SECONDS,
    latencyUs,
    lost: figure(/Queries lost:\s+(\d+)/),
  };
}

const queries = path.join(folder, 'queries');
const denials = path.join(folder, 'denials');
const order = Array.from({ length: SERVICES }, (_, i) => (i * 7919) % SERVICES);
writeFileSync(queries, order.map((i) => `${serviceName(i)}.${namespaceOf(i)}.svc.cluster.local A`).join('\n'));
writeFileSync(denials, order.map((i) => `www.example-${i}.org.${namespaceOf(i)}.svc.cluster.local A`).join('\n'));

async function latencyOfChanges(running: Running): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const index = (i * 10) % SERVICES;
    const address = `12.0.${i >> 8}.${i & 255}`;
    const name = `${serviceName(index)}.${namespaceOf(index)}.svc.cluster.local`;
    const started = performance.now();
    running.child.send({ change: [index, address] });
    for (;;) {
      const { message } = await queryDns({ server: '127.0.0.1', port: running.port, name, edns: null });
      if (message.answers.some((a) => formatRdata(a.type, a.rdata) === address)) break;
      if (performance.now() - started > 5000) throw new Error(`${name} did not change`);
    }
    times.push(performance.now() - started);
  }
  return times;
}

const echo = await start('echo');
await load(echo.port, queries, echo.pid, ['-l', '1']);
const echoFigures = await load(echo.port, queries, echo.pid);
report({ bench: 'dns/udp-echo', ...echoFigures });
await stop(echo);

const running = await start('dns');
report({
  bench: 'dns/sync',
  services: SERVICES,
  endpoints: SERVICES * ENDPOINTS_EACH,
  ms: running.syncedMs,
  rssMb: rssMb(running.pid),
});
await load(running.port, queries, running.pid, ['-n', '3', '-l', '20']);
const names = await load(running.port, queries, running.pid);
report({ bench: 'dns/cluster-names', services: SERVICES, ...names, toEcho: names.qpsPerCore / echoFigures.qpsPerCore });
const nx = await load(running.port, denials, running.pid);
report({ bench: 'dns/nxdomain', ...nx, toEcho: nx.qpsPerCore / echoFigures.qpsPerCore });
const fixed = await load(running.port, queries, running.pid, ['-Q', '20000']);
report({ bench: 'dns/latency-at-20000', ...fixed });
const changes = await latencyOfChanges(running);
report({ bench: 'dns/change-to-answer', medianMs: quantile(changes, 0.5), p99Ms: quantile(changes, 0.99) });
const before = rssMb(running.pid);
for (let i = 0; i < 3; i++) {
  running.child.send({ relist: true });
  await sleep(2000);
}
report({ bench: 'dns/memory', rssMb: before, afterThreeRelistsMb: rssMb(running.pid) });
await stop(running);

const single = await start('dns-single');
await load(single.port, queries, single.pid, ['-n', '3', '-l', '20']);
const alone = await load(single.port, queries, single.pid);
report({ bench: 'dns/cluster-names-no-batch', ...alone, toEcho: alone.qpsPerCore / echoFigures.qpsPerCore });
report({ bench: 'dns/latency-at-20000-no-batch', ...(await load(single.port, queries, single.pid, ['-Q', '20000'])) });
await stop(single);

if (peer !== undefined) {
  const [command = '', ...args] = peer.split(' ');
  const child = spawn('taskset', ['-c', '0', command, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  await sleep(2000);
  if (child.exitCode !== null) throw new Error(`the peer ended with ${child.exitCode}: ${peer}`);
  const figures = await load(5300, queries, child.pid ?? 0);
  report({ bench: 'dns/peer', ...figures, ratio: names.qpsPerCore / figures.qpsPerCore });
  child.kill();
}
