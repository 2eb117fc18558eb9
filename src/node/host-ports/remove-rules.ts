// Takes every rule for `hostPort` off the node, for good.
import { detectIptables, findProgram, openIptables, type IptablesVariant } from '../../linux/index.ts';
import { CHAIN, GUARD_CHAIN, JUMPS, MASQ_CHAIN } from './plan.ts';

const CHAINS = [
  { table: 'nat', chain: CHAIN },
  { table: 'nat', chain: MASQ_CHAIN },
  { table: 'filter', chain: GUARD_CHAIN },
] as const;

export async function removeHostPortRules(): Promise<void> {
  const variant: IptablesVariant | undefined =
    findProgram('iptables') === undefined ? undefined : await detectIptables();
  if (variant === undefined) return;
  const iptables = openIptables({ variant });
  for (const family of ['IPv4', 'IPv6'] as const) {
    // Asking for a chain makes its table, which a host without one does not want.
    const saved = await iptables.save({ family });
    for (const { table, chain } of CHAINS) {
      if (!new RegExp(`^:${chain} `, 'm').test(saved)) continue;
      const ours = { family, table, chain };
      for (const jump of JUMPS) {
        if (jump.table === table && jump.rule.at(-1) === chain) {
          await iptables.deleteRule({ family, table, chain: jump.chain, rule: [...jump.rule] });
        }
      }
      await iptables.flushChain(ours);
    }
    // Last: the chains refer to each other.
    for (const { table, chain } of CHAINS) {
      if (new RegExp(`^:${chain} `, 'm').test(saved)) await iptables.deleteChain({ family, table, chain });
    }
  }
}
