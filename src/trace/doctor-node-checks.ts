// The known traps of a node's network namespace: what to look at, when it is wrong, how to mend it. Pure: facts in,
// findings out.
import { ok } from './doctor-finding.ts';
import type { Finding, Fix } from './doctor-finding.ts';

export interface NodeLink {
  readonly name: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly kind?: string;
}

/** What connection tracking counted since the namespace was made. */
export interface ConntrackCounters {
  readonly insertFailed: number;
  readonly drop: number;
  readonly earlyDrop: number;
  readonly clashResolved: number;
}

/** A base chain that may stop what passes, and is not the service proxy's. */
export interface ForeignChain {
  /** `inet firewalld filter_FORWARD`. */
  readonly name: string;
  readonly hook: string;
  readonly policyDrops: boolean;
  /** Whether any rule of its table drops or refuses. */
  readonly refuses: boolean;
}

/** What is known of one network namespace that plays a node. */
export interface NodeFacts {
  readonly name: string;
  /** Sysctl values; a key that this kernel lacks is absent. */
  readonly sysctls: Readonly<Record<string, string>>;
  readonly links: readonly NodeLink[];
  /** Device that leads to the other nodes. */
  readonly uplink: string;
  /** MTU of the other end of the uplink, where that is known. */
  readonly wireMtu?: number;
  /** Overlay devices whose own rp_filter is strict. Links of pods may be: a pod has only its own addresses. */
  readonly strictLinks: readonly string[];
  /** Whether the node has IPv6 addresses that others reach. */
  readonly ipv6: boolean;
  /** Names of the iptables-legacy tables in use. */
  readonly legacyTables: readonly string[];
  /** Whether nft shows rules of iptables-nft. */
  readonly iptablesNft: boolean;
  readonly foreignChains: readonly ForeignChain[];
  readonly conntrack: ConntrackCounters;
  /** TCP segments and UDP datagrams that arrived with a wrong checksum. */
  readonly checksumErrors: number;
  /** `6.1.0-18-amd64`. */
  readonly kernel: string;
}

interface SysctlRule {
  readonly key: (node: NodeFacts) => string;
  readonly applies?: (node: NodeFacts) => boolean;
  readonly wrong: (value: string) => boolean;
  readonly value: string;
  readonly level: 'warn' | 'fail';
  readonly what: string;
}

const STRICT = 'strict reverse-path filtering drops replies that come over the overlay';

export const linkKey = (device: string, setting: string): string =>
  `net.ipv4.conf.${device.replaceAll('.', '/')}.${setting}`;

const SYSCTLS: readonly SysctlRule[] = [
  {
    key: () => 'net.ipv4.ip_forward',
    wrong: (value) => value !== '1',
    value: '1',
    level: 'fail',
    what: 'packets of pods do not leave the node, nor reach it from other nodes',
  },
  {
    key: () => 'net.ipv6.conf.all.forwarding',
    applies: (node) => node.ipv6,
    wrong: (value) => value !== '1',
    value: '1',
    level: 'fail',
    what: 'IPv6 packets of pods do not leave the node, nor reach it from other nodes',
  },
  // The effective value is the larger of "all" and the link's.
  {
    key: () => 'net.ipv4.conf.all.rp_filter',
    wrong: (value) => value === '1',
    value: '2',
    level: 'fail',
    what: STRICT,
  },
  {
    key: (node) => linkKey(node.uplink, 'rp_filter'),
    wrong: (value) => value === '1',
    value: '2',
    level: 'fail',
    what: STRICT,
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

/** Every check on one node, those that are fine included. */
export function checkNode(node: NodeFacts): Finding[] {
  return [
    ...SYSCTLS.filter(({ applies }) => applies?.(node) ?? true).map((rule) => checkSysctl(node, rule)),
    checkStrictLinks(node),
    ...checkMtu(node),
    checkChecksums(node),
    checkConntrack(node),
    checkBackends(node),
    checkFirewalls(node),
  ];
}

function checkSysctl(node: NodeFacts, rule: SysctlRule): Finding {
  const key = rule.key(node);
  const value = node.sysctls[key];
  if (value === undefined || !rule.wrong(value)) return ok(node.name, key, value ?? 'not on this kernel');
  return {
    check: key,
    where: node.name,
    level: rule.level,
    what: `is ${value}: ${rule.what}`,
    mend: `set it to ${rule.value}`,
    fixes: [{ kind: 'sysctl', sysctl: key, value: rule.value }],
  };
}

function checkStrictLinks({ name, strictLinks }: NodeFacts): Finding {
  const check = 'rp_filter of the overlay';
  // "all" decides where it is larger; loose there makes every link loose.
  if (strictLinks.length === 0) return ok(name, check, 'none is strict');
  return {
    check,
    where: name,
    level: 'fail',
    what: `is 1 on ${strictLinks.join(', ')}: ${STRICT}`,
    mend: 'set it to 2 there',
    fixes: strictLinks.map((device): Fix => ({ kind: 'sysctl', sysctl: linkKey(device, 'rp_filter'), value: '2' })),
  };
}

/** A pod that may send larger packets than its way allows loses them when ICMP is filtered anywhere. */
function checkMtu(node: NodeFacts): Finding[] {
  const uplink = node.links.find((link) => link.name === node.uplink);
  const base = { check: 'mtu', where: node.name } as const;
  if (uplink === undefined) {
    return [
      {
        level: 'fail',
        check: 'uplink',
        where: node.name,
        what: `there is no device ${node.uplink}`,
        mend: 'name the device that leads to the other nodes',
      },
    ];
  }
  if (node.wireMtu !== undefined && node.wireMtu !== uplink.mtu) {
    return [
      {
        ...base,
        level: 'fail',
        what: `${uplink.name} has ${uplink.mtu}, and the other end of the wire ${node.wireMtu}: packets between the two sizes are lost without a word`,
        mend: `ip link set ${uplink.name} mtu ${node.wireMtu}`,
        fixes: [{ kind: 'mtu', device: uplink.name, mtu: node.wireMtu }],
      },
    ];
  }
  const overlay = node.links.find((link) => link.kind === 'vxlan');
  const findings: Finding[] = [];
  if (overlay !== undefined && overlay.mtu > uplink.mtu - VXLAN_OVERHEAD) {
    const mtu = uplink.mtu - VXLAN_OVERHEAD;
    findings.push({
      ...base,
      level: 'fail',
      what: `${overlay.name} has ${overlay.mtu}, and ${uplink.name} only ${uplink.mtu}: large packets are lost inside the envelope`,
      mend: `ip link set ${overlay.name} mtu ${mtu}`,
      fixes: [{ kind: 'mtu', device: overlay.name, mtu }],
    });
  }
  const path = overlay?.mtu ?? uplink.mtu;
  const large = node.links.filter((link) => isPodLink(link.name) && link.mtu > path);
  if (large.length > 0) {
    findings.push({
      ...base,
      level: 'warn',
      what: `${large.length} pod links allow more than the ${path} bytes that pass between nodes, such as ${large[0]?.name}`,
      mend: 'restart the agent, which sets the MTU of every pod',
    });
  }
  return findings.length > 0 ? findings : [ok(node.name, 'mtu', `pods ${path}, ${uplink.name} ${uplink.mtu}`)];
}

const isPodLink = (name: string): boolean => /^lxc[0-9a-f]{11}$/.test(name);

/** The newest kernel that sends broken outer checksums for masqueraded packets of an overlay. */
const BROKEN_OFFLOAD = [5, 7] as const;

function checkChecksums({ name, kernel, links, checksumErrors }: NodeFacts): Finding {
  const check = 'checksum offload';
  const overlay = links.find((link) => link.kind === 'vxlan');
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  const old = major < BROKEN_OFFLOAD[0] || (major === BROKEN_OFFLOAD[0] && minor <= BROKEN_OFFLOAD[1]);
  if (checksumErrors > 0) {
    const device = overlay?.name ?? 'the device they came in by';
    return {
      check,
      where: name,
      level: 'warn',
      what: `${checksumErrors} packets arrived with a wrong checksum and were thrown away`,
      mend: `ethtool -K ${device} tx-checksum-ip-generic off, on the nodes that send them`,
    };
  }
  if (overlay !== undefined && old) {
    return {
      check,
      where: name,
      level: 'warn',
      what: `kernel ${kernel} may send masqueraded packets with broken checksums over ${overlay.name}`,
      mend: `ethtool -K ${overlay.name} tx-checksum-ip-generic off`,
    };
  }
  return ok(name, check, 'no packet came with a wrong checksum');
}

function checkConntrack({ name, conntrack }: NodeFacts): Finding {
  const check = 'connection tracking counters';
  const { insertFailed, drop, earlyDrop, clashResolved } = conntrack;
  const what = `insert_failed ${insertFailed}, drop ${drop}, early_drop ${earlyDrop}, clash_resolve ${clashResolved}`;
  if (drop + earlyDrop > 0) {
    return {
      check,
      where: name,
      level: 'warn',
      what: `${what}: packets were dropped because the table was full`,
      mend: 'raise net.netfilter.nf_conntrack_max on the host',
    };
  }
  if (insertFailed > 0) {
    return {
      check,
      where: name,
      level: 'warn',
      what: `${what}: packets were dropped because another of the same connection was faster; DNS questions sent at once wait 5 s then`,
      mend: "let clients ask one question after the other ('options single-request-reopen'), or use TCP",
    };
  }
  return ok(name, check, what);
}

function checkBackends(node: NodeFacts): Finding {
  const check = 'iptables back ends';
  if (!node.iptablesNft || node.legacyTables.length === 0) return ok(node.name, check, 'one in use');
  return {
    check,
    where: node.name,
    level: 'warn',
    what: `rules stand in iptables-nft and in iptables-legacy (${node.legacyTables.join(', ')}): both are applied, and each tool shows its own only`,
    mend: 'move the rules of one to the other and flush it',
  };
}

function checkFirewalls({ name, foreignChains }: NodeFacts): Finding {
  const check = 'other firewalls';
  const stopping = foreignChains.filter((chain) => chain.policyDrops || chain.refuses);
  if (stopping.length === 0) return ok(name, check, 'none stops what passes');
  const texts = stopping.map((chain) => `${chain.name} (${chain.hook}${chain.policyDrops ? ', policy drop' : ''})`);
  return {
    check,
    where: name,
    level: 'warn',
    what: `${texts.join(', ')} may stop traffic of pods`,
    mend: 'accept traffic of the pod and Service ranges there',
  };
}
