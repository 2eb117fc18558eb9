// What a node's kernel does with one port of a service, read back from its rules, whichever proxy mode made them. Pure:
// text of the tools in, a value out. Deliberately not written with the proxy's own planner: it would repeat its errors.
import { followPacket, parseNftRuleset } from './nft-ruleset.ts';

export interface ServiceAddress {
  readonly ip: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
  /** The address is a node's and the port a node port. */
  readonly nodePort?: boolean;
}

export interface Programmed {
  /** `translate`: sent to the targets. `reject`: refused for want of endpoints. `absent`: no rule is about it. */
  readonly kind: 'translate' | 'reject' | 'absent';
  readonly targets: readonly string[];
  /** Rules that contradict each other or lead nowhere. */
  readonly problems: readonly string[];
}

interface SavedRule {
  readonly chain: string;
  readonly text: string;
  readonly target: string | undefined;
}

/** Reads `iptables-save` (`ip6tables-save`). */
export function programmedInIptables(save: string, address: ServiceAddress): Programmed {
  const rules = savedRules(save);
  const onPort = (rule: SavedRule) =>
    rule.text.includes(` -p ${address.protocol} `) && new RegExp(` --dport ${address.port}( |$)`).test(rule.text);
  const about = (rule: SavedRule) => new RegExp(` -d ${escaped(address.ip)}/\\d+ `).test(rule.text) && onPort(rule);
  const entry =
    address.nodePort === true ? nodePortEntry(rules, onPort) : (rules.get('nat KUBE-SERVICES') ?? []).find(about);
  if (entry === undefined) {
    const table = address.nodePort === true ? 'filter KUBE-EXTERNAL-SERVICES' : 'filter KUBE-SERVICES';
    const matches = address.nodePort === true ? onPort : about;
    const rejected = (rules.get(table) ?? []).some(
      (rule) => matches(rule) && /^(REJECT|DROP)$/.test(rule.target ?? ''),
    );
    return { kind: rejected ? 'reject' : 'absent', targets: [], problems: [] };
  }
  const problems: string[] = [];
  const chain = rules.get(`nat ${entry.target}`);
  if (chain === undefined || chain.length === 0) problems.push(`chain ${entry.target} is empty`);
  const picks = (chain ?? []).filter(
    (rule) => rule.target?.startsWith('KUBE-SEP-') && !rule.text.includes('-m recent'),
  );
  const targets = picks.flatMap((pick, i) => {
    problems.push(...oddProbability(pick, picks.length - i));
    const translation = (rules.get(`nat ${pick.target}`) ?? []).find((rule) => rule.target === 'DNAT');
    const to = / --to-destination (\S+)/.exec(translation?.text ?? '')?.[1];
    if (to === undefined) problems.push(`chain ${pick.target} translates nothing`);
    return to ?? [];
  });
  return { kind: 'translate', targets: targets.toSorted(), problems };
}

/** Node ports go through a chain that decides on masquerade and leads on to the endpoints. */
function nodePortEntry(
  rules: ReadonlyMap<string, readonly SavedRule[]>,
  onPort: (rule: SavedRule) => boolean,
): SavedRule | undefined {
  const outer = (rules.get('nat KUBE-NODEPORTS') ?? []).find(onPort);
  const leads = (rules.get(`nat ${outer?.target}`) ?? []).filter((rule) => /^KUBE-SV[CL]-/.test(rule.target ?? ''));
  return leads.at(-1) ?? outer;
}

/** Of n remaining endpoints each rule must take 1/n, the last one all. */
function oddProbability(pick: SavedRule, remaining: number): string[] {
  const written = / --probability ([\d.]+)/.exec(pick.text)?.[1];
  const probability = written === undefined ? 1 : Number(written);
  if (Math.abs(probability - 1 / remaining) < 1e-6) return [];
  return [`${pick.chain} takes ${probability} of the connections to ${pick.target} instead of 1 in ${remaining}`];
}

function savedRules(save: string): Map<string, SavedRule[]> {
  const rules = new Map<string, SavedRule[]>();
  let table = '';
  for (const line of save.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    const match = /^(?:\[\d+:\d+\] )?-A (\S+) (.*)$/.exec(line);
    if (match === null) continue;
    const [, chain = '', rest = ''] = match;
    // Comments may hold any words.
    const text = ` ${rest.replaceAll(/"[^"]*"/g, '""')} `;
    const key = `${table} ${chain}`;
    const list = rules.get(key) ?? [];
    list.push({ chain, text, target: / -[jg] (\S+)/.exec(text)?.[1] });
    rules.set(key, list);
  }
  return rules;
}

const escaped = (text: string) => text.replaceAll(/[.]/g, '\\.');

/** Reads `nft list table` of the proxy's table. */
export function programmedInNft(listing: string, address: ServiceAddress): Programmed {
  const ruleset = parseNftRuleset(listing);
  const packet = { daddr: address.ip, protocol: address.protocol, dport: address.port };
  const translated = followPacket(ruleset, 'nat prerouting', packet);
  if (translated.kind === 'translate') {
    return { kind: 'translate', targets: translated.targets.toSorted(), problems: translated.problems };
  }
  const hook = address.nodePort === true ? 'filter input' : 'filter forward';
  const refused = followPacket(ruleset, hook, packet).kind === 'stop';
  return { kind: refused ? 'reject' : 'absent', targets: [], problems: [] };
}
