// The statements that several rules of the table share.
import type { NftStatement } from '../../linux/index.ts';
import type { Family, LocalDetector } from '../contract.ts';
import { nftFamily } from './objects.ts';

/** "Sent by a pod of this node", or with `!=` not; undefined: it cannot be told. */
export function localSource(d: LocalDetector, family: Family, op: '==' | '!='): NftStatement | undefined {
  switch (d.kind) {
    case 'none':
      return undefined;
    case 'cidr':
      return { match: source(family), op, value: d.cidr };
    case 'bridge':
      return { match: 'meta iifname', op, value: d.name };
    case 'prefix':
      return { match: 'meta iifname', op, value: `${d.prefix}*` };
  }
}

export const source = (family: Family) => `${nftFamily(family)} saddr` as const;
export const destination = (family: Family) => `${nftFamily(family)} daddr` as const;
/** The key of the maps for virtual addresses. */
export const virtualKey = (family: Family) => [destination(family), 'meta l4proto', 'th dport'] as const;
/** The key of the maps for node ports. */
export const NODE_PORT_KEY = ['meta l4proto', 'th dport'] as const;

export const FROM_THIS_NODE: NftStatement = { match: { fib: 'type', of: 'saddr' }, value: 'local' };
export const TO_THIS_NODE: NftStatement = { match: { fib: 'type', of: 'daddr' }, value: 'local' };
export const MASQUERADE: NftStatement = { masquerade: { fullyRandom: true } };
export const REJECT: NftStatement = { reject: 'default' };
