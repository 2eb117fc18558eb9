// The edge where the doctor looks: settings, links, rules and counters of one namespace.
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { findProgram, inNetns, openRtnl, readSysctl, runCommand } from '../linux/index.ts';
import { linkKey } from './doctor-node-checks.ts';
import type { ConntrackCounters, ForeignChain, NodeFacts, NodeLink } from './doctor-node-checks.ts';
import { legacySave, legacyTables } from './legacy-rules.ts';

export interface ExaminedNode {
  readonly name: string;
  /** Undefined: the host itself. */
  readonly netns?: string;
  /** Undefined: the device of the default route. */
  readonly uplink?: string;
  /** The other end of the uplink, in the fabric. */
  readonly wire?: { readonly netns: string; readonly device: string };
}

const SYSCTLS = [
  'net.ipv4.ip_forward',
  'net.ipv6.conf.all.forwarding',
  'net.ipv4.conf.all.rp_filter',
  'net.ipv4.conf.all.send_redirects',
];
const IPTABLES_TABLES: ReadonlySet<string> = new Set(['filter', 'nat', 'mangle', 'raw', 'security']);

export async function readNodeFacts(node: ExaminedNode): Promise<NodeFacts> {
  const { links, ipv6, uplink } = readDevices(node);
  const keys = [...SYSCTLS, linkKey(uplink, 'rp_filter')];
  const sysctls = keys.flatMap((key): [string, string][] => {
    const value = readSysctl(node.netns, key);
    return value === undefined ? [] : [[key, value]];
  });
  const loose = Number(readSysctl(node.netns, 'net.ipv4.conf.all.rp_filter') ?? 0) > 1;
  const overlays = links.filter((link) => link.kind === 'vxlan').map((link) => link.name);
  const nft = findProgram('nft') !== undefined;
  const chains = nft ? (await runCommand('nft', ['list', 'chains'], { netns: node.netns })).stdout : '';
  const wireMtu = node.wire === undefined ? undefined : readMtu(node.wire);
  return {
    name: node.name,
    uplink,
    links,
    ipv6,
    kernel: release(),
    sysctls: Object.fromEntries(sysctls),
    strictLinks: loose ? [] : overlays.filter((device) => readSysctl(node.netns, linkKey(device, 'rp_filter')) === '1'),
    legacyTables: legacyTables(node.netns),
    iptablesNft: parseBaseChains(chains).some((chain) => IPTABLES_TABLES.has(chain.table)),
    foreignChains: [...(await readForeignChains(chains, node.netns)), ...(await readLegacyPolicies(node.netns))],
    conntrack: parseConntrackStatistics(readProc(node.netns, 'stat/nf_conntrack')),
    checksumErrors: parseChecksumErrors(readProc(node.netns, 'snmp')),
    ...(wireMtu === undefined ? {} : { wireMtu }),
  };
}

function readDevices(node: ExaminedNode): { links: NodeLink[]; ipv6: boolean; uplink: string } {
  const rtnl = openRtnl(node.netns);
  try {
    const all = rtnl.links();
    const way = rtnl.routes().find((route) => route.destination === '0.0.0.0/0')?.device;
    return {
      links: all.map(({ name, mtu, up, kind }) => ({ name, mtu, up, ...(kind === undefined ? {} : { kind }) })),
      ipv6: rtnl.addresses().some(({ family, scope }) => family === 6 && scope === 'global'),
      uplink: node.uplink ?? all.find(({ index }) => index === way)?.name ?? 'eth0',
    };
  } finally {
    rtnl.close();
  }
}

function readMtu({ netns, device }: { readonly netns: string; readonly device: string }): number | undefined {
  const rtnl = openRtnl(netns);
  try {
    return rtnl.link(device)?.mtu;
  } finally {
    rtnl.close();
  }
}

/** A file of `/proc/net`; '' where the kernel has none. */
function readProc(netns: string | undefined, file: string): string {
  try {
    return inNetns(netns, () => readFileSync(`/proc/thread-self/net/${file}`, 'utf8'));
  } catch {
    return '';
  }
}

/** `/proc/net/stat/nf_conntrack`: names, then a row of hexadecimal numbers a CPU. */
export function parseConntrackStatistics(text: string): ConntrackCounters {
  const [head = '', ...rows] = text.trim().split('\n');
  const names = head.trim().split(/\s+/);
  const sum = (name: string) => {
    const at = names.indexOf(name);
    return at < 0 ? 0 : rows.reduce((total, row) => total + Number.parseInt(row.trim().split(/\s+/)[at] ?? '0', 16), 0);
  };
  return {
    insertFailed: sum('insert_failed'),
    drop: sum('drop'),
    earlyDrop: sum('early_drop'),
    clashResolved: sum('clashres'),
  };
}

/** `/proc/net/snmp`: for each protocol a line of names and one of values. */
export function parseChecksumErrors(text: string): number {
  const lines = text.split('\n');
  return ['Tcp', 'Udp'].reduce((total, protocol) => {
    const [names = [], values = []] = lines.filter((l) => l.startsWith(`${protocol}: `)).map((l) => l.split(' '));
    const at = names.indexOf('InCsumErrors');
    return total + (at < 0 ? 0 : Number(values[at] ?? 0));
  }, 0);
}

export interface BaseChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly hook: string;
  readonly policy: string;
}

/** `nft list chains`: tables with the heads of their chains, without rules. */
export function parseBaseChains(text: string): BaseChain[] {
  const chains: BaseChain[] = [];
  let [family, table, name] = ['', '', ''];
  for (const line of text.split('\n')) {
    [, family, table] = /^table (\S+) (\S+) \{/.exec(line) ?? ['', family, table];
    [, name] = /^\s+chain (\S+) \{/.exec(line) ?? ['', name];
    const [, type, hook, policy = 'accept'] = /^\s+type (\S+) hook (\S+) .*?;(?: policy (\w+);)?/.exec(line) ?? [];
    if (type !== undefined && hook !== undefined) chains.push({ family, table, name, type, hook, policy });
  }
  return chains;
}

/** Filter chains that are not ours; those of iptables only by their policy, as the proxy's rules stand there too. */
async function readForeignChains(chains: string, netns: string | undefined): Promise<ForeignChain[]> {
  const filters = parseBaseChains(chains).filter(
    ({ type, table }) => type === 'filter' && !table.startsWith('portico'),
  );
  const tables = [...new Set(filters.map(({ family, table }) => `${family} ${table}`))];
  const listed = await Promise.all(
    tables.map(async (table) => {
      if (IPTABLES_TABLES.has(table.split(' ')[1] ?? '')) return [table, ''] as const;
      return [
        table,
        (await runCommand('nft', ['-t', 'list', 'table', ...table.split(' ')], { netns })).stdout,
      ] as const;
    }),
  );
  const texts = new Map(listed);
  return filters.map(({ family, table, name, hook, policy }) => ({
    name: `${family} ${table} ${name}`,
    hook,
    policyDrops: policy === 'drop' && hook !== 'output',
    refuses: /^\s+(?!type ).*\b(?:drop|reject)\b/m.test(texts.get(`${family} ${table}`) ?? ''),
  }));
}

async function readLegacyPolicies(netns: string | undefined): Promise<ForeignChain[]> {
  const saves = await Promise.all([legacySave(netns, 4), legacySave(netns, 6)]);
  return saves.flatMap((save, i) =>
    [...save.matchAll(/^:(FORWARD|INPUT) DROP /gm)].map(([, chain = '']) => ({
      name: `${i === 0 ? 'ip' : 'ip6'}tables-legacy filter ${chain}`,
      hook: chain.toLowerCase(),
      policyDrops: true,
      refuses: false,
    })),
  );
}
