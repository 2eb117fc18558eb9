// Which of the node's addresses node ports listen on. Pure; the caller reads the addresses from the kernel.
import { canonicalIp, cidrContains } from '../ip/index.ts';
import type { ProxyConfig } from './config.ts';
import type { Family } from './contract.ts';
import { familyOf } from './views.ts';

const UNSPECIFIED = new Set(['0.0.0.0', '::']);

/** The node's own addresses, the first of a family counts: `bindAddress` of the configuration before those of the Node. */
export function ownAddresses(bindAddress: string, ofNode: readonly string[]): readonly string[] {
  const ip = canonicalIp(bindAddress);
  return ip === undefined || UNSPECIFIED.has(ip) ? ofNode : [ip, ...ofNode];
}

export interface NodePortAddressOptions {
  readonly family: Family;
  /** `nodePortAddresses` of the configuration: CIDRs or the word `primary`; empty: the mode's default. */
  readonly wanted: readonly string[];
  /** What empty means: every local address (iptables), or the primary one (nftables). */
  readonly whenEmpty: 'all' | 'primary';
  /** The node's addresses from its Node object, first one first. */
  readonly nodeIps: readonly string[];
}

const EVERYTHING = { IPv4: '0.0.0.0/0', IPv6: '::/0' } as const;

/** As with kube-proxy, a family that no CIDR is about takes node ports on every address. */
function cidrsOf(wanted: readonly string[], family: Family): readonly string[] {
  const cidrs = wanted.filter((c) => familyOf(c) === family);
  return cidrs.length === 0 ? [EVERYTHING[family]] : cidrs;
}

/** Undefined: every local address, also those still to come. Otherwise the addresses, sorted. */
export function nodePortAddresses(
  o: NodePortAddressOptions,
  localAddresses: () => readonly string[],
): readonly string[] | undefined {
  const wanted = o.wanted.length === 0 ? [o.whenEmpty] : o.wanted;
  if (wanted[0] === 'primary') {
    const primary = o.nodeIps.find((ip) => familyOf(ip) === o.family);
    return primary === undefined ? [] : [primary];
  }
  if (wanted[0] === 'all') return undefined;
  const cidrs = cidrsOf(wanted, o.family);
  if (cidrs.some((c) => c.endsWith('/0'))) return undefined;
  const out = new Set<string>();
  for (const text of localAddresses()) {
    const ip = canonicalIp(text);
    if (ip !== undefined && familyOf(ip) === o.family && cidrs.some((c) => cidrContains(c, ip))) out.add(ip);
  }
  return [...out].toSorted();
}

/** Whether node ports would answer on 127.0.0.1, given the wish for it. */
export function coversLoopback(wanted: readonly string[]): boolean {
  if (wanted.includes('primary')) return false;
  return cidrsOf(wanted, 'IPv4').some((c) => c.startsWith('127.') || cidrContains(c, '127.0.0.0'));
}

/** Whether node ports of the iptables mode answer on 127.0.0.1. */
export const hasLocalhostNodePorts = (c: ProxyConfig): boolean =>
  c.iptables.localhostNodePorts && coversLoopback(c.nodePortAddresses);
