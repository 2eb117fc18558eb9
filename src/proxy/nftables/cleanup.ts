// Removes the tables of the nftables modes: ours, and kube-proxy's own.
import { findProgram, runCommand } from '../../linux/index.ts';
import type { Family } from '../contract.ts';
import { nftFamily } from './objects.ts';

/** kube-proxy's own. */
export const KUBE_PROXY_TABLE = 'kube-proxy';

/** True when there was one. */
export async function removeNftTables(
  family: Family,
  options: { netns: string | undefined; tables: readonly string[] },
): Promise<boolean> {
  const { netns, tables } = options;
  const nft = findProgram('nft');
  if (nft === undefined) return false;
  let removed = false;
  for (const table of tables) {
    const where = netns === undefined ? {} : { netns };
    const { status } = await runCommand(nft, ['delete', 'table', nftFamily(family), table], where);
    if (status === 0) removed = true;
  }
  return removed;
}
