// Several hosts for a scenario: namespaces on two links with a router between them, a real `portico server` on one, real
// `portico agent`s that joined by a token on the others. Whoever is killed stays down until the test starts it again.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';

import { createClient, loadKubeconfig, type Client } from '../../src/client/index.ts';
import { layFabric, removeRemains } from '../../src/cluster/index.ts';
import { boundPort, connectTcpIn, listNetns, openRtnl, openTcpListenerIn, spawnIn } from '../../src/linux/index.ts';
import { eventually, must, portico, run, type Ran } from './cluster-fixture.ts';

export const AGENTS = ['alpha', 'beta', 'gamma'] as const;
export type AgentHost = (typeof AGENTS)[number];
type Host = 'server' | AgentHost;

/** gamma stands behind the router. */
const LINKS = [
  {
    bridge: 'br0',
    address: '172.31.7.1',
    prefix: 24,
    hosts: { server: '172.31.7.2', alpha: '172.31.7.11', beta: '172.31.7.12' },
  },
  { bridge: 'br1', address: '172.31.8.1', prefix: 24, hosts: { gamma: '172.31.8.13' } },
] as const;
const API_PORT = 6443;

export interface Managed {
  readonly pid: number;
  start(): void;
  /** Resolves when the process has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP or SIGCONT: it must not have ended. */
  signal(signal: NodeJS.Signals): void;
}

export interface Hosts extends AsyncDisposable {
  readonly name: string;
  readonly dir: string;
  readonly kubeconfig: string;
  /** By which the agents joined. */
  readonly token: string;
  readonly server: Managed;
  readonly agents: Readonly<Record<AgentHost, Managed>>;
  readonly client: Client;
  kubectl(...args: string[]): string;
  portico(...args: string[]): Ran;
  apply(manifest: string): void;
  netns(host: Host): string;
  /** Pulls the cable of a host, or puts it in again. */
  cable(host: Host, plugged: boolean): void;
  podNetns(pod: string): string;
  log(host: Host): string;
}

function manage(netns: string, log: string, args: readonly string[], fds: readonly number[] = []): Managed {
  let child: ChildProcess | undefined;
  const running = () => child !== undefined && child.exitCode === null && child.signalCode === null;
  return {
    get pid() {
      return child?.pid ?? 0;
    },
    start() {
      if (running()) return;
      const out = openSync(log, 'a');
      child = spawnIn(netns, portico, args, { stdio: ['ignore', out, out, ...fds], detached: true, cwd: '/' });
      closeSync(out);
    },
    async stop(signal = 'SIGTERM') {
      if (child === undefined || !running()) return;
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    },
    signal(signal) {
      if (running()) child?.kill(signal);
    },
  };
}

/** `graceSeconds`: silence after which a node counts as gone. */
export async function startHosts({ graceSeconds }: { graceSeconds: number }): Promise<Hosts> {
  const name = `test-${process.pid}-hosts`;
  const dir = mkdtempSync(path.join(tmpdir(), `${name}-`));
  const netns = (host: Host) => `${name}-${host}`;
  const fabric = `${name}-fabric`;
  layFabric({
    netns: fabric,
    links: LINKS.map(({ hosts, ...link }) => ({
      ...link,
      hosts: Object.entries(hosts).map(([host, address]) => ({ netns: `${name}-${host}`, port: host, address })),
    })),
  });
  // Held here, as systemd would: who calls while the server is away waits instead of being refused.
  const apiFd = openTcpListenerIn(undefined, { address: '127.0.0.1', port: 0 });
  const logFile = (host: Host) => path.join(dir, `${host}.log`);
  const serverDir = path.join(dir, 'server');
  const advertised = LINKS[0].hosts.server;
  const server = manage(
    netns('server'),
    logFile('server'),
    `server --cluster-name ${name} --state-dir ${serverDir} --advertise-address ${advertised} --listen-fd 3 --listen ${advertised}:${API_PORT} --node-grace ${graceSeconds} --no-dns --pod-routes`.split(
      ' ',
    ),
    [apiFd],
  );
  const kubeconfig = path.join(dir, 'admin.kubeconfig');
  const agents: Partial<Record<AgentHost, Managed>> = {};
  const clients: Client[] = [];
  const end = async () => {
    for (const client of clients) client.close();
    for (const one of [server, ...Object.values(agents)]) await one.stop('SIGKILL');
    const namespaces = listNetns().filter((n) => n.startsWith(`${name}-`));
    await removeRemains({ namespaces, dir, cgroup: `portico-${name}` });
    closeSync(apiFd);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    server.start();
    const made = path.join(serverDir, 'admin.kubeconfig');
    await eventually('the server to write its kubeconfig', () => readFileSync(made, 'utf8'));
    const inside = `https://${advertised}:${API_PORT}`;
    const text = readFileSync(made, 'utf8').replace(inside, `https://127.0.0.1:${boundPort(apiFd)}`);
    writeFileSync(kubeconfig, text, { mode: 0o600 });
    const client = createClient(loadKubeconfig(kubeconfig));
    clients.push(client);
    await eventually('the server to be ready', async () => ((await client.get('/readyz')) === 'ok' ? true : undefined));

    // As people do it: the command that `token create` prints, on each host.
    const printed = await eventually('the first token', () =>
      must(portico, ['token', 'create', '--kubeconfig', kubeconfig]),
    );
    const join = /portico (agent .*)$/m.exec(printed)?.[1]?.split(' ');
    if (join === undefined) throw new Error(`no command to join in: ${printed}`);
    for (const host of AGENTS) {
      const stateDir = path.join(dir, host);
      mkdirSync(stateDir, { mode: 0o700 });
      agents[host] = manage(netns(host), logFile(host), [...join, '--node-name', host, '--state-dir', stateDir]);
      agents[host].start();
    }
    const hosts: Hosts = {
      name,
      dir,
      kubeconfig,
      token: join[join.indexOf('--token') + 1] ?? '',
      server,
      agents: agents as Record<AgentHost, Managed>,
      client,
      kubectl: (...args) => must('kubectl', ['--kubeconfig', kubeconfig, ...args]),
      portico: (...args) => run(portico, [...args, '--kubeconfig', kubeconfig]),
      apply: (manifest) => void must('kubectl', ['--kubeconfig', kubeconfig, 'apply', '-f', '-'], { input: manifest }),
      netns,
      cable(host, plugged) {
        const rtnl = openRtnl(fabric);
        rtnl.setLink(host, { up: plugged });
        rtnl.close();
      },
      podNetns(pod) {
        const ip = must('kubectl', ['--kubeconfig', kubeconfig, 'get', 'pod', pod, '-o', 'jsonpath={.status.podIP}']);
        const found = listNetns()
          .filter((n) => n.startsWith(`${name}-pod-`))
          .find((n) => must('ip', ['-n', n, '-o', '-4', 'addr', 'show', 'eth0']).includes(` ${ip}/`));
        if (found === undefined) throw new Error(`no namespace holds the address ${ip} of pod ${pod}`);
        return found;
      },
      log: (host) => readFileSync(logFile(host), 'utf8'),
      [Symbol.asyncDispose]: end,
    };
    return hosts;
  } catch (e) {
    const logs = (['server', ...AGENTS] as const).map((host) => {
      try {
        return `--- ${host}\n${readFileSync(logFile(host), 'utf8').split('\n').slice(-15).join('\n')}`;
      } catch {
        return `--- ${host}: no log`;
      }
    });
    await end();
    throw new Error(`the hosts did not start\n${logs.join('\n')}`, { cause: e });
  }
}

export interface Asked {
  /** Milliseconds, monotonic: when it was asked, and when it was answered or given up. */
  readonly from: number;
  readonly to: number;
  /** The pod that answered, or undefined and the reason. */
  readonly pod: string | undefined;
  readonly error: string;
}

const REQUEST_MS = 2000;

/** One HTTP request on a connection of its own out of a network namespace. */
export async function ask(netns: string, host: string, port = 80): Promise<Asked> {
  const from = performance.now();
  try {
    const socket = connectTcpIn(netns, { host, port });
    socket.setTimeout(REQUEST_MS, () => socket.destroy(new Error('timeout')));
    socket.write('GET /hostname HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    const [head = '', body = ''] = text.split('\r\n\r\n');
    if (!head.includes(' 200 ')) return { from, to: performance.now(), pod: undefined, error: head || 'no answer' };
    const pod = /[a-z0-9-]{3,}/.exec(body)?.[0];
    return { from, to: performance.now(), pod, error: '' };
  } catch (e) {
    return { from, to: performance.now(), pod: undefined, error: e instanceof Error ? e.message : String(e) };
  }
}
