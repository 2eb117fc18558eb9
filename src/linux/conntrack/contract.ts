// Types of connection tracking: what the kernel remembers of a connection, and the verbs on it.

/** One direction of a connection, as packets in that direction look. */
export interface ConntrackTuple {
  readonly family: 4 | 6;
  /** `tcp`, `udp`, `sctp`, `icmp`…, or the number. */
  readonly protocol: string;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
}

export type ConntrackStatus =
  | 'expected'
  | 'seen-reply'
  | 'assured'
  | 'confirmed'
  | 'snat'
  | 'dnat'
  | 'dying'
  | 'fixed-timeout'
  | 'offload';

export interface ConntrackEntry {
  readonly id: number;
  /** As the client sent it. */
  readonly original: ConntrackTuple;
  /** As answers come: shows where translation led. */
  readonly reply: ConntrackTuple;
  readonly status: readonly ConntrackStatus[];
  /** `ESTABLISHED`, `SYN_SENT`…; TCP only. */
  readonly tcpState: string | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly mark: number;
  readonly zone: number;
}

/** Every field given must match; done by the kernel where it can. */
export interface ConntrackFilter {
  readonly family?: 4 | 6;
  readonly protocol?: 'tcp' | 'udp' | 'sctp' | 'icmp' | 'ipv6-icmp';
  readonly source?: string;
  readonly destination?: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Where answers come from: the endpoint behind a virtual address. */
  readonly replySource?: string;
  readonly replySourcePort?: number;
}

export type ConntrackEvent =
  | { readonly action: 'new' | 'update' | 'destroy'; readonly entry: ConntrackEntry }
  /** Events were lost: list anew. */
  | { readonly action: 'overflow' };

/** One namespace's connection tracking. Synchronous, like all netlink here. */
export interface Conntrack {
  /**
   * The kernel walks its whole table for this, some 7 ms a family on a large machine however few connections match: ask
   * once for many services, not once for each.
   */
  entries(filter?: ConntrackFilter): ConntrackEntry[];
  /** False when it was gone already. */
  delete(entry: ConntrackEntry): boolean;
  /** Deletes many at once; the number that were still there. */
  deleteAll(entries: readonly ConntrackEntry[]): number;
  /** Forgets every connection. */
  flush(): void;
  /** Number of connections remembered. */
  count(): number;
  /** Until `close`; events are produced only while somebody listens. Does not keep the process alive. */
  listen(onEvent: (event: ConntrackEvent) => void): { close(): void };
  close(): void;
}
