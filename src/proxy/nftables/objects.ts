// The words of the nftables mode: the objects of our table and the operations of a transaction, as plain values.
// Keys and values are written as nft writes them (`10.96.0.10 . tcp . 80`), so that what is planned, what a person
// reads in `nft list table`, and what tests compare are the same text.
import type { NftSet, NftStatement } from '../../linux/index.ts';
import type { Family } from '../contract.ts';

export const TABLE = 'portico';
export const nftFamily = (family: Family): 'ip' | 'ip6' => (family === 'IPv4' ? 'ip' : 'ip6');

/** A typed field of a key or a value. */
export type Field = 'addr' | 'proto' | 'port' | 'index';

export type Rule = readonly NftStatement[];

export interface SetSpec {
  readonly name: string;
  readonly key: readonly Field[];
  /** Absent: a set; `verdict`, or fields: a map. */
  readonly value?: 'verdict' | readonly Field[];
  /** Filled from packets, forgetting after this time. */
  readonly timeoutSeconds?: number;
  /** Most elements that it takes; absent: any number. */
  readonly size?: number;
}

export interface BaseChainSpec {
  readonly name: string;
  readonly type: 'nat' | 'filter';
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
  readonly priority: number;
}

export type NftOp =
  | { readonly op: 'add-table' }
  | { readonly op: 'delete-table' }
  | { readonly op: 'add-set'; readonly set: SetSpec }
  | { readonly op: 'delete-set'; readonly name: string }
  | { readonly op: 'add-base-chain'; readonly chain: BaseChainSpec }
  /** Creates the chain if need be. */
  | { readonly op: 'add-chain'; readonly name: string }
  /** Replaces the rules of a chain that exists. */
  | { readonly op: 'write-chain'; readonly name: string; readonly rules: readonly Rule[] }
  | { readonly op: 'delete-chain'; readonly name: string }
  | { readonly op: 'add-elements' | 'delete-elements'; readonly set: string; readonly elements: readonly Element[] };

/** `data` is for maps only, and not looked at in deletions. */
export interface Element {
  readonly key: string;
  readonly data?: string;
}

/** Elements collected by set, in the order of the sets' first use. */
export class ElementBatches {
  readonly #op: 'add-elements' | 'delete-elements';
  readonly #bySet = new Map<string, Element[]>();

  constructor(op: 'add-elements' | 'delete-elements') {
    this.#op = op;
  }

  push(set: string, element: Element): void {
    const batch = this.#bySet.get(set);
    if (batch === undefined) this.#bySet.set(set, [element]);
    else batch.push(element);
  }

  get ops(): NftOp[] {
    return [...this.#bySet].map(([set, elements]) => ({ op: this.#op, set, elements }));
  }
}

/** How much a transaction writes. */
export const countElements = (ops: readonly NftOp[]): number =>
  ops.reduce((n, o) => n + ('elements' in o ? o.elements.length : 1), 0);

/**
 * Addresses with so many endpoints stand in a set for each number, `services-1` to `services-16`; only the others are
 * in the verdict map `services`. An element that says `goto` makes the kernel check the whole rule set again, every
 * element of every verdict map included (13 ms at 45,000 services); an element of a set costs 0.02 ms at any size.
 */
export const MOST_IN_SETS = 16;
export const countedSet = (endpoints: number): string => `services-${endpoints}`;
export const COUNTS: readonly number[] = Array.from({ length: MOST_IN_SETS }, (_, i) => i + 1);

/** Maps and sets that every service shares. */
export const SHARED_SETS: readonly SetSpec[] = [
  ...COUNTS.map((n): SetSpec => ({ name: countedSet(n), key: ['addr', 'proto', 'port'] })),
  // Where other virtual addresses, and node ports, lead.
  { name: 'services', key: ['addr', 'proto', 'port'], value: 'verdict' },
  { name: 'node-ports', key: ['proto', 'port'], value: 'verdict' },
  // Endpoint number i of a virtual address, for policy Cluster and for policy Local.
  { name: 'endpoints', key: ['addr', 'proto', 'port', 'index'], value: ['addr', 'port'] },
  { name: 'local-endpoints', key: ['addr', 'proto', 'port', 'index'], value: ['addr', 'port'] },
  { name: 'node-port-endpoints', key: ['proto', 'port', 'index'], value: ['addr', 'port'] },
  { name: 'node-port-local-endpoints', key: ['proto', 'port', 'index'], value: ['addr', 'port'] },
  // Answers where no endpoint can take the traffic; looked up after translation was tried.
  { name: 'rejected-services', key: ['addr', 'proto', 'port'] },
  { name: 'dropped-services', key: ['addr', 'proto', 'port'] },
  { name: 'rejected-node-ports', key: ['proto', 'port'] },
  { name: 'dropped-node-ports', key: ['proto', 'port'] },
  // Load-balancer addresses that only some sources may use.
  { name: 'firewalls', key: ['addr', 'proto', 'port'], value: 'verdict' },
  { name: 'cluster-ips', key: ['addr'] },
  { name: 'node-ips', key: ['addr'] },
  // Endpoints of this node that may reach themselves through a service.
  { name: 'hairpins', key: ['addr', 'addr', 'proto', 'port'] },
];

const FILTER = 0;
const DSTNAT = -100;
const SRCNAT = 100;
/** Before translation, so that source ranges see the virtual address. */
const PRE_DNAT = DSTNAT - 10;

export const BASE_CHAINS: readonly BaseChainSpec[] = [
  { name: 'filter-prerouting-pre-dnat', type: 'filter', hook: 'prerouting', priority: PRE_DNAT },
  { name: 'filter-output-pre-dnat', type: 'filter', hook: 'output', priority: PRE_DNAT },
  { name: 'filter-input', type: 'filter', hook: 'input', priority: FILTER },
  { name: 'filter-forward', type: 'filter', hook: 'forward', priority: FILTER },
  { name: 'filter-output', type: 'filter', hook: 'output', priority: FILTER },
  { name: 'nat-prerouting', type: 'nat', hook: 'prerouting', priority: DSTNAT },
  { name: 'nat-output', type: 'nat', hook: 'output', priority: DSTNAT },
  { name: 'nat-postrouting', type: 'nat', hook: 'postrouting', priority: SRCNAT },
];

const keyType = (fields: readonly Field[], family: Family): NftSet['key'] => {
  const words = {
    addr: `${nftFamily(family)} daddr`,
    proto: 'meta l4proto',
    port: 'th dport',
    // The only way to name a number that has no type of its own.
    index: { numgen: 'random', mod: 65_536 },
  } as const;
  return { typeof: fields.map((f) => words[f]) };
};

const DYNAMIC_SIZE = 65_536;

/** The kernel object that a set of ours is. */
export function nftSet(spec: SetSpec, family: Family): NftSet {
  const { name, key, value, timeoutSeconds, size } = spec;
  return {
    kind: 'set',
    family: nftFamily(family),
    table: TABLE,
    name,
    key: keyType(key, family),
    ...(value === undefined ? {} : { data: value === 'verdict' ? value : keyType(value, family) }),
    ...(size === undefined ? {} : { size }),
    ...(timeoutSeconds === undefined ? {} : { flags: ['dynamic', 'timeout'], timeoutSeconds, size: DYNAMIC_SIZE }),
  };
}
