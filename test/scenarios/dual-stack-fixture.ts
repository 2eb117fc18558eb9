// Two hosts with both families on one link, whose nodes proxy in one mode each, so that one cluster shows both: a real
// `portico server`, and `portico agent`s that joined by its token.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';

import { createClient, loadKubeconfig, type Client } from '../../src/client/index.ts';
import { layFabric, removeRemains } from '../../src/cluster/index.ts';
import { boundPort, listNetns, netnsExists, openTcpListenerIn, spawnIn } from '../../src/linux/index.ts';
import { podNetnsName } from '../../src/podnet/index.ts';
import type { TraceEnvironment } from '../../src/trace/index.ts';
import { eventually, must, portico, run, type Ran } from './cluster-fixture.ts';

export const NODES = { one: 'iptables', two: 'nftables' } as const;
export type NodeName = keyof typeof NODES;
export const NODE_NAMES = ['one', 'two'] as const;
const SERVER = { v4: '172.31.9.2', v6: 'fd00:172:31::2' };
const ADDRESSES = {
  one: { v4: '172.31.9.11', v6: 'fd00:172:31::11' },
  two: { v4: '172.31.9.12', v6: 'fd00:172:31::12' },
};
const ROUTER = { v4: '172.31.9.1', v6: 'fd00:172:31::1' };

export interface DualStack extends AsyncDisposable {
  readonly client: Client;
  /** Sees both nodes, their pods, and the link between them. */
  readonly environment: TraceEnvironment;
  kubectl(...args: string[]): string;
  apply(manifest: string): void;
  /** Runs a command inside a node's namespace. */
  inNode(node: string, ...command: string[]): string;
  /** `portico` on a node, as on a host of a cluster made elsewhere. */
  porticoOn(node: NodeName, command: string, ...args: string[]): Ran;
  netns(node: NodeName | 'fabric'): string;
  /** Stops and continues the agent of a node, which would mend what a test breaks. */
  signal(node: NodeName, signal: NodeJS.Signals): void;
}

export async function startDualStack(): Promise<DualStack> {
  const name = `test-${process.pid}-dual`;
  const dir = mkdtempSync(path.join(tmpdir(), `${name}-`));
  const netns = (host: string) => `${name}-${host}`;
  const host = (port: string, address: string) => ({ netns: netns(port), port, address });
  const hosts = [host('server', SERVER.v4), ...NODE_NAMES.map((node) => host(node, ADDRESSES[node].v4))];
  layFabric({ netns: netns('fabric'), links: [{ bridge: 'br0', address: ROUTER.v4, prefix: 24, hosts }] });
  const ip6 = (where: string, device: string, address: string) =>
    must('ip', ['-n', netns(where), '-6', 'address', 'add', `${address}/64`, 'dev', device, 'nodad']);
  ip6('fabric', 'br0', ROUTER.v6);
  for (const [where, address] of [['server', SERVER.v6], ...NODE_NAMES.map((n) => [n, ADDRESSES[n].v6])] as const) {
    ip6(where ?? '', 'eth0', address ?? '');
    must('ip', ['-n', netns(where ?? ''), '-6', 'route', 'add', 'default', 'via', ROUTER.v6]);
  }
  // Held here; the server serves it inside and outside.
  const apiFd = openTcpListenerIn(undefined, { address: '127.0.0.1', port: 0 });
  const children = new Map<string, ChildProcess>();
  const log = (where: string) => path.join(dir, `${where}.log`);
  const start = (where: string, args: readonly string[], fds: readonly number[] = []) => {
    const out = openSync(log(where), 'a');
    children.set(where, spawnIn(netns(where), portico, args, { stdio: ['ignore', out, out, ...fds], cwd: '/' }));
    closeSync(out);
  };
  const clients: Client[] = [];
  const end = async () => {
    for (const client of clients) client.close();
    for (const child of children.values()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    const namespaces = listNetns().filter((n) => n.startsWith(`${name}-`));
    await removeRemains({ namespaces, dir, cgroup: `portico-${name}` });
    closeSync(apiFd);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const serverDir = path.join(dir, 'server');
    const ranges =
      '--pod-cidr 10.244.0.0/16 --pod-cidr fd00:10:244::/56 --service-cidr 10.96.0.0/12 --service-cidr fd00:10:96::/112';
    start(
      'server',
      `server --cluster-name ${name} --state-dir ${serverDir} --advertise-address ${SERVER.v4} --listen-fd 3 --listen ${SERVER.v4}:6443 --network native --pod-routes ${ranges}`.split(
        ' ',
      ),
      [apiFd],
    );
    const made = path.join(serverDir, 'admin.kubeconfig');
    const text = await eventually('the kubeconfig of the server', () => readFileSync(made, 'utf8'));
    const kubeconfig = path.join(dir, 'outside.kubeconfig');
    const outside = text.replace(`https://${SERVER.v4}:6443`, `https://127.0.0.1:${boundPort(apiFd)}`);
    writeFileSync(kubeconfig, outside, { mode: 0o600 });
    const client = createClient(loadKubeconfig(kubeconfig));
    clients.push(client);
    await eventually('the server', async () => ((await client.get('/readyz')) === 'ok' ? true : undefined));
    const printed = await eventually('a token', () => must(portico, ['token', 'create', '--kubeconfig', kubeconfig]));
    const join = /portico (agent .*)$/m.exec(printed)?.[1]?.split(' ') ?? [];
    for (const node of NODE_NAMES) {
      const stateDir = path.join(dir, node);
      mkdirSync(stateDir, { mode: 0o700 });
      const { v4, v6 } = ADDRESSES[node];
      const own = `--node-name ${node} --state-dir ${stateDir} --proxy-mode ${NODES[node]} --node-ip ${v4} --node-ip ${v6}`;
      start(node, [...join, ...own.split(' ')]);
    }
    const kubectl = (...args: string[]) => must('kubectl', ['--kubeconfig', kubeconfig, ...args]);
    await eventually('the nodes', () => (kubectl('get', 'nodes').match(/ Ready /g)?.length === 2 ? true : undefined));
    const ifThere = (ns: string) => (netnsExists(ns) ? ns : undefined);
    return {
      client,
      environment: {
        nodeNetns: (node) => ifThere(netns(node)),
        podNetns: (pod) => ifThere(podNetnsName(name, pod.uid)),
        externalNetns: () => ifThere(netns('fabric')),
        clusterDomain: 'cluster.local',
        network: 'native',
      },
      kubectl,
      apply: (manifest) => void must('kubectl', ['--kubeconfig', kubeconfig, 'apply', '-f', '-'], { input: manifest }),
      inNode: (node, ...command) => must('ip', ['netns', 'exec', netns(node), ...command]),
      netns,
      porticoOn: (node, command, ...args) =>
        run('ip', ['netns', 'exec', netns(node), portico, command, '--kubeconfig', made, '--node-name', node, ...args]),
      signal: (node, signal) => void children.get(node)?.kill(signal),
      [Symbol.asyncDispose]: end,
    };
  } catch (e) {
    const logs = [...children.keys()].map((where) => `--- ${where}\n${readFileSync(log(where), 'utf8').slice(-2000)}`);
    await end();
    throw new Error(`the hosts did not start\n${logs.join('\n')}`, { cause: e });
  }
}
