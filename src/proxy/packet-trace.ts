// The walk of one packet through planned rules: what the tracers of both modes are asked and what they answer.
// Types, and the facts about the node that any tracer needs.
import { canonicalIp, cidrContains } from '../ip/index.ts';
import type { Protocol } from './contract.ts';

/** The first packet of a connection, as it enters this node or leaves one of its processes. */
export interface TracedPacket {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** Device it came in on; needed by the interface detectors only. */
  readonly device?: string;
}

export interface TraceNode {
  /** Addresses that the kernel counts as local, without loopback. */
  readonly localAddresses: readonly string[];
}

export type TraceVerdict =
  /** One of the endpoints gets it; with its source address replaced, or not. */
  | {
      readonly kind: 'endpoints';
      readonly endpoints: readonly { readonly to: string; readonly masqueraded: boolean }[];
    }
  | { readonly kind: 'reject' }
  | { readonly kind: 'drop' }
  /** No rule is about it: it goes where its address says. */
  | { readonly kind: 'untouched'; readonly masqueraded: boolean };

export interface Trace {
  readonly verdict: TraceVerdict;
  /** Rules that matched, in order, for people. */
  readonly steps: readonly string[];
}

export function isLocalAddress(node: TraceNode, ip: string): boolean {
  return node.localAddresses.includes(ip) || ip === '::1' || (!ip.includes(':') && cidrContains('127.0.0.0/8', ip));
}

/** Whether an address is the given one or lies in the given prefix. */
export function matchesAddress(pattern: string, ip: string): boolean {
  return pattern.includes('/') ? cidrContains(pattern, ip) : canonicalIp(pattern) === ip;
}
