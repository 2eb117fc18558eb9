// What the host's own firewall does to packets of pods, which a node forwards. iptables that refuse what is forwarded (as
// Docker sets them up, and images of some clouds) get a chain in front that accepts the pod ranges; what no rule of ours
// can overrule is told.
import { readFileSync } from 'node:fs';
import { errorText } from '../errors/index.ts';
import { isIpv6 } from '../ip/index.ts';
import { detectIptables, findProgram, inNetns, openIptables, runCommand } from '../linux/index.ts';
import type { Iptables, IptablesFamily, IptablesVariant } from '../linux/index.ts';
import type { Logger } from '../log/index.ts';

export interface HostFirewallOptions {
  readonly netns?: string | undefined;
  /** Of the whole cluster. */
  readonly podCidrs: readonly string[];
  readonly log: Logger;
  /** At the most so often. @default 30000 */
  readonly everyMs?: number;
}

export interface HostFirewall {
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
  stop(): void;
}

const CHAIN = 'PORTICO-FORWARD';
/** A look may take a hundredth of the time. */
const SHARE = 100;
const FAMILIES = ['IPv4', 'IPv6'] as const;
const JUMP = ['-m', 'comment', '--comment', 'pods of the cluster', '-j', CHAIN];

const familyOf = (cidr: string): IptablesFamily => (isIpv6(cidr.slice(0, cidr.indexOf('/'))) ? 'IPv6' : 'IPv4');

/** Does this filter table, as iptables-save prints it, refuse what nothing accepts? Pure. */
export function refusesForwarded(saved: string): boolean {
  return /^:FORWARD DROP /m.test(saved) || /^-A FORWARD -j (?:DROP|REJECT)\b/m.test(saved);
}

/** The chain as iptables-restore reads it, one rule a direction and range. Pure. */
export function acceptChain(podCidrs: readonly string[]): string {
  const rules = podCidrs.flatMap((cidr) => [`-A ${CHAIN} -s ${cidr} -j ACCEPT`, `-A ${CHAIN} -d ${cidr} -j ACCEPT`]);
  return ['*filter', `:${CHAIN} - [0:0]`, ...rules, 'COMMIT', ''].join('\n');
}

export interface ForwardChain {
  /** `inet firewalld`. */
  readonly table: string;
  readonly chain: string;
  readonly policyDrops: boolean;
}

/** Base chains of `nft list chains` that see what is forwarded. Pure. */
export function forwardChains(text: string): ForwardChain[] {
  const found: ForwardChain[] = [];
  let [table, chain] = ['', ''];
  for (const line of text.split('\n')) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table;
    chain = /^\s+chain (\S+) \{/.exec(line)?.[1] ?? chain;
    const policy = /^\s+type filter hook forward priority [^;]*;(?: policy (\w+);)?/.exec(line);
    if (policy !== null) found.push({ table, chain, policyDrops: policy[1] === 'drop' });
  }
  return found;
}

/** Tables that iptables-nft keeps: what they refuse is dealt with by iptables' own means. */
const IPTABLES_TABLES: ReadonlySet<string> = new Set(['ip filter', 'ip6 filter', 'ip security', 'ip6 security', 'ip mangle', 'ip6 mangle']); // prettier-ignore
const isForeign = ({ table }: ForwardChain) => !IPTABLES_TABLES.has(table) && !/^\S+ (?:portico|kube-)/.test(table);

export function startHostFirewall(options: HostFirewallOptions): HostFirewall {
  const { netns, podCidrs, log, everyMs = 30_000 } = options;
  let told = '';
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const look = async () => {
    const chains = await listChains(netns);
    for (const iptables of await inUse(netns, chains)) {
      for (const family of FAMILIES) await acceptPods(iptables, family);
    }
    await tellForeign(chains);
  };

  const acceptPods = async (iptables: Iptables, family: IptablesFamily) => {
    const cidrs = podCidrs.filter((cidr) => familyOf(cidr) === family);
    if (cidrs.length === 0) return;
    const saved = await iptables.save({ family, table: 'filter' });
    if (!refusesForwarded(saved)) return;
    const isWhole = cidrs.every((c) => saved.includes(`-A ${CHAIN} -s ${c} -j ACCEPT\n`) && saved.includes(`-A ${CHAIN} -d ${c} -j ACCEPT\n`)); // prettier-ignore
    if (!isWhole) await iptables.restore({ family, input: acceptChain(cidrs) });
    const wasThere = await iptables.ensureRule({ family, table: 'filter', chain: 'FORWARD', rule: JUMP, position: 'prepend' }); // prettier-ignore
    if (!wasThere || !isWhole) {
      log.info("the host's iptables refuse what is forwarded: packets of pods are accepted before", {
        chain: CHAIN,
        variant: iptables.variant,
        podCidrs: cidrs,
      });
    }
  };

  /** A packet that one chain drops is gone, whatever others accept. */
  const tellForeign = async (chains: string) => {
    const stopping: string[] = [];
    for (const each of forwardChains(chains).filter(isForeign)) {
      const refuses = each.policyDrops || (await tableRefuses(each.table, netns));
      if (refuses) stopping.push(`${each.table} ${each.chain}`);
    }
    const text = stopping.join(', ');
    if (text === told) return;
    told = text;
    if (text === '') return log.info('no other firewall stops what is forwarded any more');
    const how = text.includes('firewalld')
      ? podCidrs.map((c) => `firewall-cmd --permanent --zone=trusted --add-source=${c}`).join('; ') +
        '; firewall-cmd --reload'
      : `accept what comes from and goes to ${podCidrs.join(', ')} there`;
    log.warn(`a firewall of this host may drop packets of pods, in the nftables chain ${text}: ${how}`);
  };

  const turn = async () => {
    const startedAt = performance.now();
    try {
      await look();
    } catch (error) {
      if (!stopped) log.warn("the host's firewall could not be looked at; trying again", { error: errorText(error) });
    }
    // With tens of thousands of chains a look is no small matter.
    const wait = Math.max(everyMs, SHARE * (performance.now() - startedAt));
    if (!stopped) timer = setTimeout(() => void (turning = turn()), wait).unref();
  };
  let turning = turn();

  return {
    idle: () => turning,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Takes the chain away, wherever it is. */
export async function removeHostFirewall(netns: string | undefined): Promise<void> {
  for (const iptables of await inUse(netns, await listChains(netns))) {
    for (const family of FAMILIES) await takeAway(iptables, family);
  }
}

async function listChains(netns: string | undefined): Promise<string> {
  const nft = findProgram('nft');
  return nft === undefined ? '' : (await runCommand(nft, ['list', 'chains'], { netns })).stdout;
}

async function takeAway(iptables: Iptables, family: IptablesFamily): Promise<void> {
  const ours = { family, table: 'filter', chain: CHAIN } as const;
  if (!(await iptables.chainExists(ours))) return;
  await iptables.deleteRule({ ...ours, chain: 'FORWARD', rule: JUMP });
  await iptables.flushChain(ours);
  await iptables.deleteChain(ours);
}

/** The variants that have a filter table here. Those that have none are not asked: asking would make one. */
async function inUse(netns: string | undefined, chains: string): Promise<Iptables[]> {
  const named = (['nft', 'legacy'] as const).filter((v) => findProgram(`iptables-${v}`) !== undefined);
  const only = named.length > 0 ? undefined : await detectIptables(netns === undefined ? {} : { netns });
  const variants: readonly IptablesVariant[] = only === undefined ? named : [only];
  const has = { nft: /^table ip6? filter \{/m.test(chains), legacy: hasLegacyFilter(netns) };
  return variants
    .filter((variant) => has[variant])
    .map((variant) => openIptables({ variant, ...(netns === undefined ? {} : { netns }) }));
}

function hasLegacyFilter(netns: string | undefined): boolean {
  return ['ip_tables_names', 'ip6_tables_names'].some((file) => {
    try {
      return inNetns(netns, () => readFileSync(`/proc/thread-self/net/${file}`, 'utf8')).includes('filter');
    } catch {
      return false;
    }
  });
}

async function tableRefuses(table: string, netns: string | undefined): Promise<boolean> {
  const { stdout } = await runCommand('nft', ['-t', 'list', 'table', ...table.split(' ')], { netns });
  return /^\s+(?!type ).*\b(?:drop|reject)\b/m.test(stdout);
}
