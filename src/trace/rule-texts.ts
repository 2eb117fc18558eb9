// Gives rules of iptables-nft tables the words iptables has for them: nft shows such rules only in part. A rule is found
// by its place in its chain, which both tools agree on.
import { runCommand } from '../linux/index.ts';
import type { Place, RuleStep } from './contract.ts';

/** Tables that iptables-nft owns; any other table is nft's own and keeps nft's words. */
const IPTABLES_TABLES: ReadonlySet<string> = new Set(['filter', 'nat', 'mangle', 'raw', 'security']);

const isIptables = (step: RuleStep) =>
  (step.family === 'ip' || step.family === 'ip6') && IPTABLES_TABLES.has(step.table);

/** Reads the texts once for all steps of a node; steps whose rule is not found any more keep what they have. */
export async function withIptablesTexts(node: Place, steps: readonly RuleStep[]): Promise<RuleStep[]> {
  const own = steps.filter((step) => isIptables(step) && step.handle !== undefined);
  if (own.length === 0) return [...steps];
  const chains = [...new Set(own.map((step) => `${step.family} ${step.table} ${step.chain}`))];
  const families = [...new Set(own.map((step) => step.family))];
  const listings = Promise.all(
    chains.map((chain) => runCommand('nft', ['-a', 'list', 'chain', ...chain.split(' ')], { netns: node.netns })),
  );
  const saves = await Promise.all(
    families.map((family) =>
      runCommand(family === 'ip' ? 'iptables-nft-save' : 'ip6tables-nft-save', [], { netns: node.netns }),
    ),
  );
  const handles = parseHandles((await listings).map((listing) => listing.stdout).join('\n'));
  const rules = new Map(families.map((family, i) => [family, parseSave(saves[i]?.stdout ?? '')]));
  return steps.map((step) => {
    if (!isIptables(step) || step.handle === undefined) return step;
    const position = handles.get(`${step.family} ${step.table} ${step.chain}`)?.indexOf(step.handle) ?? -1;
    const text = rules.get(step.family)?.get(`${step.table} ${step.chain}`)?.[position];
    return text === undefined ? step : { ...step, text };
  });
}

/** `nft -a list chain`: the handles of each chain's rules in order, by `family table chain`. */
export function parseHandles(listing: string): Map<string, number[]> {
  const result = new Map<string, number[]>();
  let table = '';
  let list: number[] = [];
  for (const line of listing.split('\n')) {
    const opened = /^\s*table (\S+) (\S+) \{/.exec(line);
    const chain = /^\s*chain (\S+) \{/.exec(line);
    if (opened !== null) {
      table = `${opened[1]} ${opened[2]}`;
    } else if (chain !== null) {
      list = [];
      result.set(`${table} ${chain[1]}`, list);
    } else {
      const handle = /# handle (\d+)$/.exec(line.trimEnd());
      if (handle !== null) list.push(Number(handle[1]));
    }
  }
  return result;
}

/** `iptables-save`: the rules of each chain in order, by `table chain`. */
export function parseSave(text: string): Map<string, string[]> {
  const result = new Map<string, string[]>();
  let table = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    const rule = /^(?:\[\d+:\d+\] )?(-A (\S+) .*)$/.exec(line);
    if (rule === null) continue;
    const key = `${table} ${rule[2]}`;
    const list = result.get(key) ?? [];
    list.push(rule[1] ?? '');
    result.set(key, list);
  }
  return result;
}
