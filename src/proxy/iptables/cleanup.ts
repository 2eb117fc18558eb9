// Removes every rule and chain of kube-proxy's iptables modes, ours or its own; leaves the kubelet's.
import { JUMPS, CANARY, SHARED_CHAINS, jumpRule, type Table } from './fixed-chains.ts';
import { OWNED_CHAIN } from './names.ts';
import { parseSave, type IptablesKernel } from './sync.ts';

const TABLES: readonly Table[] = ['filter', 'nat', 'mangle'];
/** The kubelet keeps this one, with its rule and jumps. */
const KUBELETS = new Set(['filter KUBE-FIREWALL']);

/** The restore input that removes what `iptables-save` shows of us; empty: nothing is there. Pure. */
export function cleanupInput(saved: string): string {
  const { chains, rules } = parseSave(saved);
  const shared = new Set(SHARED_CHAINS.map((c) => `${c.table} ${c.chain}`).filter((id) => !KUBELETS.has(id)));
  const isOurs = (id: string) => {
    const name = id.slice(id.indexOf(' ') + 1);
    return shared.has(id) || name === CANARY || (id.startsWith('nat ') && OWNED_CHAIN.test(name));
  };
  const out: string[] = [];
  for (const table of TABLES) {
    const ours = [...chains]
      .filter((id) => id.startsWith(`${table} `) && isOurs(id))
      .map((id) => id.slice(table.length + 1));
    const jumps = JUMPS.filter((j) => j.table === table && rules.has(`${table} ${jumpRule(j)}`));
    if (ours.length + jumps.length === 0) continue;
    out.push(`*${table}`, ...ours.map((c) => `:${c} - [0:0]`), ...jumps.map((j) => `-D ${jumpRule(j)}`));
    out.push(...ours.map((c) => `-X ${c}`), 'COMMIT');
  }
  return out.length === 0 ? '' : `${out.join('\n')}\n`;
}

/** True when there was something to remove. */
export async function removeIptablesRules(kernel: IptablesKernel): Promise<boolean> {
  const input = cleanupInput(await kernel.save());
  if (input === '') return false;
  await kernel.restore(input);
  return true;
}
