// Several hosts for a scenario: namespaces on two links with a router between them, a real `portico server` on one, real
// `portico agent`s that joined by a token on others, and room for a second server and etcd (hosts-etcd.ts). Each has a
// clock of its own, and who keeps state a disk of its own. Whoever is killed stays down until the test starts it again.
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';

import { createClient, loadKubeconfig, type Client } from '../../src/client/index.ts';
import { layFabric, removeRemains } from '../../src/cluster/index.ts';
import { boundPort, listNetns, openRtnl, openTcpListenerIn, spawnIn } from '../../src/linux/index.ts';
import { eventually, must, portico, run, type Ran } from './cluster-fixture.ts';
import { hostClocks, type HostClock } from './hosts-clock.ts';
import { makeDisk, type HostDisk } from './hosts-disk.ts';

export const AGENTS = ['alpha', 'beta', 'gamma'] as const;
export type AgentHost = (typeof AGENTS)[number];
export const MEMBERS = ['etcd-0', 'etcd-1', 'etcd-2'] as const;
export type ServerHost = 'server' | 'server-2';
export type Host = ServerHost | AgentHost | (typeof MEMBERS)[number];

/** gamma stands behind the router. */
const LINKS = [
  {
    bridge: 'br0',
    address: '172.31.7.1',
    prefix: 24,
    hosts: {
      server: '172.31.7.2',
      'server-2': '172.31.7.3',
      alpha: '172.31.7.11',
      beta: '172.31.7.12',
      'etcd-0': '172.31.7.20',
      'etcd-1': '172.31.7.21',
      'etcd-2': '172.31.7.22',
    },
  },
  { bridge: 'br1', address: '172.31.8.1', prefix: 24, hosts: { gamma: '172.31.8.13' } },
] as const;
const API_PORT = 6443;
/** Address of a host on the first link. */
export const addressOf = (host: Exclude<Host, 'gamma'>): string => LINKS[0].hosts[host];

export interface Managed {
  readonly pid: number;
  start(): void;
  /** How often it ended although nobody stopped it. */
  readonly endedByItself: number;
  /** Resolves when the process has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP or SIGCONT: it must not have ended. */
  signal(signal: NodeJS.Signals): void;
}

export interface Server extends Managed {
  readonly client: Client;
}

export interface Hosts extends AsyncDisposable {
  readonly name: string;
  readonly dir: string;
  readonly kubeconfig: string;
  /** By which the agents joined. */
  readonly token: string;
  /** The first one. */
  readonly server: Managed;
  readonly servers: ReadonlyMap<ServerHost, Server>;
  readonly agents: Readonly<Record<AgentHost, Managed>>;
  /** Members of etcd, where there are any. */
  readonly members: Map<Host, Managed>;
  /** Of servers, and of members of etcd. */
  readonly disks: Map<Host, HostDisk>;
  clock(host: Host): HostClock;
  /** Of the first server. */
  readonly client: Client;
  /** A server whose state is in `store`, in the place of one that has ended; the agents know nothing of it. */
  placeServer(host: ServerHost, store?: string): Promise<void>;
  /** Whatever else is to be undone at the end. */
  readonly endings: (() => Promise<void>)[];
  kubectl(...args: string[]): string;
  portico(...args: string[]): Ran;
  apply(manifest: string): void;
  netns(host: Host): string;
  /** Pulls the cable of a host, or puts it in again. */
  cable(host: Host, plugged: boolean): void;
  podNetns(pod: string): string;
  log(host: Host): string;
}

interface Command {
  readonly netns: string;
  readonly log: string;
  readonly args: readonly string[];
  readonly fds?: readonly number[];
  readonly env: Readonly<Record<string, string>>;
}

function manage({ netns, log, args, fds = [], env }: Command): Managed {
  let child: ChildProcess | undefined;
  let stopping = false;
  let endedByItself = 0;
  const running = () => child !== undefined && child.exitCode === null && child.signalCode === null;
  return {
    get pid() {
      return child?.pid ?? 0;
    },
    get endedByItself() {
      return endedByItself;
    },
    start() {
      if (running()) return;
      stopping = false;
      const out = openSync(log, 'a');
      const stdio: StdioOptions = ['ignore', out, out, ...fds];
      child = spawnIn(netns, portico, args, { stdio, detached: true, cwd: '/', env: { ...process.env, ...env } });
      closeSync(out);
      child.once('exit', () => {
        if (!stopping) endedByItself += 1;
      });
    },
    async stop(signal = 'SIGTERM') {
      if (child === undefined || !running()) return;
      stopping = true;
      const ending = child;
      const gone = once(ending, 'exit');
      ending.kill(signal);
      let late = false;
      const limit = setTimeout(() => {
        late = true;
        ending.kill('SIGKILL');
      }, LONGEST_END_MS);
      await gone;
      clearTimeout(limit);
      if (!late) return;
      const said = readFileSync(log, 'utf8').split('\n').slice(-15).join('\n');
      throw new Error(`the process in ${netns} did not end within ${LONGEST_END_MS} ms of ${signal}:\n${said}`);
    },
    signal(signal) {
      if (running()) child?.kill(signal);
    },
  };
}

/** An agent or a server says goodbye within this time. */
const LONGEST_END_MS = 20_000;
/** Room for the files that etcd makes in advance. */
const DISK_MEGABYTES = 400;

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
  const logFile = (host: Host) => path.join(dir, `${host}.log`);
  const kubeconfig = path.join(dir, 'admin.kubeconfig');
  const makeClock = hostClocks(dir);
  const clocks = new Map<Host, HostClock>();
  const clock = (host: Host) => {
    const it = clocks.get(host) ?? makeClock(host);
    clocks.set(host, it);
    return it;
  };
  const disks = new Map<Host, HostDisk>();
  const servers = new Map<ServerHost, Server>();
  /** Sockets of the API, held here as systemd would: who calls while a server is away waits instead of being refused. */
  const apiFds = new Map<ServerHost, number>();
  const agents: Partial<Record<AgentHost, Managed>> = {};
  const members = new Map<Host, Managed>();
  const endings: (() => Promise<void>)[] = [];

  async function placeServer(host: ServerHost, store?: string): Promise<void> {
    await servers.get(host)?.stop('SIGKILL');
    servers.get(host)?.client.close();
    const disk = path.join(dir, `${host}-disk`);
    if (!disks.has(host)) disks.set(host, makeDisk(disk, DISK_MEGABYTES));
    const fd = apiFds.get(host) ?? openTcpListenerIn(undefined, { address: '127.0.0.1', port: 0 });
    apiFds.set(host, fd);
    const advertised = addressOf(host);
    const stateDir = path.join(disk, 'server');
    const where = store === undefined ? '' : ` --store ${store}`;
    const flags = `--cluster-name ${name} --state-dir ${stateDir} --advertise-address ${advertised} --listen-fd 3 --listen ${advertised}:${API_PORT} --node-grace ${graceSeconds} --no-dns --pod-routes${where}`;
    const args = ['server', ...flags.split(' ')];
    const managed = manage({ netns: netns(host), log: logFile(host), args, fds: [fd], env: clock(host).env });
    managed.start();
    const made = path.join(stateDir, 'admin.kubeconfig');
    await eventually(`${host} to write its kubeconfig`, () => readFileSync(made, 'utf8'));
    const inside = `https://${advertised}:${API_PORT}`;
    const text = readFileSync(made, 'utf8').replace(inside, `https://127.0.0.1:${boundPort(fd)}`);
    const file = host === 'server' ? kubeconfig : path.join(dir, `${host}.kubeconfig`);
    writeFileSync(file, text, { mode: 0o600 });
    const client = createClient(loadKubeconfig(file));
    // By descriptor: the pid changes.
    servers.set(host, Object.defineProperties({ client } as Server, Object.getOwnPropertyDescriptors(managed)));
    await eventually(`${host} to be ready`, async () => ((await client.get('/readyz')) === 'ok' ? true : undefined));
  }
  const serverAt = (host: ServerHost): Server => {
    const server = servers.get(host);
    if (server === undefined) throw new Error(`there is no ${host}`);
    return server;
  };

  const end = async () => {
    for (const one of [...servers.values(), ...Object.values(agents)]) await one.stop('SIGKILL');
    for (const ending of endings) await ending();
    for (const { client } of servers.values()) client.close();
    const namespaces = listNetns().filter((n) => n.startsWith(`${name}-`));
    await removeRemains({ namespaces, dir, cgroup: `portico-${name}` });
    for (const fd of apiFds.values()) closeSync(fd);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await placeServer('server');
    // As people do it: the command that `token create` prints, on each host.
    const printed = await eventually('the first token', () =>
      must(portico, ['token', 'create', '--kubeconfig', kubeconfig]),
    );
    const join = /portico (agent .*)$/m.exec(printed)?.[1]?.split(' ');
    if (join === undefined) throw new Error(`no command to join in: ${printed}`);
    for (const host of AGENTS) {
      const stateDir = path.join(dir, host);
      mkdirSync(stateDir, { mode: 0o700 });
      const args = [...join, '--node-name', host, '--state-dir', stateDir];
      agents[host] = manage({ netns: netns(host), log: logFile(host), args, env: clock(host).env });
      agents[host].start();
    }
    const hosts: Hosts = {
      name,
      dir,
      kubeconfig,
      token: join[join.indexOf('--token') + 1] ?? '',
      get server() {
        return serverAt('server');
      },
      servers,
      agents: agents as Record<AgentHost, Managed>,
      members,
      disks,
      clock,
      get client() {
        return serverAt('server').client;
      },
      placeServer,
      endings,
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
