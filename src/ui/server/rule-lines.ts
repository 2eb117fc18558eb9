// The lines of a kernel's rules that are about one Service, cut from the listing of iptables-save or nft. Pure.

/** Chains that belong to one Service; the others are shared by all. */
const OWN_CHAIN = /^KUBE-(SVC|SVL|SEP|EXT|FW)-/;

interface Rule {
  readonly chain: string;
  readonly text: string;
  readonly target: string | undefined;
}

/** Rules that match one of the addresses, then chain by chain those that they lead to: choice before chosen. */
export function iptablesLines(save: string, addresses: readonly string[]): string[] {
  const chains = Map.groupBy(savedRules(save), (rule) => rule.chain);
  const about = (rule: Rule) => addresses.some((ip) => rule.text.includes(` -d ${ip}/`));
  const shared = [...chains].flatMap(([chain, rules]) => (OWN_CHAIN.test(chain) ? [] : rules.filter(about)));
  const lines: string[] = [];
  const seen = new Set<string>();
  // Nearest first: all rules of one depth stand before those that they lead to.
  for (let level = shared; level.length > 0;) {
    lines.push(...level.map((rule) => rule.text));
    const next: Rule[] = [];
    for (const { target } of level) {
      if (target === undefined || seen.has(target) || !OWN_CHAIN.test(target)) continue;
      seen.add(target);
      next.push(...(chains.get(target) ?? []));
    }
    level = next;
  }
  return lines;
}

function savedRules(save: string): Rule[] {
  return save.split('\n').flatMap((line) => {
    const match = /^(?:\[\d+:\d+\] )?(-A (\S+) .*)$/.exec(line);
    if (match === null) return [];
    const [, text = '', chain = ''] = match;
    // Comments may hold any words.
    const target = / -[jg] (\S+)/.exec(text.replaceAll(/"[^"]*"/g, '""'))?.[1];
    return { chain, text, target };
  });
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
