// The lines of a kernel's rules that are about one Service, cut from the listing of iptables-save or nft. Pure.

/** Chains that belong to one Service; the others are shared by all. */
const OWN_CHAIN = /^KUBE-(SVC|SVL|SEP|EXT|FW)-/;

interface Rule {
  readonly chain: string;
  readonly text: string;
  readonly target: string | undefined;
}

/** Rules that match one of the addresses, then the chains that they lead to, in the order of the walk. */
export function iptablesLines(save: string, addresses: readonly string[]): string[] {
  const rules: Rule[] = [];
  const byChain = new Map<string, Rule[]>();
  for (const line of save.split('\n')) {
    const match = /^(?:\[\d+:\d+\] )?(-A (\S+) .*)$/.exec(line);
    if (match === null) continue;
    const [, text = '', chain = ''] = match;
    const bare = text.replaceAll(/"[^"]*"/g, '""');
    const rule = { chain, text, target: / -[jg] (\S+)/.exec(bare)?.[1] };
    rules.push(rule);
    byChain.set(chain, [...(byChain.get(chain) ?? []), rule]);
  }
  const about = (rule: Rule) => !OWN_CHAIN.test(rule.chain) && addresses.some((ip) => rule.text.includes(` -d ${ip}/`));
  const seen = new Set<string>();
  const lines: string[] = [];
  const follow = (rule: Rule) => {
    lines.push(rule.text);
    const { target } = rule;
    if (target === undefined || seen.has(target) || !OWN_CHAIN.test(target)) return;
    seen.add(target);
    for (const next of byChain.get(target) ?? [])
      next.target?.startsWith('KUBE-SEP-') ? later.push(next) : follow(next);
    // First the whole choice, then each choice's own chain.
    const choices = later.splice(0);
    for (const choice of choices) lines.push(choice.text);
    for (const choice of choices) {
      if (choice.target === undefined || seen.has(choice.target)) continue;
      seen.add(choice.target);
      for (const inner of byChain.get(choice.target) ?? []) lines.push(inner.text);
    }
  };
  const later: Rule[] = [];
  for (const rule of rules.filter(about)) follow(rule);
  return lines;
}

/** Elements of maps and sets that are about one of the addresses, each with the name of its map. */
export function nftLines(listing: string, addresses: readonly string[]): string[] {
  const lines: string[] = [];
  for (const [, kind = '', name = '', body = ''] of listing.matchAll(/^\t(map|set) (\S+) \{\n([\s\S]*?)^\t\}/gm)) {
    const elements = /elements = \{([\s\S]*?)\}/.exec(body)?.[1] ?? '';
    for (const element of elements.split(',')) {
      const text = element.replaceAll(/\s+/g, ' ').trim();
      if (addresses.includes(text.split(' ', 1)[0] ?? '')) lines.push(`${kind} ${name}: ${text}`);
    }
  }
  return lines;
}
