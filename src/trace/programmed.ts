// What a node's kernel does with one port of a service, read back from its rules, whichever proxy mode made them. Pure:
// text of the tools in, a value out. Deliberately not written with the proxy's own planner: it would repeat its errors.
import { canonicalIp } from '../ip/index.ts';
import { hairpinInNft } from './masquerade-checks.ts';
import { followPacket } from './nft-ruleset.ts';
import type { NftRuleset } from './nft-ruleset.ts';

export interface ServiceAddress {
  readonly ip: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
  /** The address is a node's and the port a node port. */
  readonly nodePort?: boolean;
  /** The address is one that clients outside the cluster use: a load balancer's, or an external one. */
  readonly external?: boolean;
}

export interface Programmed {
  /** `translate`: sent to the targets. `reject`: refused for want of endpoints. `absent`: no rule is about it. */
  readonly kind: 'translate' | 'reject' | 'absent';
  readonly targets: readonly string[];
  /** Rules that contradict each other or lead nowhere. */
  readonly problems: readonly string[];
  /** Targets that are not masqueraded when they reach themselves. */
  readonly noHairpin?: readonly string[];
  /** Connections are marked on the way, to be masqueraded. */
  readonly marked?: boolean;
}

export interface SavedRule {
  readonly chain: string;
  readonly text: string;
  readonly target: string | undefined;
}

/** The rules of `iptables-save` (`ip6tables-save`), by table and chain. */
export type SavedRules = ReadonlyMap<string, readonly SavedRule[]>;

export function programmedInIptables(rules: SavedRules, address: ServiceAddress): Programmed {
  const onPort = (rule: SavedRule) =>
    rule.text.includes(` -p ${address.protocol} `) && new RegExp(` --dport ${address.port}( |$)`).test(rule.text);
  const about = (rule: SavedRule) => new RegExp(` -d ${escaped(address.ip)}/\\d+ `).test(rule.text) && onPort(rule);
  const outside = address.nodePort === true || address.external === true;
  const first =
    address.nodePort === true
      ? (rules.get('nat KUBE-NODEPORTS') ?? []).find(onPort)
      : (rules.get('nat KUBE-SERVICES') ?? []).find(about);
  const found =
    first === undefined ? undefined : outside ? externalEntry(rules, first) : { rule: first, marked: false };
  if (found === undefined) {
    const table = outside ? 'filter KUBE-EXTERNAL-SERVICES' : 'filter KUBE-SERVICES';
    const matches = address.nodePort === true ? onPort : about;
    const rejected = (rules.get(table) ?? []).some(
      (rule) => matches(rule) && /^(REJECT|DROP)$/.test(rule.target ?? ''),
    );
    return { kind: rejected ? 'reject' : 'absent', targets: [], problems: [] };
  }
  const entry = found.rule;
  const problems: string[] = [];
  const noHairpin: string[] = [];
  const chain = rules.get(`nat ${entry.target}`);
  if (chain === undefined || chain.length === 0) problems.push(`chain ${entry.target} is empty`);
  const picks = (chain ?? []).filter(
    (rule) => rule.target?.startsWith('KUBE-SEP-') && !rule.text.includes('-m recent'),
  );
  const targets = picks.flatMap((pick, i) => {
    problems.push(...oddProbability(pick, picks.length - i));
    const own = rules.get(`nat ${pick.target}`) ?? [];
    const translation = own.find((rule) => rule.target === 'DNAT');
    const to = / --to-destination (\S+)/.exec(translation?.text ?? '')?.[1];
    if (to === undefined) problems.push(`chain ${pick.target} translates nothing`);
    else if (!own.some((rule) => rule.target === MARK_CHAIN && rule.text.includes(` -s ${hostOf(to)}/`)))
      noHairpin.push(to);
    return to ?? [];
  });
  return {
    kind: 'translate',
    targets: targets.toSorted(),
    problems,
    ...(noHairpin.length === 0 ? {} : { noHairpin }),
    ...(found.marked ? { marked: true } : {}),
  };
}

const MARK_CHAIN = 'KUBE-MARK-MASQ';

/** `10.244.0.1:80`, `[fd00::1]:80`. */
const hostOf = (target: string) => target.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '');

/**
 * Addresses for clients outside go through a chain that decides on masquerade and leads on to the endpoints; what it
 * has for pods and for the node itself is not what a client outside meets. Undefined: it leads such a client nowhere.
 */
function externalEntry(rules: SavedRules, outer: SavedRule): { rule: SavedRule; marked: boolean } | undefined {
  if (/^KUBE-SV[CL]-/.test(outer.target ?? '')) return { rule: outer, marked: false };
  const chain = rules.get(`nat ${outer.target}`);
  // A chain that is not there, or another one that decides before it (source ranges).
  if (chain === undefined || chain.length === 0) return { rule: outer, marked: false };
  const further = chain.findLast((rule) => rule.target?.startsWith('KUBE-EXT-'));
  if (further !== undefined) return externalEntry(rules, further);
  const conditional = / -s \S+ | --src-type LOCAL /;
  const rule = chain.findLast((r) => /^KUBE-SV[CL]-/.test(r.target ?? '') && !conditional.test(r.text));
  const marked = chain.some((r) => r.target === MARK_CHAIN && !conditional.test(r.text));
  return rule && { rule, marked };
}

/** The virtual addresses that the rules are about. */
export function addressesInIptables(rules: SavedRules): ServiceAddress[] {
  const all = [...(rules.get('nat KUBE-SERVICES') ?? []), ...(rules.get('filter KUBE-SERVICES') ?? [])];
  return uniqueAddresses(
    all.flatMap(({ text }) => {
      const [, ip] = / -d (\S+?)\/(?:32|128) /.exec(text) ?? [];
      const [, protocol] = / -p (tcp|udp|sctp) /.exec(text) ?? [];
      const [, port] = / --dport (\d+) /.exec(text) ?? [];
      return ip === undefined || port === undefined ? [] : toAddress(ip, protocol, Number(port));
    }),
  );
}

/** The virtual addresses that sets and maps are about: keys that begin with address, protocol and port. */
export function addressesInNft({ sets, maps }: NftRuleset): ServiceAddress[] {
  const keys = [
    ...[...sets.values()].flatMap((set) => [...set]),
    ...[...maps.values()].flatMap((map) => [...map.keys()]),
  ];
  return uniqueAddresses(
    keys.flatMap((key) => {
      const [ip = '', protocol, port] = key.split(' . ');
      return canonicalIp(ip) === undefined || port === undefined ? [] : toAddress(ip, protocol, Number(port));
    }),
  );
}

function toAddress(ip: string, protocol: string | undefined, port: number): ServiceAddress[] {
  return protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp' ? [{ ip, protocol, port }] : [];
}

const uniqueAddresses = (list: readonly ServiceAddress[]): ServiceAddress[] => [
  ...new Map(list.map((a) => [`${a.ip} ${a.protocol} ${a.port}`, a])).values(),
];

/** Of n remaining endpoints each rule must take 1/n, the last one all. */
function oddProbability(pick: SavedRule, remaining: number): string[] {
  const written = / --probability ([\d.]+)/.exec(pick.text)?.[1];
  const probability = written === undefined ? 1 : Number(written);
  if (Math.abs(probability - 1 / remaining) < 1e-6) return [];
  return [`${pick.chain} takes ${probability} of the connections to ${pick.target} instead of 1 in ${remaining}`];
}

export function savedRules(save: string): SavedRules {
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

/** The proxy's table as `nft list table` prints it. */
export function programmedInNft(ruleset: NftRuleset, address: ServiceAddress): Programmed {
  const packet = { daddr: address.ip, protocol: address.protocol, dport: address.port };
  const translated = followPacket(ruleset, 'nat prerouting', packet);
  if (translated.kind === 'translate') {
    const noHairpin = translated.targets.filter((target) => !hairpinInNft(ruleset, address.protocol, target));
    return {
      kind: 'translate',
      targets: translated.targets.toSorted(),
      problems: translated.problems,
      ...(noHairpin.length === 0 ? {} : { noHairpin }),
      ...(translated.marked === true ? { marked: true } : {}),
    };
  }
  const hook = address.nodePort === true ? 'filter input' : 'filter forward';
  const refused = followPacket(ruleset, hook, packet).kind === 'stop';
  return { kind: refused ? 'reject' : 'absent', targets: [], problems: [] };
}
