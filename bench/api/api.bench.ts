// The API server over TLS on loopback, durable: start, weight, writes by many clients, long lists, many watchers.
// Client and server share this machine's cores.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type ClientHttp2Session } from 'node:http2';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCa, generateServiceAccountKey, issueCert } from '../../src/pki/index.ts';
import { median, quantile, report } from '../report.ts';

const CLIENTS = 32;
const SERVICES = 10_000;
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
const IDLE_SECONDS = 20;
/** A new server makes its first objects, and its engine settles, before it is at rest. */
const SETTLE_SECONDS = 15;

const folder = mkdtempSync(path.join(tmpdir(), 'portico-bench-api-'));
const ca = createCa('bench');
const own = issueCert(ca, { cn: 'kube-apiserver', ips: ['127.0.0.1'], usages: ['server'] });
const admin = issueCert(ca, { cn: 'admin', orgs: ['system:masters'], usages: ['client'] });
mkdirSync(folder, { recursive: true });
const files = {
  'ca.crt': ca.certPem,
  'server.crt': own.certPem,
  'server.key': own.keyPem,
  'sa.key': generateServiceAccountKey().privateKeyPem,
};
for (const [file, text] of Object.entries(files)) writeFileSync(path.join(folder, file), text, { mode: 0o600 });

interface Running {
  readonly port: number;
  readonly pid: number;
  readonly readySeconds: number;
  stop(): Promise<void>;
}

async function start(): Promise<Running> {
  const began = performance.now();
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'server-process.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: path.join(folder, 'compiled') },
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    port: Number(line.toString()),
    pid: child.pid ?? 0,
    readySeconds: (performance.now() - began) / 1000,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Resident memory in MB, the part of it that is this process' own share, and CPU seconds used. */
function weight(pid: number): { megabytes: number; pssMegabytes: number; cpuSeconds: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const megabytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]) / 1024;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return {
    megabytes: megabytes('Rss'),
    pssMegabytes: megabytes('Pss'),
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
  };
}

/** What the process weighs, and the share of a core that it takes, while nothing happens. */
async function rest(pid: number): Promise<{ megabytes: number; pssMegabytes: number; cpuPercent: number }> {
  const before = weight(pid);
  await sleep(IDLE_SECONDS * 1000);
  const { cpuSeconds, ...memory } = weight(pid);
  return { ...memory, cpuPercent: ((cpuSeconds - before.cpuSeconds) / IDLE_SECONDS) * 100 };
}

/** The product's own `portico server`: API server, controllers and scheduler in one process. */
async function wholeServerAtRest(): ReturnType<typeof rest> {
  const state = path.join(folder, 'server');
  const portico = path.join(import.meta.dirname, '..', '..', 'bin', 'portico');
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  const flags = ['--state-dir', state, '--listen', `127.0.0.1:${port}`, '--advertise-address', '192.0.2.1'];
  const child = spawn(portico, ['server', ...flags], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  try {
    while (!existsSync(path.join(state, 'admin.kubeconfig'))) await sleep(100);
    await sleep(SETTLE_SECONDS * 1000);
    return await rest(child.pid ?? 0);
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

const open = (port: number) =>
  connect(`https://127.0.0.1:${port}`, { ca: ca.certPem, cert: admin.certPem, key: admin.keyPem });

async function call(
  session: ClientHttp2Session,
  method: string,
  target: string,
  body?: object,
  accept = 'application/json',
): Promise<number> {
  const stream = session.request({ ':method': method, ':path': target, accept, 'content-type': 'application/json' });
  stream.end(body === undefined ? undefined : JSON.stringify(body));
  const [headers] = (await once(stream, 'response')) as [{ ':status'?: number }];
  let bytes = 0;
  for await (const chunk of stream) bytes += (chunk as Buffer).length;
  const status = headers[':status'] ?? 0;
  if (status >= 300) throw new Error(`${method} ${target}: ${status}`);
  return bytes;
}

const seconds = async (run: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await run();
  return (performance.now() - began) / 1000;
};

async function watchers(
  port: number,
  count: number,
): Promise<{ each: (run: () => Promise<unknown>) => Promise<number[]>; close(): void }> {
  const sessions: ClientHttp2Session[] = [];
  let arrived: number[] = [];
  let complete = () => {};
  for (let i = 0; i < count; i++) {
    // As many streams a connection as one client would have.
    const session = i % 10 === 0 ? open(port) : (sessions.at(-1) ?? open(port));
    if (i % 10 === 0) sessions.push(session);
    const stream = session.request({ ':path': '/api/v1/configmaps?watch=true&resourceVersion=' });
    stream.on('data', () => {
      arrived.push(performance.now());
      if (arrived.length === count) complete();
    });
    stream.on('error', () => undefined);
    await once(stream, 'response');
  }
  await sleep(500);
  return {
    async each(run) {
      arrived = [];
      const all = new Promise<void>((resolve) => (complete = resolve));
      const began = performance.now();
      await run();
      await all;
      return arrived.map((at) => at - began);
    },
    close: () => sessions.forEach((s) => s.destroy()),
  };
}

try {
  // The first start compiles; what is measured is the second, on the same store.
  await (await start()).stop();
  const server = await start();
  report({ bench: 'api/ready', seconds: server.readySeconds });
  await sleep(3000);
  report({ bench: 'api/idle', ...(await rest(server.pid)) });
  report({ bench: 'api/idle-with-controllers', ...(await wholeServerAtRest()) });

  const sessions = Array.from({ length: CLIENTS }, () => open(server.port));
  let next = 0;
  const at = '/api/v1/namespaces/default/services';
  const cpuBefore = weight(server.pid).cpuSeconds;
  const creating = await seconds(() =>
    Promise.all(
      sessions.map(async (session) => {
        while (next < SERVICES) {
          const spec = { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] };
          await call(session, 'POST', at, { metadata: { name: `service-${next++}` }, spec });
        }
      }),
    ),
  );
  const cpuMsEach = ((weight(server.pid).cpuSeconds - cpuBefore) / SERVICES) * 1000;
  report({
    bench: 'api/creates',
    clients: CLIENTS,
    services: SERVICES,
    perSecond: SERVICES / creating,
    serverCpuMsEach: cpuMsEach,
  });

  const [session = open(server.port)] = sessions;
  for (const [form, accept] of [
    ['json', 'application/json'],
    ['table', TABLE],
  ] as const) {
    const taken: number[] = [];
    let bytes = 0;
    for (let i = 0; i < 5; i++)
      taken.push(
        await seconds(async () => (bytes = await call(session, 'GET', '/api/v1/services', undefined, accept))),
      );
    report({ bench: `api/list/${form}`, services: SERVICES, megabytes: bytes / 1e6, seconds: median(taken) });
  }

  for (const count of [100, 1000]) {
    const watching = await watchers(server.port, count);
    const delays: number[] = [];
    for (let i = 0; i < 20; i++) {
      const write = () =>
        call(session, 'POST', '/api/v1/namespaces/default/configmaps', { metadata: { generateName: 'w-' } });
      delays.push(...(await watching.each(write)));
    }
    report({ bench: 'api/watch', watchers: count, medianMs: median(delays), p99Ms: quantile(delays, 0.99) });
    watching.close();
  }
  report({ bench: 'api/weight', services: SERVICES, megabytes: weight(server.pid).megabytes });
  for (const s of sessions) s.destroy();
  await server.stop();
  const again = await start();
  report({ bench: 'api/ready', services: SERVICES, seconds: again.readySeconds });
  await again.stop();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
