// Removes the tables of the nftables modes: ours, and kube-proxy's own.
import { findProgram, runCommand } from '../../linux/index.ts';
import type { Family } from '../contract.ts';
import { TABLE, nftFamily } from './objects.ts';

const KUBE_PROXY_TABLE = 'kube-proxy';

/** True when there was one. */
export async function removeNftTable(family: Family, netns: string | undefined): Promise<boolean> {
  const nft = findProgram('nft');
  if (nft === undefined) return false;
  let removed = false;
  for (const table of [TABLE, KUBE_PROXY_TABLE]) {
    const where = netns === undefined ? {} : { netns };
    const { status } = await runCommand(nft, ['delete', 'table', nftFamily(family), table], where);
    if (status === 0) removed = true;
  }
  return removed;
}
