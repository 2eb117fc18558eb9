// Gives the rules that a packet passed their words: nft's own for its tables, and iptables' for the tables that
// iptables-nft owns, which nft shows only in part. There a rule is found by its place in its chain, on which both tools
// agree.
import { runCommand } from '../linux/index.ts';
import type { Place, RuleStep } from './contract.ts';
import { parseNftRuleset } from './nft-ruleset.ts';

const IPTABLES_TABLES: ReadonlySet<string> = new Set(['filter', 'nat', 'mangle', 'raw', 'security']);

const isIptables = (step: RuleStep) =>
  (step.family === 'ip' || step.family === 'ip6') && IPTABLES_TABLES.has(step.table);
const chainOf = (step: RuleStep) => `${step.family} ${step.table} ${step.chain}`;

/** A step with its words, and the words of all rules of its chain, in order. */
export interface NamedStep {
  readonly step: RuleStep;
  readonly chain: readonly string[];
}

/** Reads the texts once for all steps of a node; steps whose rule is not found any more stay without. */
export async function withRuleTexts(node: Place, steps: readonly RuleStep[]): Promise<NamedStep[]> {
  const ruled = steps.filter((step) => step.handle !== undefined);
  const chains = [...new Set(ruled.map(chainOf))];
  const families = [...new Set(ruled.filter(isIptables).map((step) => step.family))];
  const [listings, saves] = await Promise.all([
    Promise.all(
      chains.map((chain) => runCommand('nft', ['-a', 'list', 'chain', ...chain.split(' ')], { netns: node.netns })),
    ),
    Promise.all(
      families.map((family) =>
        runCommand(family === 'ip' ? 'iptables-nft-save' : 'ip6tables-nft-save', [], { netns: node.netns }),
      ),
    ),
  ]);
  const listed = parseListing(listings.map((listing) => listing.stdout).join('\n'));
  const saved = new Map(families.map((family, i) => [family, parseSave(saves[i]?.stdout ?? '')]));
  return steps.map((step) => {
    const rules = listed.get(chainOf(step)) ?? [];
    const position = rules.findIndex((rule) => rule.handle === step.handle);
    const chain = isIptables(step)
      ? (saved.get(step.family)?.get(`${step.table} ${step.chain}`) ?? [])
      : rules.map((rule) => rule.text);
    const text = position < 0 ? undefined : chain[position];
    return { step: text === undefined ? step : { ...step, text }, chain };
  });
}

/** The elements of a map that stand under these keys; all of them when one is not there. */
export async function readElements(
  node: Place,
  map: { readonly family: string; readonly table: string; readonly name: string },
  keys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const where = [map.family, map.table, map.name];
  const get = ['get', 'element', ...where, `{ ${keys.join(', ')} }`];
  const some = await runCommand('nft', get, { netns: node.netns });
  const { stdout } =
    some.status === 0 ? some : await runCommand('nft', ['list', 'map', ...where], { netns: node.netns });
  return parseNftRuleset(stdout).maps.get(map.name) ?? new Map();
}

export interface ListedRule {
  readonly handle: number;
  readonly text: string;
}

/** `nft -a list chain`: each chain's rules in order, by `family table chain`. */
export function parseListing(listing: string): Map<string, ListedRule[]> {
  const result = new Map<string, ListedRule[]>();
  let table = '';
  let list: ListedRule[] = [];
  for (const line of listing.split('\n')) {
    const opened = /^\s*table (\S+) (\S+) \{/.exec(line);
    const chain = /^\s*chain (\S+) \{/.exec(line);
    if (opened !== null) {
      table = `${opened[1]} ${opened[2]}`;
    } else if (chain !== null) {
      list = [];
      result.set(`${table} ${chain[1]}`, list);
    } else {
      const rule = /^\s*(.*?) # handle (\d+)$/.exec(line.trimEnd());
      if (rule !== null) list.push({ handle: Number(rule[2]), text: withoutCounters(rule[1] ?? '') });
    }
  }
  return result;
}

const withoutCounters = (text: string) =>
  text
    .replaceAll(/\bcounter packets \d+ bytes \d+ ?/g, '')
    .replaceAll(/ +/g, ' ')
    .trim();

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
