// What a node's kernel does with one port of a service, read back from its rules, whichever proxy mode made them. Pure:
// text of the tools in, a value out. Deliberately not written with the proxy's own planner: it would repeat its errors.
export interface ServiceAddress {
  readonly ip: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
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
  const about = (rule: SavedRule) =>
    new RegExp(` -d ${escaped(address.ip)}/\\d+ `).test(rule.text) &&
    rule.text.includes(` -p ${address.protocol} `) &&
    new RegExp(` --dport ${address.port}( |$)`).test(rule.text);
  const entry = (rules.get('nat KUBE-SERVICES') ?? []).find(about);
  if (entry === undefined) {
    const rejected = (rules.get('filter KUBE-SERVICES') ?? []).some((rule) => about(rule) && rule.target === 'REJECT');
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
  const key = `${address.ip} . ${address.protocol} . ${address.port}`;
  const maps = nftMaps(listing);
  const verdict = maps.get('services')?.get(key);
  if (verdict === undefined) {
    const rejected = maps.get('no-endpoint-services')?.has(key) ?? false;
    return { kind: rejected ? 'reject' : 'absent', targets: [], problems: [] };
  }
  const chain = /^(?:goto|jump) (\S+)$/.exec(verdict)?.[1] ?? '';
  const text = followedChain(nftChains(listing), chain);
  if (text === undefined) return { kind: 'translate', targets: [], problems: [`chain ${chain} is not there`] };
  const from = [...text.matchAll(/numgen random mod (\d+)(?: offset \d+)? map @(\S+)/g)].at(-1);
  const mod = Number(from?.[1] ?? 0);
  const entries = [...(maps.get(from?.[2] ?? '') ?? [])].filter(([k]) => k.startsWith(`${key} . `));
  const problems: string[] = [];
  const targets: string[] = [];
  for (let i = 0; i < mod; i++) {
    const to = entries.find(([k]) => k === `${key} . ${i}`)?.[1];
    if (to === undefined)
      problems.push(`map ${from?.[2]} has no element ${key} . ${i}: 1 in ${mod} connections is lost`);
    else targets.push(hostPort(to));
  }
  if (mod === 0) problems.push(`chain ${chain} picks no endpoint`);
  if (entries.length > mod)
    problems.push(`map ${from?.[2]} has ${entries.length} elements for ${key}, of which ${mod} are used`);
  return { kind: 'translate', targets: targets.toSorted(), problems };
}

/** `10.244.0.1 . 80` → `10.244.0.1:80`. */
function hostPort(data: string): string {
  const [ip = '', port = ''] = data.split(' . ');
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** The text of a chain and of those it leads to. */
function followedChain(chains: ReadonlyMap<string, string>, name: string, depth = 0): string | undefined {
  const own = chains.get(name);
  if (own === undefined || depth > 8) return own;
  const further = [...own.matchAll(/\b(?:goto|jump) (\S+)/g)].map(
    ([, next = '']) => followedChain(chains, next, depth + 1) ?? '',
  );
  return [own, ...further].join('\n');
}

function nftChains(listing: string): Map<string, string> {
  return new Map(
    [...listing.matchAll(/^\tchain (\S+) \{\n([\s\S]*?)^\t\}/gm)].map(([, name = '', body = '']) => [name, body]),
  );
}

function nftMaps(listing: string): Map<string, Map<string, string>> {
  const maps = new Map<string, Map<string, string>>();
  for (const [, name = '', body = ''] of listing.matchAll(/^\tmap (\S+) \{\n([\s\S]*?)^\t\}/gm)) {
    const elements = /elements = \{([\s\S]*?)\}/.exec(body)?.[1] ?? '';
    const entries = elements.split(',').flatMap((element): [string, string][] => {
      const [key, data] = element
        .replaceAll(/\s+/g, ' ')
        .trim()
        .replace(/ comment ".*"$/, '')
        .split(' : ');
      return key === undefined || data === undefined ? [] : [[key, data]];
    });
    maps.set(name, new Map(entries));
  }
  return maps;
}
