// Our proxy and another one (`--peer PATH`, a kube-proxy binary) as processes, measured from outside by connecting:
// start → all rules in, and slice written → new endpoint answers. API server, proxy and clients of a run share a
// namespace of their own, in which every address is local.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { endpointSlices, namespaces, nodes, services } from '../../src/api/index.ts';
import { createClient, type Client } from '../../src/client/index.ts';
import { openRtnl, spawnIn } from '../../src/linux/index.ts';
import { createCa, generateServiceAccountKey, issueCert } from '../../src/pki/index.ts';
import { median, report } from '../report.ts';
import { benchService, benchSlice, inThrowawayNetns, serviceName } from './synthetic-cluster.ts';

const ENDPOINTS = 10;
/** Number of the first service: the first addresses are those of the cluster itself. */
const FIRST = 100;
const PATIENCE_MS = 600_000;
const NODE = 'bench-node';
const PORTS = [8080, 8081];
const CLI = path.join(import.meta.dirname, '../../src/cli/main.ts');
const SERVER = path.join(import.meta.dirname, '../api/server-process.ts');

const { values } = parseArgs({
  options: {
    peer: { type: 'string' },
    'peer-services': { type: 'string', default: '1000' },
    'peer-changes': { type: 'string', default: '9' },
    child: { type: 'string' },
  },
  strict: false,
});
const text = (v: string | boolean | undefined): string => (typeof v === 'string' ? v : '');
const count = Number(text(values['peer-services']));
const changes = Number(text(values['peer-changes']));

const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));

/** Of a pod, as it were: from outside the cluster's range connections would be masqueraded. */
const CLIENT = '10.128.0.1';

/** The port of the server that answered; undefined: nobody did. */
function ask(ip: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: ip, port: 80, localAddress: CLIENT, timeout: 1000 });
    const done = (answer: string | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('data', (d) => done(d.toString()));
    socket.on('error', () => done(undefined));
    socket.on('timeout', () => done(undefined));
  });
}

async function answers(ip: string, port: number): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while ((await ask(ip)) !== String(port)) {
    if (performance.now() > end) throw new Error(`no answer of ${ip} from port ${port}`);
    await sleep(1);
  }
}

/** Without what the server gives. */
function unstored<T extends { metadata: object }>(object: T): T {
  return { ...object, metadata: { ...object.metadata, resourceVersion: undefined, uid: undefined } };
}

async function fill(client: Client): Promise<void> {
  await client.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bench' } });
  const address = { type: 'InternalIP', address: '172.31.0.1' };
  await client
    .resource(nodes)
    .create({ apiVersion: 'v1', kind: 'Node', metadata: { name: NODE }, status: { addresses: [address] } });
  const AT_ONCE = 50;
  for (let i = 0; i < count; i += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, j) => FIRST + i + j);
    await Promise.all(
      some.flatMap((n) => [
        client.resource(services).create(unstored(benchService(n))),
        client.resource(endpointSlices).create(unstored(benchSlice(n, ENDPOINTS))),
      ]),
    );
  }
}

/**
 * kube-proxy's own flags (`kube-proxy --help`), which `portico proxy` takes as well. The size of the connection table
 * belongs to the machine: in a namespace of its own kube-proxy could not set it, and would end.
 */
const flagsFor = (kubeconfig: string): string[] => [
  `--kubeconfig=${kubeconfig}`,
  `--hostname-override=${NODE}`,
  '--proxy-mode=nftables',
  '--cluster-cidr=10.128.0.0/9',
  '--conntrack-max-per-core=0',
  '--kube-api-content-type=application/json',
];

const MOST_WORDS = 2000;

/** Rejects when the proxy ends, with what it said last. */
function unexpectedEnd(proxy: ChildProcess): Promise<never> {
  let said = '';
  proxy.stderr?.on('data', (d) => (said = `${said}${String(d)}`.slice(-MOST_WORDS)));
  const ended = once(proxy, 'close').then(([code]) =>
    Promise.reject(new Error(`the proxy ended (${String(code)}); it said last:\n${said}`)),
  );
  ended.catch(() => undefined);
  return ended;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Runs inside the namespace. */
async function measure(peer: string): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'portico-bench-peer-'));
  const at = (name: string) => path.join(folder, name);
  const ca = createCa('bench');
  const own = issueCert(ca, { cn: 'kube-apiserver', ips: ['127.0.0.1'], usages: ['server'] });
  const admin = issueCert(ca, { cn: 'admin', orgs: ['system:masters'], usages: ['client'] });
  const key = generateServiceAccountKey().privateKeyPem;
  const files = { 'ca.crt': ca.certPem, 'server.crt': own.certPem, 'server.key': own.keyPem, 'sa.key': key };
  for (const [name, pem] of Object.entries(files)) writeFileSync(at(name), pem, { mode: 0o600 });
  const rtnl = openRtnl();
  for (const destination of ['10.96.0.0/12', '10.128.0.0/9', '172.31.0.1/32']) {
    rtnl.replaceRoute({ destination, type: 'local', device: 'lo', table: 255 });
  }
  rtnl.close();
  const backends = PORTS.map((port) =>
    createServer((s) => s.on('error', () => undefined).end(String(port))).listen(port),
  );
  const server = spawn(process.execPath, [SERVER, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  let proxy: ChildProcess | undefined;
  try {
    const [line]: Buffer[] = await once(server.stdout, 'data');
    const url = `https://127.0.0.1:${Number(String(line))}`;
    const client = createClient({ server: url, caPem: ca.certPem, certPem: admin.certPem, keyPem: admin.keyPem });
    await fill(client);
    const base64 = (pem: string) => Buffer.from(pem).toString('base64');
    const cluster = { server: url, 'certificate-authority-data': base64(ca.certPem) };
    const user = { 'client-certificate-data': base64(admin.certPem), 'client-key-data': base64(admin.keyPem) };
    const kubeconfig = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'bench',
      contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
      clusters: [{ name: 'bench', cluster }],
      users: [{ name: 'bench', user }],
    };
    writeFileSync(at('kubeconfig'), JSON.stringify(kubeconfig), { mode: 0o600 });
    const flags = flagsFor(at('kubeconfig'));
    const [program, ...first] = peer === '' ? [process.execPath, CLI, 'proxy'] : [peer];
    const began = performance.now();
    proxy = spawn(program ?? '', [...first, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
    const failed = unexpectedEnd(proxy);
    const ipOf = (i: number) => benchService(i).spec?.clusterIP ?? '';
    const some = Array.from({ length: 20 }, (_, i) => FIRST + Math.floor((i * (count - 1)) / 19));
    await Promise.race([failed, Promise.all(some.map((i) => answers(ipOf(i), 8080)))]);
    const figure = {
      proxy: peer === '' ? 'portico' : path.basename(peer),
      services: count,
      endpoints: count * ENDPOINTS,
    };
    report({ bench: 'proxy/peer/start', ...figure, seconds: (performance.now() - began) / 1000 });
    const times: number[] = [];
    for (let i = 0; i < changes; i++) {
      const port = PORTS[(i + 1) % 2] ?? 0;
      // A service whose turn has not come for long: nothing of it waits anywhere.
      await sleep(1500);
      const since = performance.now();
      const patch = { ports: [{ name: '', port, protocol: 'TCP' }] };
      await client.resource(endpointSlices).patch(serviceName(FIRST), patch, { type: 'merge', namespace: 'bench' });
      await Promise.race([failed, answers(ipOf(FIRST), port)]);
      times.push(performance.now() - since);
    }
    report({ bench: 'proxy/peer/one-slice', ...figure, medianMs: median(times) });
    client.close();
  } finally {
    if (proxy !== undefined) await end(proxy);
    await end(server);
    for (const b of backends) b.close();
    rmSync(folder, { recursive: true });
  }
}

if (values.child !== undefined) await measure(text(values.child));
else {
  const peer = text(values.peer);
  for (const which of peer === '' ? [''] : ['', path.resolve(peer)]) {
    await inThrowawayNetns(async (netns) => {
      const sizes = [`--peer-services=${count}`, `--peer-changes=${changes}`];
      const args = [import.meta.filename, `--child=${which}`, ...sizes];
      const child = spawnIn(netns, process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
      const [code]: unknown[] = await once(child, 'exit');
      if (code !== 0) process.exitCode = 1;
    });
  }
}
