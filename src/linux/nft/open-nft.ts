// Chooses the way to nftables.

import { CliNft } from './cli-nft.ts';
import type { Nft } from './contract.ts';
import { NetlinkNft } from './netlink-nft.ts';

export interface OpenNftOptions {
  readonly netns?: string;
  /** `cli` runs the program nft: slower, and independent of our own encoder. @default {'netlink'} */
  readonly apply?: 'netlink' | 'cli';
}

/** Opens the namespace's nftables. */
export function openNft(options: OpenNftOptions = {}): Nft {
  return options.apply === 'cli' ? new CliNft(options.netns) : new NetlinkNft(options.netns);
}
