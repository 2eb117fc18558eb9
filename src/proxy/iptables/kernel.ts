// The iptables programs of one family as the sync sees them.
import { openIptables, type IptablesVariant } from '../../linux/index.ts';
import type { Family } from '../contract.ts';
import type { Jump } from './fixed-chains.ts';
import type { ForeignWatch } from './foreign-watch.ts';
import type { IptablesKernel } from './sync.ts';

/** Bytes of a restore from which on its notifications are not worth reading. */
const LARGE = 100_000;

/** iptables-nft needs minutes for the rules of 100,000 endpoints; to kill it would only mean to begin anew. */
const RESTORE_LIMIT_MS = { small: 120_000, large: 1_800_000 };

/** iptables-legacy writes its whole table with each restore, however little it is about. */
const CHAINS_AT_ONCE: Readonly<Record<IptablesVariant, number>> = { nft: 1000, legacy: Infinity };

/** Words of a jump's match; a quoted comment is one word. */
const jumpMatch = (jump: Jump): string[] => [...jump.match.matchAll(/"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2] ?? '');

export function openIptablesKernel(
  family: Family,
  options: { variant: IptablesVariant; netns?: string | undefined; watch?: ForeignWatch | undefined },
): IptablesKernel {
  const { variant, netns, watch } = options;
  const iptables = openIptables({ variant, ...(netns === undefined ? {} : { netns }) });
  return {
    chainsAtOnce: CHAINS_AT_ONCE[variant],
    restore(input) {
      const large = input.length > LARGE;
      const timeoutMs = large ? RESTORE_LIMIT_MS.large : RESTORE_LIMIT_MS.small;
      const run = () => iptables.restore({ family, input, noFlush: true, counters: true, timeoutMs });
      return watch === undefined ? run() : watch.own(large, run);
    },
    ensureJump(jump) {
      const rule = [...jumpMatch(jump), '-j', jump.to];
      return iptables.ensureRule({ family, table: jump.table, chain: jump.from, rule, position: 'prepend' });
    },
    save: (table) => iptables.save({ family, ...(table === undefined ? {} : { table }) }),
  };
}
