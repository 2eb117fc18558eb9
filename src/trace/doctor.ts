// `portico doctor`: reads the facts of a host and of its nodes, and applies the safe fixes.
import { findProgram, openRtnl, readSysctl, runCommand, writeSysctl } from '../linux/index.ts';
import { checkHost, checkNode } from './doctor-checks.ts';
import { legacyTables } from './legacy-rules.ts';
import type { Finding, HostFacts, NodeFacts } from './doctor-checks.ts';

export interface DoctorOptions {
  /** Nodes on this machine; `netns` undefined is the host itself. */
  readonly nodes: readonly { readonly name: string; readonly netns?: string; readonly uplink: string }[];
  readonly fabricNetns?: string;
  readonly clockSkewMs?: number;
  /** What the caller found that no cluster knows. */
  readonly leftovers?: readonly string[];
  /** Mend what is safe: sysctls in the given namespaces, never those of the host. */
  readonly fix?: boolean;
}

export interface DoctorReport {
  readonly findings: readonly Finding[];
  /** What was mended, each a sentence. */
  readonly fixed: readonly string[];
}

const PROGRAMS = ['nft', 'iptables-save', 'setpriv'];
const SYSCTLS = ['net.ipv4.ip_forward', 'net.ipv4.conf.all.rp_filter', 'net.ipv4.conf.all.send_redirects'];
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
  return [...host, ...nodes.flat()];
}

/** Only in namespaces of our own: the host's settings belong to its administrator. */
function mend(options: DoctorOptions, examined: readonly Examined[]): string[] {
  const own = new Set([...options.nodes.map((node) => node.netns), options.fabricNetns]);
  return examined.flatMap(({ finding, netns }) => {
    if (finding.level === 'ok' || finding.fix === undefined || netns === undefined || !own.has(netns)) return [];
    writeSysctl(netns, finding.fix.sysctl, finding.fix.value);
    return [`${finding.where}: ${finding.fix.sysctl} is ${finding.fix.value} now`];
  });
}

function readHostFacts(options: DoctorOptions): HostFacts {
  const number = (key: string) => {
    const text = readSysctl(options.nodes[0]?.netns, key);
    return text === undefined ? undefined : Number(text);
  };
  const counts = options.nodes.map((node) => Number(readSysctl(node.netns, 'net.netfilter.nf_conntrack_count') ?? 0));
  const max = number('net.netfilter.nf_conntrack_max');
  const bridge = options.fabricNetns === undefined ? undefined : readSysctl(options.fabricNetns, BRIDGE_NETFILTER);
  return {
    programs: Object.fromEntries(PROGRAMS.map((program) => [program, findProgram(program) !== undefined])),
    leftovers: options.leftovers ?? [],
    // Entries are counted for each namespace, and the limit holds for each.
    ...(max === undefined ? {} : { conntrackCount: Math.max(0, ...counts), conntrackMax: max }),
    ...(options.fabricNetns === undefined ? {} : { fabricBridgeNetfilter: bridge === '1' }),
    ...(options.clockSkewMs === undefined ? {} : { clockSkewMs: options.clockSkewMs }),
  };
}

async function readNodeFacts(node: DoctorOptions['nodes'][number]): Promise<NodeFacts> {
  const keys = [...SYSCTLS, `net.ipv4.conf.${node.uplink.replaceAll('.', '/')}.rp_filter`];
  const sysctls = keys.flatMap((key): [string, string][] => {
    const value = readSysctl(node.netns, key);
    return value === undefined ? [] : [[key, value]];
  });
  const tables =
    findProgram('nft') === undefined ? '' : (await runCommand('nft', ['list', 'tables'], { netns: node.netns })).stdout;
  const names = [...tables.matchAll(/^table (\S+) (\S+)$/gm)].map(([, family = '', name = '']) => ({ family, name }));
  return {
    name: node.name,
    uplink: node.uplink,
    sysctls: Object.fromEntries(sysctls),
    links: readLinks(node.netns),
    legacyTables: legacyTables(node.netns),
    iptablesNft: names.some(({ name }) => IPTABLES_TABLES.has(name)),
    foreignFirewalls: names
      .filter(({ name }) => !IPTABLES_TABLES.has(name) && !name.startsWith('portico'))
      .map(({ family, name }) => `${family} ${name}`),
  };
}

const IPTABLES_TABLES: ReadonlySet<string> = new Set(['filter', 'nat', 'mangle', 'raw', 'security']);

function readLinks(netns: string | undefined): NodeFacts['links'] {
  const rtnl = openRtnl(netns);
  try {
    return rtnl.links().map(({ name, mtu, up, kind }) => ({ name, mtu, up, ...(kind === undefined ? {} : { kind }) }));
  } finally {
    rtnl.close();
  }
}
