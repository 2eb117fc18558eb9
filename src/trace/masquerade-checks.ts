// What every Service of a node stands on: the ways into the rules, and the masquerade of what was marked and of pods that
// reach themselves. Pure.
import type { NftRuleset } from './nft-ruleset.ts';
import type { SavedRules } from './programmed.ts';

const WAYS_IN = [
  ['PREROUTING', 'KUBE-SERVICES', 'connections of pods and from outside are not translated'],
  ['OUTPUT', 'KUBE-SERVICES', 'connections of the node itself are not translated'],
  ['POSTROUTING', 'KUBE-POSTROUTING', 'nothing is masqueraded'],
] as const;

const MARK_BITS = /0x[0-9a-f]+/;

export function baseProblemsInIptables(rules: SavedRules): string[] {
  const problems = WAYS_IN.flatMap(([from, to, what]) =>
    (rules.get(`nat ${from}`) ?? []).some((rule) => rule.target === to)
      ? []
      : [`nothing leads from ${from} to ${to}: ${what}`],
  );
  const set = (rules.get('nat KUBE-MARK-MASQ') ?? []).find((rule) => rule.target === 'MARK');
  const chain = rules.get('nat KUBE-POSTROUTING') ?? [];
  const looked = chain.find((rule) => / --mark /.test(rule.text));
  if (set === undefined) problems.push('chain KUBE-MARK-MASQ sets no mark: nothing is masqueraded');
  if (!chain.some((rule) => rule.target === 'MASQUERADE')) problems.push('chain KUBE-POSTROUTING masquerades nothing');
  problems.push(...oddMarks(MARK_BITS.exec(set?.text ?? '')?.[0], MARK_BITS.exec(looked?.text ?? '')?.[0]));
  return problems;
}

export function baseProblemsInNft({ chains }: NftRuleset): string[] {
  const at = (hook: string) => rulesAt(chains, hook);
  const problems: string[] = [];
  for (const [hook, what] of [
    ['nat prerouting', 'connections of pods and from outside are not translated'],
    ['nat output', 'connections of the node itself are not translated'],
  ] as const) {
    if (!at(hook).some((rule) => /\b(?:jump|goto|dnat|vmap)\b/.test(rule)))
      problems.push(`no rule stands at ${hook}: ${what}`);
  }
  const last = at('nat postrouting');
  if (!last.some((rule) => /\bmasquerade\b/.test(rule))) problems.push('no rule at nat postrouting masquerades');
  const rules = [...chains.values()].flatMap((chain) => chain.rules);
  const set = rules.flatMap((rule) => /meta mark set meta mark \| (0x[0-9a-f]+)/.exec(rule)?.[1] ?? [])[0];
  const looked = last.flatMap((rule) => /meta mark & (0x[0-9a-f]+)/.exec(rule)?.[1] ?? [])[0];
  return [...problems, ...oddMarks(set, looked)];
}

/** Rules of the base chains of a hook, and of the chains that they lead to. */
function rulesAt(chains: NftRuleset['chains'], hook: string): string[] {
  const names = new Set([...chains].flatMap(([name, chain]) => (chain.hook === hook ? [name] : [])));
  // A set that grows while it is gone through is gone through to its end.
  for (const name of names) {
    for (const rule of chains.get(name)?.rules ?? []) {
      for (const [, target = ''] of rule.matchAll(/\b(?:jump|goto) ([^\s,}]+)/g)) names.add(target);
    }
  }
  return [...names].flatMap((name) => chains.get(name)?.rules ?? []);
}

function oddMarks(set: string | undefined, looked: string | undefined): string[] {
  if (set === undefined || looked === undefined || Number(set) === Number(looked)) return [];
  return [`packets are marked ${set}, and masqueraded when marked ${looked}`];
}

/** Whether an endpoint on this node that reaches itself is masqueraded. */
export function hairpinInNft({ chains, sets }: NftRuleset, protocol: string, target: string): boolean {
  const [, host = '', port = ''] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(target) ?? [];
  const key = [host, host, protocol, port].join(' . ');
  return rulesAt(chains, 'nat postrouting')
    .filter((rule) => /\bmasquerade\b/.test(rule))
    .some((rule) => [...rule.matchAll(/@(\S+)/g)].some(([, name = '']) => sets.get(name)?.has(key) === true));
}
