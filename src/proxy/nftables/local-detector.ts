// Matches for "sent by a pod of this node", in nft's words.
import type { Family, LocalDetector } from '../contract.ts';
import { nftFamily } from './objects.ts';

function match(detector: LocalDetector, family: Family, not: string): string | undefined {
  switch (detector.kind) {
    case 'none':
      return undefined;
    case 'cidr':
      return `${nftFamily(family)} saddr ${not}${detector.cidr}`;
    case 'bridge':
      return `iifname ${not}"${detector.name}"`;
    case 'prefix':
      return `iifname ${not}"${detector.prefix}*"`;
  }
}

/** Undefined: it cannot be told. */
export const ifLocalNft = (d: LocalDetector, family: Family): string | undefined => match(d, family, '');
export const isNotLocalNft = (d: LocalDetector, family: Family): string | undefined => match(d, family, '!= ');
