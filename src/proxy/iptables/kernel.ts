// The iptables programs of one family as the sync sees them.
import { openIptables, type IptablesVariant } from '../../linux/index.ts';
import type { Family } from '../contract.ts';
import type { IptablesKernel } from './sync.ts';

export function openIptablesKernel(
  family: Family,
  options: { variant: IptablesVariant; netns?: string | undefined },
): IptablesKernel {
  const { variant, netns } = options;
  const iptables = openIptables({ variant, ...(netns === undefined ? {} : { netns }) });
  return {
    restore: (input) => iptables.restore({ family, input, noFlush: true, counters: true }),
    save: (table) => iptables.save({ family, ...(table === undefined ? {} : { table }) }),
  };
}
