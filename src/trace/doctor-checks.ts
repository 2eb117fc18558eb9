// The known traps of a host and of a node's network namespace, each as a row: what to look at, when it is wrong, how to
// mend it. Pure: facts in, findings out.

/** What is known of one network namespace that plays a node. */
export interface NodeFacts {
  readonly name: string;
  /** Sysctl values; a key that this kernel lacks is absent. */
  readonly sysctls: Readonly<Record<string, string>>;
  readonly links: readonly {
    readonly name: string;
    readonly mtu: number;
    readonly up: boolean;
    readonly kind?: string;
  }[];
  /** Names of the iptables-legacy tables in use. */
  readonly legacyTables: readonly string[];
  /** Whether nft shows rules of iptables-nft. */
  readonly iptablesNft: boolean;
  /** Names of nft tables with chains that may drop what passes, other than ours and iptables'. */
  readonly foreignFirewalls: readonly string[];
  readonly uplink: string;
}

export interface HostFacts {
  /** Programs that were looked for, and whether they are there. */
  readonly programs: Readonly<Record<string, boolean>>;
  readonly conntrackCount?: number;
  readonly conntrackMax?: number;
  /** Whether the fabric, where frames between nodes are switched, passes them through netfilter; undefined without one. */
  readonly fabricBridgeNetfilter?: boolean;
  /** Milliseconds between the host's clock and the API server's. */
  readonly clockSkewMs?: number;
  /** Network namespaces, links or processes that no cluster knows. */
  readonly leftovers: readonly string[];
}

export interface Fix {
  readonly netns: string;
  readonly sysctl: string;
  readonly value: string;
}

export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail';
  readonly check: string;
  readonly where: string;
  readonly what: string;
  /** What to do about it. */
  readonly mend?: string;
  /** Safe to do by ourselves, inside a namespace of our own. */
  readonly fix?: Omit<Fix, 'netns'>;
}

interface SysctlRule {
  readonly key: (node: NodeFacts) => string;
  readonly wrong: (value: string) => boolean;
  readonly value: string;
  readonly level: 'warn' | 'fail';
  readonly what: string;
}

const SYSCTLS: readonly SysctlRule[] = [
  {
    key: () => 'net.ipv4.ip_forward',
    wrong: (value) => value !== '1',
    value: '1',
    level: 'fail',
    what: 'packets of pods do not leave the node, nor reach it from other nodes',
  },
  // The effective value is the larger of "all" and the link's.
  {
    key: () => 'net.ipv4.conf.all.rp_filter',
    wrong: (value) => value === '1',
    value: '2',
    level: 'fail',
    what: 'strict reverse-path filtering drops replies that come over the overlay',
  },
  {
    key: (node) => `net.ipv4.conf.${node.uplink.replaceAll('.', '/')}.rp_filter`,
    wrong: (value) => value === '1',
    value: '2',
    level: 'fail',
    what: 'strict reverse-path filtering drops replies that come over the overlay',
  },
  {
    key: () => 'net.ipv4.conf.all.send_redirects',
    wrong: (value) => value !== '0',
    value: '0',
    level: 'warn',
    what: 'clients of node ports may be sent past the translation by ICMP redirects',
  },
];

const VXLAN_OVERHEAD = 50;
const CONNTRACK_WARN = 0.8;
const CLOCK_WARN_MS = 5000;

/** Every check on one node, those that are fine included. */
export function checkNode(node: NodeFacts): Finding[] {
  return [
    ...SYSCTLS.map((rule) => checkSysctl(node, rule)),
    ...checkMtu(node),
    checkBackends(node),
    checkFirewalls(node),
  ];
}

function checkSysctl(node: NodeFacts, rule: SysctlRule): Finding {
  const key = rule.key(node);
  const value = node.sysctls[key];
  const base = { check: key, where: node.name };
  if (value === undefined || !rule.wrong(value)) return { ...base, level: 'ok', what: value ?? 'not on this kernel' };
  return {
    ...base,
    level: rule.level,
    what: `is ${value}: ${rule.what}`,
    mend: `set it to ${rule.value}`,
    fix: { sysctl: key, value: rule.value },
  };
}

/** A pod that may send larger packets than its way allows loses them when ICMP is filtered anywhere. */
function checkMtu(node: NodeFacts): Finding[] {
  const uplink = node.links.find((link) => link.name === node.uplink);
  const where = node.name;
  if (uplink === undefined) {
    return [
      {
        level: 'fail',
        check: 'uplink',
        where,
        what: `there is no device ${node.uplink}`,
        mend: 'name the device that leads to the other nodes',
      },
    ];
  }
  const overlay = node.links.find((link) => link.kind === 'vxlan');
  const findings: Finding[] = [];
  if (overlay !== undefined && overlay.mtu > uplink.mtu - VXLAN_OVERHEAD) {
    const what = `${overlay.name} has ${overlay.mtu}, and ${uplink.name} only ${uplink.mtu}: large packets are lost inside the envelope`;
    findings.push({
      level: 'fail',
      check: 'mtu',
      where,
      what,
      mend: `ip link set ${overlay.name} mtu ${uplink.mtu - VXLAN_OVERHEAD}`,
    });
  }
  const path = overlay?.mtu ?? uplink.mtu;
  const large = node.links.filter((link) => /^lxc[0-9a-f]{11}$/.test(link.name) && link.mtu > path);
  if (large.length > 0) {
    const what = `${large.length} pod links allow more than the ${path} bytes that pass between nodes, such as ${large[0]?.name}`;
    findings.push({
      level: 'warn',
      check: 'mtu',
      where,
      what,
      mend: 'restart the agent, which sets the MTU of every pod',
    });
  }
  return findings.length > 0
    ? findings
    : [{ level: 'ok', check: 'mtu', where, what: `pods ${path}, ${uplink.name} ${uplink.mtu}` }];
}

function checkBackends(node: NodeFacts): Finding {
  const base = { check: 'iptables back ends', where: node.name };
  if (!node.iptablesNft || node.legacyTables.length === 0) return { ...base, level: 'ok', what: 'one in use' };
  return {
    ...base,
    level: 'warn',
    what: `rules stand in iptables-nft and in iptables-legacy (${node.legacyTables.join(', ')}): both are applied, and each tool shows its own only`,
    mend: 'move the rules of one to the other and flush it',
  };
}

function checkFirewalls(node: NodeFacts): Finding {
  const base = { check: 'other firewalls', where: node.name };
  if (node.foreignFirewalls.length === 0) return { ...base, level: 'ok', what: 'none' };
  return {
    ...base,
    level: 'warn',
    what: `${node.foreignFirewalls.join(', ')} may drop traffic of pods`,
    mend: 'accept forwarded traffic of the pod and service CIDRs there',
  };
}

const NEEDED: Readonly<Record<string, string>> = {
  nft: 'nftables',
  'iptables-save': 'iptables',
  setpriv: 'util-linux',
};

export function checkHost(host: HostFacts): Finding[] {
  const where = 'host';
  const findings: Finding[] = [];
  const missing = Object.entries(NEEDED).filter(([program]) => host.programs[program] === false);
  for (const [program, debian] of missing) {
    findings.push({
      level: 'fail',
      check: 'programs',
      where,
      what: `${program} is missing`,
      mend: `apt-get install ${debian}`,
    });
  }
  if (missing.length === 0) findings.push({ level: 'ok', check: 'programs', where, what: 'all there' });
  findings.push(checkConntrack(host), checkFabric(host), checkLeftovers(host));
  if (host.clockSkewMs !== undefined) findings.push(checkClock(host.clockSkewMs));
  return findings;
}

function checkConntrack({ conntrackCount: count, conntrackMax: max }: HostFacts): Finding {
  const base = { check: 'connection tracking', where: 'host' };
  if (count === undefined || max === undefined) return { ...base, level: 'ok', what: 'not in use' };
  const what = `${count} of ${max} entries in use`;
  if (count < max * CONNTRACK_WARN) return { ...base, level: 'ok', what };
  return {
    ...base,
    level: count >= max ? 'fail' : 'warn',
    what: `${what}: new connections are dropped when it is full`,
    mend: `sysctl -w net.netfilter.nf_conntrack_max=${max * 2}`,
  };
}

function checkFabric({ fabricBridgeNetfilter: filtered }: HostFacts): Finding {
  const base = { check: 'bridge netfilter', where: 'fabric' };
  if (filtered !== true) return { ...base, level: 'ok', what: filtered === undefined ? 'no fabric' : 'off' };
  return {
    ...base,
    level: 'warn',
    what: 'frames between nodes pass netfilter in the fabric as well',
    mend: 'set net.bridge.bridge-nf-call-iptables to 0 there',
    fix: { sysctl: 'net.bridge.bridge-nf-call-iptables', value: '0' },
  };
}

function checkLeftovers({ leftovers }: HostFacts): Finding {
  const base = { check: 'leftovers', where: 'host' };
  if (leftovers.length === 0) return { ...base, level: 'ok', what: 'none' };
  return {
    ...base,
    level: 'warn',
    what: `no cluster knows ${leftovers.join(', ')}`,
    mend: 'portico down --name NAME removes what belongs to NAME',
  };
}

function checkClock(skewMs: number): Finding {
  const base = { check: 'clock', where: 'host' };
  const what = `${Math.round(skewMs)} ms from the API server's`;
  if (Math.abs(skewMs) < CLOCK_WARN_MS) return { ...base, level: 'ok', what };
  return {
    ...base,
    level: 'warn',
    what: `${what}: leases and certificates look expired`,
    mend: 'synchronize the clocks (NTP)',
  };
}

export function formatFindings(findings: readonly Finding[]): string {
  const lines = findings.map(({ level, where, check, what, mend }) => {
    return `${level.padEnd(4)} ${where}: ${check}: ${what}${mend === undefined || level === 'ok' ? '' : `\n     to mend: ${mend}`}`;
  });
  return `${lines.join('\n')}\n`;
}
