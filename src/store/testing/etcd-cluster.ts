// etcd members for tests, on free ports of loopback or in namespaces, with Debian's etcd; each may be killed, stopped
// and started again on its own data.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';

export interface MemberPlace {
  readonly clientUrl: string;
  readonly peerUrl: string;
  /** Words before the command: `ip netns exec NAME`. */
  readonly enter?: readonly string[];
  /** Where it keeps its data. @default a temporary folder, removed at the end */
  readonly dataDir?: string;
}

export interface EtcdMember {
  readonly clientUrl: string;
  /** HOST:PORT */
  readonly address: string;
  readonly pid: number;
  /** Does nothing while it runs. */
  start(): void;
  /** SIGKILL, and gone when it resolves. */
  kill(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
}

export interface EtcdCluster {
  readonly members: readonly EtcdMember[];
  /** `etcd://…` of all members. */
  readonly url: string;
  close(): Promise<void>;
}

export interface EtcdClusterOptions {
  /** Places, or a number of members on loopback. @default 1 */
  readonly members?: number | readonly MemberPlace[];
  /** More flags of etcd. */
  readonly flags?: readonly string[];
}

/** Quick elections, for tests: a leader is replaced within a second. */
const TIMES = ['--heartbeat-interval=50', '--election-timeout=400'];
const START_TIMEOUT_MS = 20_000;

export async function startEtcd(options: EtcdClusterOptions = {}): Promise<EtcdCluster> {
  if (!inPath('etcd')) throw new Error('etcd is not installed: run `sh tools/setup.sh --test`');
  const dir = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-etcd-`));
  const asked = options.members ?? 1;
  const places = typeof asked === 'number' ? await onLoopback(asked, options.flags ?? []) : asked;
  const all = places.map((place, i) => `m${i}=${place.peerUrl}`).join(',');
  const members = places.map((place, i) => {
    const flags = [
      `--name=m${i}`,
      `--data-dir=${place.dataDir ?? path.join(dir, `m${i}`)}`,
      `--initial-cluster=${all}`,
      `--listen-client-urls=${place.clientUrl}`,
      `--advertise-client-urls=${place.clientUrl}`,
      `--listen-peer-urls=${place.peerUrl}`,
      `--initial-advertise-peer-urls=${place.peerUrl}`,
      '--logger=zap',
      '--log-level=error',
      ...TIMES,
      ...(options.flags ?? []),
    ];
    return member(place, flags);
  });
  for (const m of members) m.start();
  return {
    members,
    url: `etcd://${members.map((m) => m.address).join(',')}`,
    async close() {
      await Promise.all(members.map((m) => m.kill()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function member(place: MemberPlace, flags: readonly string[]): EtcdMember {
  let child: ChildProcess | undefined;
  const running = () => child !== undefined && child.exitCode === null && child.signalCode === null;
  const killAtExit = () => child?.kill('SIGKILL');
  process.once('exit', killAtExit);
  return {
    clientUrl: place.clientUrl,
    address: place.clientUrl.replace(/^https?:\/\//, ''),
    get pid() {
      return child?.pid ?? 0;
    },
    start() {
      if (running()) return;
      const [program = '', ...args] = [...(place.enter ?? []), 'etcd', ...flags];
      child = spawn(program, args, { stdio: ['ignore', 'ignore', process.env['ETCD_LOG'] ? 'inherit' : 'ignore'] });
    },
    async kill() {
      const ending = child;
      if (ending === undefined || !running()) return;
      const ended = new Promise((resolve) => ending.once('exit', resolve));
      ending.kill('SIGKILL');
      await ended;
    },
    signal(signal) {
      child?.kill(signal);
    },
  };
}

async function onLoopback(count: number, flags: readonly string[]): Promise<MemberPlace[]> {
  const scheme = flags.some((flag) => flag.startsWith('--cert-file')) ? 'https' : 'http';
  const ports = await freePorts(count * 2);
  return Array.from({ length: count }, (_, i) => ({
    clientUrl: `${scheme}://127.0.0.1:${ports[2 * i]}`,
    peerUrl: `http://127.0.0.1:${ports[2 * i + 1]}`,
  }));
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function inPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((dir) => existsSync(path.join(dir, program)));
}

/** Asks again and again until it holds. @throws when it does not within 20 s. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  const limit = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    if (await holds()) return;
    if (performance.now() > limit) throw new Error(`not so within ${START_TIMEOUT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
