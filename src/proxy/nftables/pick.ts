// The choice of an endpoint: one chain for every number of endpoints, shared by all services that have so many.
import type { NftSelector, NftSet, NftStatement } from '../../linux/index.ts';
import type { Family } from '../contract.ts';
import { SHARED_SETS, nftSet, type Rule } from './objects.ts';

const PROTOCOLS: NftStatement = { match: 'meta l4proto', anyOf: ['tcp', 'udp', 'sctp'] };

export const pickChain = (count: number): string => `pick-${count}`;

function sharedSet(name: string, family: Family): NftSet {
  const spec = SHARED_SETS.find((s) => s.name === name);
  if (spec === undefined) throw new Error(`there is no shared set ${name}`);
  return nftSet(spec, family);
}

/** Translates to endpoint number 0…count−1, at random, of what the key names in the map. */
export function pickRules(map: string, key: readonly NftSelector[], count: number, family: Family): readonly Rule[] {
  const numbered = [...key, { numgen: 'random', mod: count } as const];
  return [[PROTOCOLS, { dnat: { map: numbered, in: sharedSet(map, family) } }]];
}
