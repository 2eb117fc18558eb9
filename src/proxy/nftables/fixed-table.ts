// The part of the table that no service changes: sets, base chains, and the few rules that look things up. Pure.
import { isNotLocalNft } from './local-detector.ts';
import type { Family, LocalDetector } from '../contract.ts';
import { BASE_CHAINS, SHARED_SETS, nftFamily, type NftOp } from './objects.ts';

export interface TableContext {
  readonly family: Family;
  readonly detector: LocalDetector;
  readonly masqueradeAll: boolean;
  readonly masqueradeMark: number;
  /** Undefined: node ports on every local address but loopback. */
  readonly nodePortAddresses: readonly string[] | undefined;
  /** Prefixes of cluster IPs; packets to addresses in them that no service has are dropped. */
  readonly serviceCidrs: readonly string[];
  readonly nodeIp: string | undefined;
}

/** nft prints marks with eight digits. */
const hex = (n: number): string => `0x${n.toString(16).padStart(8, '0')}`;

export const addMark = (c: Pick<TableContext, 'masqueradeMark'>): string =>
  `meta mark set meta mark | ${hex(c.masqueradeMark)}`;

function servicesRules(c: TableContext): string[] {
  const ip = nftFamily(c.family);
  const rules: string[] = [];
  const outside = c.masqueradeAll ? '' : isNotLocalNft(c.detector, c.family);
  if (outside !== undefined) {
    rules.push(`${ip} daddr @cluster-ips ${outside}${outside === '' ? '' : ' '}${addMark(c)}`);
  }
  rules.push(`${ip} daddr . meta l4proto . th dport vmap @services`);
  const loopback = c.family === 'IPv4' ? '127.0.0.0/8' : '::1';
  const where =
    c.nodePortAddresses === undefined ? `fib daddr type local ${ip} daddr != ${loopback}` : `${ip} daddr @node-ips`;
  rules.push(`${where} meta l4proto . th dport vmap @node-ports`);
  return rules;
}

/** Rules of the fixed chains, in the order in which chains may refer to each other. */
export function fixedRules(c: TableContext): readonly (readonly [string, readonly string[]])[] {
  const ip = nftFamily(c.family);
  const isNew = 'ct state new';
  const mark = hex(c.masqueradeMark);
  const nodePortMatch = c.nodePortAddresses === undefined ? 'fib daddr type local' : `${ip} daddr @node-ips`;
  const dropped = c.serviceCidrs.map((cidr) => `${ip} daddr ${cidr} drop`);
  return [
    ['reject-chain', ['reject']],
    ['services', servicesRules(c)],
    ['service-endpoints-check', [`${ip} daddr . meta l4proto . th dport vmap @no-endpoint-services`]],
    ['node-port-endpoints-check', [`${nodePortMatch} meta l4proto . th dport vmap @no-endpoint-node-ports`]],
    // An unused port of a cluster IP answers like a closed port; an address of no service answers nothing.
    ['cluster-ips-check', [`${ip} daddr @cluster-ips reject`, ...dropped]],
    ['firewall-check', [`${ip} daddr . meta l4proto . th dport vmap @firewalls`]],
    [
      'masquerading',
      [
        // The mark is cleared, so that a packet that comes by again inside a tunnel is not masqueraded twice.
        `meta mark & ${mark} != 0x00000000 meta mark set meta mark ^ ${mark} masquerade fully-random`,
        `ct status dnat ${ip} saddr . ${ip} daddr . meta l4proto . th dport @hairpins masquerade fully-random`,
      ],
    ],
    ['filter-prerouting-pre-dnat', [`${isNew} jump firewall-check`]],
    ['filter-output-pre-dnat', [`${isNew} jump firewall-check`]],
    ['filter-input', [`${isNew} jump node-port-endpoints-check`, `${isNew} jump service-endpoints-check`]],
    ['filter-forward', [`${isNew} jump service-endpoints-check`, `${isNew} jump cluster-ips-check`]],
    ['filter-output', [`${isNew} jump service-endpoints-check`, `${isNew} jump cluster-ips-check`]],
    ['nat-output', ['jump services']],
    ['nat-prerouting', ['jump services']],
    ['nat-postrouting', ['jump masquerading']],
  ];
}

/** Operations that make the fixed part, or make it right again. */
export function fixedOps(c: TableContext): NftOp[] {
  const rules = fixedRules(c);
  const base = new Set(BASE_CHAINS.map((b) => b.name));
  return [
    { op: 'add-table' },
    ...SHARED_SETS.map((set): NftOp => ({ op: 'add-set', set })),
    ...BASE_CHAINS.map((chain): NftOp => ({ op: 'add-base-chain', chain })),
    ...rules.flatMap(([name]): NftOp[] => (base.has(name) ? [] : [{ op: 'add-chain', name }])),
    ...rules.map(([name, lines]): NftOp => ({ op: 'write-chain', name, rules: lines })),
  ];
}
