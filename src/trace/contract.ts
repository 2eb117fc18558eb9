// The walk of one connection as a value: what the command prints, the page plays and the tests compare. Types only.
import type { Envelope, IcmpError, Tuple } from './packet.ts';

/** Where something was seen: a pod, a node, or outside the cluster. */
export interface Place {
  readonly kind: 'pod' | 'node' | 'external';
  /** `namespace/name` of a pod, the name of a node, `external`. */
  readonly name: string;
  /** Network namespace, as in `ip netns`. */
  readonly netns: string;
}

/** Bytes seen on a device. */
export interface CapturedFrame {
  readonly place: Place;
  readonly device: string;
  /** `out`: the device sends it; `in`: it arrives. */
  readonly direction: 'in' | 'out';
  /** Nanoseconds since the epoch, by the kernel's clock. */
  readonly timeNs: bigint;
  /** From the IP header on, cut to the snap length. */
  readonly bytes: Uint8Array;
  /** Length of the IP packet on the wire. */
  readonly length: number;
  /** MTU of the device. */
  readonly mtu?: number;
}

/** One rule, policy or return that a packet met, read from the kernel's own trace. */
export interface RuleStep {
  readonly node: string;
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** Undefined for a chain's policy. */
  readonly handle?: number;
  /** The rule as its tool writes it; undefined when it could not be read back. */
  readonly text?: string;
  /** `accept`, `drop`, `jump KUBE-SERVICES`, `goto …`, `return`, `continue`, `queue`, `stolen`. */
  readonly verdict: string;
  /** The rule was found in what the tool lists; the kernel does not tell that the packet passed it (iptables-legacy). */
  readonly readBack?: boolean;
}

export type Change =
  | { readonly kind: 'dnat' | 'un-dnat' | 'snat' | 'un-snat'; readonly from: string; readonly to: string }
  | { readonly kind: 'encapsulated'; readonly envelope: Envelope }
  | { readonly kind: 'decapsulated' };

export interface Hop {
  readonly place: Place;
  readonly device: string;
  readonly direction: 'in' | 'out';
  /** The kernel's clock, nanoseconds since the epoch in decimal (JSON has no numbers this large). */
  readonly timeNs: string;
  /** Microseconds since the first hop of the walk. */
  readonly atUs: number;
  readonly packet: Tuple & {
    readonly flags: string;
    readonly ttl: number;
    readonly length: number;
    readonly icmp?: IcmpError;
  };
  readonly envelope?: Envelope;
  /** How the packet differs from the hop before. */
  readonly changes: readonly Change[];
  /** Rules passed since the hop before, in order. */
  readonly rules: readonly RuleStep[];
  /** MTU of the device, where it differs from that of the hop before. */
  readonly mtu?: number;
}

/** One packet's way: the first request or the first reply of a connection. */
export interface Leg {
  readonly name: 'request' | 'reply';
  readonly hops: readonly Hop[];
  /** Rules that the packet met after the last hop it was seen at: why it went no further. */
  readonly rulesAfter: readonly RuleStep[];
  /** What was undone between the last device and the client's own socket, where no device shows it: on a node. */
  readonly changesAfter: readonly Change[];
}

/** A connection-tracking entry of one node: both tuples. */
export interface TrackedConnection {
  readonly node: string;
  readonly original: Tuple;
  readonly reply: Tuple;
  readonly state?: string;
  readonly timeoutSeconds?: number;
}

export type ProbeOutcome =
  | { readonly kind: 'connected'; readonly ms: number; readonly answer?: string }
  | { readonly kind: 'refused' | 'timeout' | 'unreachable' | 'failed'; readonly ms: number; readonly message: string };

export interface Walk {
  readonly protocol: 'tcp' | 'udp';
  readonly client: Place;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly outcome: ProbeOutcome;
  readonly legs: readonly Leg[];
  readonly tracked: readonly TrackedConnection[];
  /** The pod or address that the request ended at, as far as it was seen. */
  readonly endpoint?: EndpointReached;
  readonly verdict: Verdict;
  /** What could not be seen, each a sentence. */
  readonly notes: readonly string[];
}

export interface EndpointReached {
  readonly address: string;
  readonly port: number;
  readonly place?: Place;
  readonly node?: string;
  /** Of how many usable endpoints it was chosen. */
  readonly outOf?: number;
  /** False: it was chosen although it is not usable. */
  readonly ready?: boolean;
  /** Of a new connection to get this endpoint, by the rules that chose it as they were read back; 0 to 1. */
  readonly probability?: number;
  /** At random, kept from an earlier connection (affinity), or for want of another. */
  readonly chosenBy?: 'random' | 'affinity' | 'only';
}

export interface Verdict {
  readonly ok: boolean;
  readonly code:
    | 'ok'
    | 'name-not-found'
    | 'rejected-by-rule'
    | 'dropped-by-rule'
    | 'no-listener'
    /** No rule translated the virtual address of a service that has endpoints. */
    | 'not-translated'
    | 'no-route'
    | 'lost'
    | 'no-reply'
    | 'asymmetric-return'
    | 'mtu'
    | 'not-sent';
  readonly sentence: string;
  /** Why the kernel threw the packet away, in its own word, such as `IP_RPFILTER`; where it told. */
  readonly dropReason?: string;
}
