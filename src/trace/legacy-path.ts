// iptables-legacy does not tell which rules a packet passes. What it did to a packet was seen, though: these are the
// rules, read back, that do just that. Pure: saved chains in, rules out.
import type { RuleStep } from './contract.ts';

/** The rules of `iptables-legacy-save` in order, by `table chain`. */
export type SavedChains = ReadonlyMap<string, readonly string[]>;

export interface LegacyPacket {
  readonly protocol: 'tcp' | 'udp';
  readonly destination: string;
  readonly destinationPort: number;
}

const BASE_CHAINS = { nat: ['PREROUTING', 'OUTPUT'], filter: ['FORWARD', 'OUTPUT', 'INPUT'] } as const;

/** The way through the nat table to the rule that translates the packet to this address; [] when there is none. */
export function translatingRules(chains: SavedChains, packet: LegacyPacket, to: string): string[] {
  const arrives = (text: string) => targetOf(text) === 'DNAT' && / --to-destination (\S+)/.exec(text)?.[1] === to;
  return firstPath(chains, 'nat', packet, arrives);
}

/** The way to a rule about this very destination that refuses or drops it; [] when there is none. */
export function refusingRules(chains: SavedChains, packet: LegacyPacket): string[] {
  const arrives = (text: string) =>
    /^(REJECT|DROP)$/.test(targetOf(text) ?? '') && / (?:-d|--dport) /.test(text) && mayMatch(text, packet);
  return firstPath(chains, 'filter', packet, arrives);
}

function firstPath(
  chains: SavedChains,
  table: keyof typeof BASE_CHAINS,
  packet: LegacyPacket,
  arrives: (text: string) => boolean,
): string[] {
  const visited = new Set<string>();
  const follow = (chain: string): string[] | undefined => {
    if (visited.has(chain)) return undefined;
    visited.add(chain);
    for (const text of chains.get(`${table} ${chain}`) ?? []) {
      if (!mayMatch(text, packet)) continue;
      if (arrives(text)) return [text];
      const target = targetOf(text);
      const rest = target !== undefined && chains.has(`${table} ${target}`) ? follow(target) : undefined;
      if (rest !== undefined) return [text, ...rest];
    }
    return undefined;
  };
  for (const base of BASE_CHAINS[table]) {
    const path = follow(base);
    if (path !== undefined) return path;
  }
  return [];
}

/** Comments may hold any words. */
const bare = (text: string) => `${text.replaceAll(/"[^"]*"/g, '""')} `;
const targetOf = (text: string) => / -[jg] (\S+)/.exec(bare(text))?.[1];

/** Whether nothing that the rule says of protocol, destination and port speaks against the packet. */
function mayMatch(rule: string, { protocol, destination, destinationPort }: LegacyPacket): boolean {
  const text = bare(rule);
  const of = (pattern: RegExp) => pattern.exec(text)?.slice(1);
  const [notAddress, address] = of(/ (! )?-d (\S+?)(?:\/(?:32|128))? /) ?? [];
  const [notPort, port] = of(/ (! )?--dport (\S+) /) ?? [];
  const [protocolNamed] = of(/ -p (\S+) /) ?? [];
  if (protocolNamed !== undefined && protocolNamed !== protocol) return false;
  if (address !== undefined && !address.includes('/') && (address === destination) === (notAddress !== undefined))
    return false;
  return port === undefined || (port === String(destinationPort)) !== (notPort !== undefined);
}

/** These rules as steps of a walk, which say that they were not seen to be passed. */
export function readBackSteps(node: string, family: 'ip' | 'ip6', table: string, rules: readonly string[]): RuleStep[] {
  return rules.map((text) => {
    const target = targetOf(text) ?? '';
    const verdict = /^(REJECT|DROP)$/.test(target) ? 'drop' : target === 'DNAT' ? 'accept' : `jump ${target}`;
    return { node, family, table, chain: /^-A (\S+)/.exec(text)?.[1] ?? '', text, verdict, readBack: true };
  });
}
