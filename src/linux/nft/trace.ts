// The kernel's own account of a packet's way through the rules: every rule, return and policy it met, for packets that
// some rule marked with `meta nftrace set 1`. Shows nft and iptables-nft rules alike.

import type { NetlinkMessage } from '../netlink/message.ts';
import { attributeText, parseAttributes } from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts';
import { messageFamily, verdictWords } from './decode.ts';
import { FAMILY_NAMES, NFNL_SUBSYS_NFTABLES } from './messages.ts';

const NFNLGRP_NFTRACE = 9;
const MSG_TRACE = 17;
const TRACE = {
  TABLE: 1,
  CHAIN: 2,
  RULE_HANDLE: 3,
  TYPE: 4,
  VERDICT: 5,
  ID: 6,
  NETWORK_HEADER: 8,
  TRANSPORT_HEADER: 9,
  IIF: 10,
  OIF: 12,
  MARK: 14,
  NFPROTO: 15,
  POLICY: 16,
  CT_ID: 18,
  CT_DIRECTION: 19,
} as const;
const TYPES = { 1: 'policy', 2: 'return', 3: 'rule' } as const;
const POLICIES: Readonly<Record<number, string>> = { 0: 'drop', 1: 'accept', 2: 'stolen', 3: 'queue' };

export interface NftTraceEvent {
  /** Of one packet's pass through one hook; the kernel reuses numbers, so it is no key for a connection. */
  readonly id: number;
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** `return`: the end of the chain was reached; in a base chain its policy follows. */
  readonly type: 'rule' | 'return' | 'policy';
  /** Of the rule, as in `nft -a list`; undefined for a return or a policy. */
  readonly handle: number | undefined;
  /** `continue`, `accept`, `drop`, `jump services`, `goto x`, `return`… */
  readonly verdict: string;
  /** Indexes of the devices in the namespace. */
  readonly inputDevice: number | undefined;
  readonly outputDevice: number | undefined;
  readonly mark: number;
  /** The packet as it was at this moment; given with the first event of each table's chain. */
  readonly networkHeader: Buffer | undefined;
  readonly transportHeader: Buffer | undefined;
  /** `ip` or `ip6`: of the packet, where the table is inet. */
  readonly packetFamily: string | undefined;
  /** Kernels since 6.17: the tracked connection, and whether this packet is of its original direction. */
  readonly conntrackId: number | undefined;
  readonly original: boolean | undefined;
}

function decodeTrace(message: NetlinkMessage): NftTraceEvent | undefined {
  if (message.type !== ((NFNL_SUBSYS_NFTABLES << 8) | MSG_TRACE)) return undefined;
  const a = parseAttributes(message.payload.subarray(4));
  const kind = TYPES[(a.get(TRACE.TYPE)?.readUInt32BE() ?? 0) as keyof typeof TYPES];
  if (kind === undefined) return undefined;
  const handle = Number(a.get(TRACE.RULE_HANDLE)?.readBigUInt64BE() ?? 0n);
  // Kernels since 5.17 report the end of a chain as a rule without a number.
  const type = kind === 'rule' && handle === 0 ? 'return' : kind;
  const policy = a.get(TRACE.POLICY)?.readUInt32BE();
  const verdict = a.get(TRACE.VERDICT);
  const direction = a.get(TRACE.CT_DIRECTION)?.[0];
  return {
    id: a.get(TRACE.ID)?.readUInt32BE() ?? 0,
    family: messageFamily(message),
    table: attributeText(a.get(TRACE.TABLE)) ?? '',
    chain: attributeText(a.get(TRACE.CHAIN)) ?? '',
    type,
    handle: type === 'rule' ? handle : undefined,
    verdict:
      type === 'policy' && policy !== undefined
        ? (POLICIES[policy] ?? String(policy))
        : verdict === undefined
          ? type
          : verdictWords(verdict),
    inputDevice: a.get(TRACE.IIF)?.readUInt32BE(),
    outputDevice: a.get(TRACE.OIF)?.readUInt32BE(),
    mark: a.get(TRACE.MARK)?.readUInt32BE() ?? 0,
    networkHeader: a.get(TRACE.NETWORK_HEADER),
    transportHeader: a.get(TRACE.TRANSPORT_HEADER),
    packetFamily: FAMILY_NAMES.get(a.get(TRACE.NFPROTO)?.readUInt32BE() ?? -1),
    conntrackId: a.get(TRACE.CT_ID)?.readUInt32BE(),
    original: direction === undefined ? undefined : direction === 0,
  };
}

export interface NftTrace {
  /** Reads all that has been said so far, without waiting for the event loop. */
  drain(): void;
  close(): void;
}

/**
 * Listens until `close`; does not keep the process alive. `onOverflow`: events were lost because they came faster than
 * they were read.
 */
export function traceNft(
  netns: string | undefined,
  onEvent: (event: NftTraceEvent) => void,
  onOverflow: () => void = () => {},
): NftTrace {
  const socket = new NetlinkSocket(NETLINK_NETFILTER, { netns, groups: [NFNLGRP_NFTRACE], receiveBuffer: 8 << 20 });
  socket.listen((message) => {
    const event = decodeTrace(message);
    if (event !== undefined) onEvent(event);
  }, onOverflow);
  return { drain: () => socket.drain(), close: () => socket.close() };
}
