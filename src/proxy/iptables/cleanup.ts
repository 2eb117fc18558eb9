// Removes every rule and chain of kube-proxy's iptables and ipvs modes, ours or its own; leaves the kubelet's.
import { CANARY, SHARED_CHAINS, type Table } from './fixed-chains.ts';
import { OWNED_CHAIN } from './names.ts';
import { parseSave, type IptablesKernel } from './sync.ts';

const TABLES: readonly Table[] = ['filter', 'nat', 'mangle'];
/** The kubelet keeps this one, with its rule and jumps. */
const KUBELETS = new Set(['filter KUBE-FIREWALL']);
/** Of kube-proxy's ipvs mode alone. */
const IPVS_CHAINS = [
  'filter KUBE-NODE-PORT',
  'filter KUBE-SOURCE-RANGES-FIREWALL',
  'filter KUBE-IPVS-FILTER',
  'filter KUBE-IPVS-OUT-FILTER',
  'nat KUBE-NODE-PORT',
  'nat KUBE-LOAD-BALANCER',
];
const BUILT_IN = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']);

/** All that kube-proxy ever writes, or what its ipvs mode alone has. */
export type RulesOf = 'every mode' | 'ipvs';

/** `table CHAIN` that a rule stands in, and the chain that it leads to. */
function jumpOf(rule: string): { from: string; to: string } {
  const [table = '', chain = ''] = rule.split(' ', 2);
  return { from: `${table} ${chain}`, to: `${table} ${/ -[jg] (\S+)/.exec(rule)?.[1] ?? ''}` };
}

/**
 * The restore input that removes what `iptables-save` shows of us; empty: nothing is there. Jumps are found by where they
 * lead: their other words differ from one version of kube-proxy to the next. A chain that somebody else's chain leads to
 * stays as it is, with what it leads to. Pure.
 */
export function cleanupInput(saved: string, which: RulesOf = 'every mode'): string {
  const { chains, rules } = parseSave(saved);
  const shared = which === 'ipvs' ? [] : SHARED_CHAINS.map((c) => `${c.table} ${c.chain}`);
  const known = new Set([...shared, ...IPVS_CHAINS]);
  const ours = new Set(
    [...chains].filter((id) => {
      const name = id.slice(id.indexOf(' ') + 1);
      if (KUBELETS.has(id)) return false;
      if (known.has(id)) return true;
      return which !== 'ipvs' && (name === CANARY || (id.startsWith('nat ') && OWNED_CHAIN.test(name)));
    }),
  );
  const jumps = [...rules].map((rule) => ({ rule, ...jumpOf(rule) }));
  const isBuiltIn = (id: string) => BUILT_IN.has(id.slice(id.indexOf(' ') + 1));
  for (let before = -1; before !== ours.size;) {
    before = ours.size;
    for (const { from, to } of jumps) if (!isBuiltIn(from) && !ours.has(from)) ours.delete(to);
  }
  const out: string[] = [];
  for (const table of TABLES) {
    const names = [...ours].filter((id) => id.startsWith(`${table} `)).map((id) => id.slice(table.length + 1));
    const here = jumps.filter((j) => isBuiltIn(j.from) && ours.has(j.to) && j.from.startsWith(`${table} `));
    if (names.length + here.length === 0) continue;
    out.push(`*${table}`, ...names.map((c) => `:${c} - [0:0]`));
    out.push(...here.map((j) => `-D ${j.rule.slice(table.length + 1)}`), ...names.map((c) => `-X ${c}`), 'COMMIT');
  }
  return out.length === 0 ? '' : `${out.join('\n')}\n`;
}

/** True when there was something to remove. */
export async function removeIptablesRules(kernel: IptablesKernel, which?: RulesOf): Promise<boolean> {
  const input = cleanupInput(await kernel.save(), which);
  if (input === '') return false;
  await kernel.restore(input);
  return true;
}
