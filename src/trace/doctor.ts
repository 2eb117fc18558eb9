// `portico doctor`: reads the facts of a host, of a cluster and of its nodes, and applies the safe fixes.
import { nodes as nodeResource } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { errorText } from '../errors/index.ts';
import { findProgram, openRtnl, readSysctl, writeSysctl } from '../linux/index.ts';
import { readClocks } from './clocks.ts';
import { readNodeFacts } from './doctor-facts.ts';
import type { ExaminedNode } from './doctor-facts.ts';
import { fixText, ok } from './doctor-finding.ts';
import type { Finding, Fix } from './doctor-finding.ts';
import { checkClocks, checkHost, NEEDED_PROGRAMS } from './doctor-host-checks.ts';
import type { HostFacts, Leftover } from './doctor-host-checks.ts';
import { checkNode } from './doctor-node-checks.ts';
import { inspectNode } from './inspect-node.ts';
import { checkPeers } from './peer-conditions.ts';
import type { TraceEnvironment } from './cluster-view.ts';

export interface DoctorOptions {
  /** Nodes on this machine. */
  readonly nodes: readonly ExaminedNode[];
  readonly fabricNetns?: string;
  /** A cluster to ask; undefined: none runs. */
  readonly api?: { readonly client: Client; readonly environment: TraceEnvironment };
  readonly leftovers?: readonly Leftover[];
  /** When none runs: whether one can start here. */
  readonly start?: { readonly problem?: string };
  /** Mend what is safe: settings in the given namespaces, never those of the host. */
  readonly fix?: boolean;
}

export interface DoctorReport {
  readonly findings: readonly Finding[];
  /** What was mended, each a sentence. */
  readonly fixed: readonly string[];
}

const BRIDGE_NETFILTER = 'net.bridge.bridge-nf-call-iptables';

export async function runDoctor(options: DoctorOptions): Promise<DoctorReport> {
  const fixed = options.fix === true ? mend(options, await examine(options)) : [];
  return { findings: (await examine(options)).map(({ finding }) => finding), fixed };
}

interface Examined {
  readonly finding: Finding;
  readonly netns?: string | undefined;
}

async function examine(options: DoctorOptions): Promise<Examined[]> {
  const host = checkHost(readHostFacts(options)).map((finding) => ({
    finding,
    netns: finding.where === 'fabric' ? options.fabricNetns : undefined,
  }));
  const nodes = await Promise.all(
    options.nodes.map(async (node) =>
      checkNode(await readNodeFacts(node)).map((finding) => ({ finding, netns: node.netns })),
    ),
  );
  const cluster = (await examineCluster(options)).map((finding) => ({ finding }));
  return [...host, ...nodes.flat(), ...cluster];
}

/** Clocks, what the nodes say of each other, and whether each node's routes and rules are those that the API's objects ask for. */
async function examineCluster({ api, nodes }: DoctorOptions): Promise<Finding[]> {
  if (api === undefined) return [];
  try {
    const clocks = checkClocks(await readClocks(api.client));
    const names = nodes.map((node) => node.name);
    const drift = names.map(async (name) => {
      return checkDrift(name, await inspectNode({ ...api, namespace: 'default', name, nodes: names }));
    });
    const peers = checkPeers((await api.client.resource(nodeResource).list()).items);
    return [...clocks, ...peers, ...(await Promise.all(drift))];
  } catch (error) {
    const what = `the API server could not be asked: ${errorText(error)}`;
    const mendIt = "'portico status' says which processes run; 'portico up' starts what is missing";
    return [{ level: 'fail', check: 'api', where: 'cluster', what, mend: mendIt }];
  }
}

type NodeDrift = Pick<Awaited<ReturnType<typeof inspectNode>>, 'network' | 'rules' | 'rulesCompared'>;

function checkDrift(name: string, { network, rules, rulesCompared }: NodeDrift): Finding {
  const check = 'routes and rules';
  const wrong = [...network.filter((row) => !row.ok).map((row) => row.what), ...rules.map((rule) => rule.address)];
  if (wrong.length === 0) {
    return ok(name, check, `${network.length} routes and links and ${rulesCompared} rules are as they should be`);
  }
  return {
    level: 'warn',
    check,
    where: name,
    what: `${wrong.length} differ from what should be, such as ${wrong[0]}`,
    mend: `'portico inspect node ${name}' shows each; the agent mends them while it runs`,
  };
}

/** Only in namespaces of our own: the host's settings belong to its administrator. */
function mend(options: DoctorOptions, examined: readonly Examined[]): string[] {
  const own = new Set([...options.nodes.map((node) => node.netns), options.fabricNetns]);
  return examined.flatMap(({ finding, netns }) => {
    if (finding.level === 'ok' || netns === undefined || !own.has(netns)) return [];
    return (finding.fixes ?? []).map((fix) => {
      applyFix(netns, fix);
      return `${finding.where}: ${fixText(fix)}`;
    });
  });
}

function applyFix(netns: string, fix: Fix): void {
  if (fix.kind === 'sysctl') return writeSysctl(netns, fix.sysctl, fix.value);
  const rtnl = openRtnl(netns);
  try {
    rtnl.setLink(fix.device, { mtu: fix.mtu });
  } finally {
    rtnl.close();
  }
}

function readHostFacts(options: DoctorOptions): HostFacts {
  const places = options.nodes.length === 0 ? [undefined] : options.nodes.map((node) => node.netns);
  const numbers = (key: string) =>
    places.flatMap((netns) => {
      const text = readSysctl(netns, key);
      return text === undefined ? [] : [Number(text)];
    });
  const [max] = numbers('net.netfilter.nf_conntrack_max');
  const bridge = options.fabricNetns === undefined ? undefined : readSysctl(options.fabricNetns, BRIDGE_NETFILTER);
  return {
    programs: Object.fromEntries(NEEDED_PROGRAMS.map((program) => [program, findProgram(program) !== undefined])),
    leftovers: options.leftovers ?? [],
    // Entries are counted for each namespace, and the limit holds for each.
    ...(max === undefined
      ? {}
      : { conntrackCount: Math.max(0, ...numbers('net.netfilter.nf_conntrack_count')), conntrackMax: max }),
    ...(options.fabricNetns === undefined ? {} : { fabricBridgeNetfilter: bridge === '1' }),
    ...(options.start === undefined ? {} : { start: options.start }),
  };
}
