// Types of the nft room: objects of a rule set as plain values, in nft's own words. One value renders to the text that
// `nft -f` reads and to the netlink messages the kernel reads.

export type NftFamily = 'ip' | 'ip6' | 'inet';

export type DataTypeName = 'ipv4_addr' | 'ipv6_addr' | 'ether_addr' | 'inet_proto' | 'inet_service' | 'mark' | 'ifname';

/** What a rule loads from the packet, spelled as in nft. */
export type SelectorName =
  | 'ip saddr'
  | 'ip daddr'
  | 'ip protocol'
  | 'ip6 saddr'
  | 'ip6 daddr'
  | 'th sport'
  | 'th dport'
  | 'tcp sport'
  | 'tcp dport'
  | 'udp sport'
  | 'udp dport'
  | 'sctp sport'
  | 'sctp dport'
  | 'meta l4proto'
  | 'meta nfproto'
  | 'meta mark'
  | 'meta iifname'
  | 'meta oifname'
  | 'meta iif'
  | 'meta oif'
  | 'ct state'
  | 'ct status'
  | 'ct direction'
  | 'ct mark'
  | 'ct original ip saddr'
  | 'ct original ip daddr'
  | 'ct original ip6 saddr'
  | 'ct original ip6 daddr'
  | 'ct original proto-src'
  | 'ct original proto-dst';

/** A counter that picks 0 … mod − 1, plus `offset`. */
export interface NumgenSelector {
  readonly numgen: 'random' | 'inc';
  readonly mod: number;
  readonly offset?: number;
}

/** A hash of fields, 0 … mod − 1: the same packet fields always give the same number. */
export interface HashSelector {
  readonly jhash: readonly SelectorName[];
  readonly mod: number;
  readonly seed: number;
}

/** What the routing table says about an address. */
export interface FibSelector {
  readonly fib: 'type';
  readonly of: 'saddr' | 'daddr';
}

/** Some bits of a mark: `meta mark & 0x4000`. */
export interface MaskSelector {
  readonly mask: 'meta mark' | 'ct mark';
  readonly and: number;
}

export type Selector = SelectorName | NumgenSelector | HashSelector | FibSelector | MaskSelector;
/** One selector, or several side by side (`ip daddr . meta l4proto . th dport`). */
export type Operand = Selector | readonly Selector[];

export type Scalar = string | number;
/** Both ends belong to it. */
export interface ScalarRange {
  readonly from: Scalar;
  readonly to: Scalar;
}
/** A field of a key; prefixes (`10.0.0.0/8`) and ranges only where the set has intervals. */
export type Field = Scalar | ScalarRange;

export type Verdict = 'accept' | 'drop' | 'return' | 'continue' | { readonly jump: string } | { readonly goto: string };

/** Types of a key or of data: named types, or the selectors they come from (then `nft list` prints `typeof`). */
export type KeyType =
  | { readonly type: readonly DataTypeName[] }
  | { readonly typeof: readonly (SelectorName | NumgenSelector)[] };

export interface NftTable {
  readonly kind: 'table';
  readonly family: NftFamily;
  readonly name: string;
  readonly comment?: string;
}

export type NftHook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

export interface NftChain {
  readonly kind: 'chain';
  readonly family: NftFamily;
  readonly table: string;
  readonly name: string;
  /** Present: packets enter here; absent: only by jump and goto. */
  readonly base?: {
    readonly type: 'filter' | 'nat' | 'route';
    readonly hook: NftHook;
    readonly priority: number;
    /** @default {'accept'} */
    readonly policy?: 'accept' | 'drop';
  };
  readonly comment?: string;
}

/** A set, or with `data` a map. */
export interface NftSet {
  readonly kind: 'set';
  readonly family: NftFamily;
  readonly table: string;
  readonly name: string;
  readonly key: KeyType;
  readonly data?: 'verdict' | KeyType;
  readonly flags?: readonly ('interval' | 'timeout' | 'dynamic')[];
  /** How long an element lives unless it says otherwise; needs the flag `timeout`. */
  readonly timeoutSeconds?: number;
  /** Most elements; the kernel then chooses a faster structure. Dynamic sets should have one. */
  readonly size?: number;
  readonly comment?: string;
}

export interface NftElement {
  /** Fields in order, or as nft writes them: `10.96.0.10 . tcp . 80`. */
  readonly key: readonly Field[] | string;
  /** For maps: fields, `10.244.0.5 . 8080`, a verdict, or its text `goto pick-3`. */
  readonly data?: readonly Scalar[] | { readonly jump: string } | { readonly goto: string } | string;
  readonly timeoutSeconds?: number;
  readonly comment?: string;
}

/** Where translation goes: fixed, or looked up. */
export type NatTarget =
  | { readonly address: string; readonly port?: number }
  | { readonly map: Operand; readonly in: NftSet }
  /** An anonymous map of number → address and port. */
  | { readonly map: Operand; readonly entries: readonly (readonly [key: Scalar, address: string, port?: number])[] };

export type RejectWith = 'tcp reset' | 'port-unreachable' | 'host-unreachable' | 'admin-prohibited';

export type Statement =
  | Verdict
  /** Compare with one value, a prefix, a range, or any of several flags of `ct state` / `ct status`. */
  | { readonly match: Operand; readonly op?: '==' | '!='; readonly value: Field | readonly Scalar[] }
  /** Member of a named set. */
  | { readonly match: Operand; readonly op?: '==' | '!='; readonly in: string }
  /** Member of an anonymous set. */
  | { readonly match: Operand; readonly op?: '==' | '!='; readonly anyOf: readonly (Field | readonly Field[])[] }
  /** The verdict a named map holds for the key. */
  | { readonly vmap: Operand; readonly in: string }
  | {
      readonly vmap: Operand;
      readonly entries: readonly (readonly [key: Field | readonly Field[], verdict: Verdict])[];
    }
  | { readonly counter: true }
  | { readonly set: 'meta mark' | 'ct mark' | 'meta nftrace'; readonly to: MarkValue }
  | { readonly dnat: NatTarget }
  | { readonly snat: NatTarget; readonly fullyRandom?: boolean }
  | { readonly masquerade: { readonly random?: boolean; readonly fullyRandom?: boolean } }
  /** To this machine, on another port. */
  | { readonly redirect: number }
  /** `default`: port unreachable of the family at hand. */
  | { readonly reject: RejectWith | 'default' }
  /** Put the key of this packet into a set. */
  | { readonly dynset: 'add' | 'update'; readonly key: Operand; readonly set: string; readonly timeoutSeconds?: number }
  | { readonly log: { readonly prefix?: string; readonly group?: number } }
  | { readonly notrack: true }
  /** Lower the MSS of a TCP handshake to what the route carries. */
  | { readonly clampMss: true };

/** A number, another mark, or the mark itself with some bits changed. */
export type MarkValue =
  | number
  | 'meta mark'
  | 'ct mark'
  | { readonly or: number }
  | { readonly and: number }
  | { readonly xor: number };

export interface NftRule {
  readonly kind: 'rule';
  readonly family: NftFamily;
  readonly table: string;
  readonly chain: string;
  readonly statements: readonly Statement[];
  readonly comment?: string;
}

/** A rule that exists, by its number. */
export interface NftRuleRef {
  readonly kind: 'rule-ref';
  readonly family: NftFamily;
  readonly table: string;
  readonly chain: string;
  readonly handle: bigint;
}

export type NftObject = NftTable | NftChain | NftSet | NftRule;

export type NftOperation =
  /** `add` accepts what exists already, `create` refuses it; rules go to the end. */
  | { readonly verb: 'add' | 'create'; readonly object: NftObject }
  /** A rule at the beginning of its chain. */
  | { readonly verb: 'insert'; readonly object: NftRule }
  | { readonly verb: 'delete'; readonly object: NftTable | NftChain | NftSet | NftRuleRef }
  /** Empty a table of its rules, a chain, or a set. */
  | { readonly verb: 'flush'; readonly object: NftTable | NftChain | NftSet }
  | { readonly verb: 'add' | 'create' | 'delete'; readonly set: NftSet; readonly elements: readonly NftElement[] };

// What readers give

export interface TableFacts {
  readonly family: string;
  readonly name: string;
  readonly handle: bigint;
  readonly comment: string | undefined;
}

export interface ChainFacts {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly handle: bigint;
  readonly base:
    | { readonly type: string; readonly hook: string; readonly priority: number; readonly policy: string }
    | undefined;
  readonly comment: string | undefined;
}

export interface SetFacts {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly handle: bigint;
  readonly map: boolean;
  readonly flags: readonly string[];
  readonly size: number | undefined;
  readonly comment: string | undefined;
}

export interface RuleFacts {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly handle: bigint;
  readonly comment: string | undefined;
}

/** An element in canonical text: `10.96.0.10 . tcp . 80`, and for maps `goto pick-3` or `10.244.0.5 . 8080`. */
export interface ElementFacts {
  readonly key: string;
  readonly data: string | undefined;
  readonly comment: string | undefined;
  /** Seconds until it goes; undefined for elements that stay. */
  readonly expiresSeconds: number | undefined;
}

export type NftEvent =
  | {
      readonly kind: 'table' | 'chain' | 'set' | 'rule' | 'element';
      readonly action: 'add' | 'delete';
      readonly family: string;
      readonly table: string;
      readonly name: string | undefined;
    }
  /** A transaction is complete; who made it. */
  | { readonly kind: 'generation'; readonly id: number; readonly processId: number; readonly processName: string }
  /** Events were lost: read what matters anew. */
  | { readonly kind: 'overflow' };

export interface TableRef {
  readonly family: NftFamily;
  readonly name: string;
}

/** The nftables of one namespace. */
export interface Nft {
  /** All or nothing. `check`: only say whether it would be accepted. */
  run(
    transaction: { readonly operations: readonly NftOperation[] },
    options?: { readonly check?: boolean },
  ): Promise<void>;
  tables(): Promise<TableFacts[]>;
  chains(table: TableRef): Promise<ChainFacts[]>;
  sets(table: TableRef): Promise<SetFacts[]>;
  rules(table: TableRef): Promise<RuleFacts[]>;
  /** Elements, decoded with the types of the set given. */
  elements(set: NftSet): Promise<ElementFacts[]>;
  /** What `nft list table` prints: for people. Undefined when there is no such table. */
  listText(table: TableRef): Promise<string | undefined>;
  close(): void;
}
