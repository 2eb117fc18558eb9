// The chains every kube-proxy node has, whatever its services, and the jumps that lead into them. One row a fact.
import type { Family } from '../contract.ts';

export type Table = 'filter' | 'nat' | 'mangle';

/** How the fixed chains are to look. */
export interface FixedRules {
  readonly family: Family;
  /** Mask of the "masquerade this packet" mark, e.g. 0x4000. */
  readonly masqueradeMark: number;
  /** MASQUERADE with fully random source ports (iptables ≥ 1.6.2). */
  readonly randomFully: boolean;
  readonly localhostNodePorts: boolean;
  /** Off when the administrator made conntrack liberal (nf_conntrack_tcp_be_liberal). */
  readonly dropInvalid: boolean;
  readonly nfacct: boolean;
}

export interface Jump {
  readonly table: Table;
  readonly from: string;
  readonly to: string;
  /** Match and comment, exactly as `iptables-save` prints them. */
  readonly match: string;
}

const NEW = '-m conntrack --ctstate NEW';
const comment = (text: string) => `-m comment --comment "${text}"`;
const EXTERNAL = comment('kubernetes externally-visible service portals');
const PORTALS = comment('kubernetes service portals');
const FIREWALL = comment('kubernetes load balancer firewall');

/** In kube-proxy's order; each is put at the head of its chain, so the last one stands first. */
export const JUMPS: readonly Jump[] = [
  { table: 'filter', from: 'INPUT', to: 'KUBE-EXTERNAL-SERVICES', match: `${NEW} ${EXTERNAL}` },
  { table: 'filter', from: 'FORWARD', to: 'KUBE-EXTERNAL-SERVICES', match: `${NEW} ${EXTERNAL}` },
  { table: 'filter', from: 'INPUT', to: 'KUBE-NODEPORTS', match: comment('kubernetes health check service ports') },
  { table: 'filter', from: 'FORWARD', to: 'KUBE-SERVICES', match: `${NEW} ${PORTALS}` },
  { table: 'filter', from: 'OUTPUT', to: 'KUBE-SERVICES', match: `${NEW} ${PORTALS}` },
  { table: 'filter', from: 'FORWARD', to: 'KUBE-FORWARD', match: comment('kubernetes forwarding rules') },
  { table: 'filter', from: 'INPUT', to: 'KUBE-PROXY-FIREWALL', match: `${NEW} ${FIREWALL}` },
  { table: 'filter', from: 'OUTPUT', to: 'KUBE-PROXY-FIREWALL', match: `${NEW} ${FIREWALL}` },
  { table: 'filter', from: 'FORWARD', to: 'KUBE-PROXY-FIREWALL', match: `${NEW} ${FIREWALL}` },
  { table: 'nat', from: 'OUTPUT', to: 'KUBE-SERVICES', match: PORTALS },
  { table: 'nat', from: 'PREROUTING', to: 'KUBE-SERVICES', match: PORTALS },
  { table: 'nat', from: 'POSTROUTING', to: 'KUBE-POSTROUTING', match: comment('kubernetes postrouting rules') },
];

/** The kubelet makes the same ones, so clean-up leaves them. */
export const KUBELET_JUMPS: readonly Jump[] = [
  { table: 'filter', from: 'INPUT', to: 'KUBE-FIREWALL', match: '' },
  { table: 'filter', from: 'OUTPUT', to: 'KUBE-FIREWALL', match: '' },
  { table: 'filter', from: 'FORWARD', to: 'KUBE-FIREWALL', match: '' },
];

/** The rule without the leading `-A` or `-I`. */
export const jumpRule = (j: Jump): string => `${j.from} ${j.match === '' ? '' : `${j.match} `}-j ${j.to}`;

/** Chains that all services share, in the order of the restore file. */
export const SHARED_CHAINS: readonly { table: Table; chain: string }[] = [
  { table: 'filter', chain: 'KUBE-SERVICES' },
  { table: 'filter', chain: 'KUBE-EXTERNAL-SERVICES' },
  { table: 'filter', chain: 'KUBE-FORWARD' },
  { table: 'filter', chain: 'KUBE-NODEPORTS' },
  { table: 'filter', chain: 'KUBE-PROXY-FIREWALL' },
  { table: 'filter', chain: 'KUBE-FIREWALL' },
  { table: 'nat', chain: 'KUBE-SERVICES' },
  { table: 'nat', chain: 'KUBE-NODEPORTS' },
  { table: 'nat', chain: 'KUBE-POSTROUTING' },
  { table: 'nat', chain: 'KUBE-MARK-MASQ' },
];

/** An empty chain in each table: when it is gone, somebody flushed the table. */
export const CANARY = 'KUBE-PROXY-CANARY';
export const CANARY_TABLES: readonly Table[] = ['mangle', 'nat', 'filter'];

/** Names of the kernel's packet counters that rules of the iptables mode name. */
export const PACKET_COUNTERS = {
  invalid: 'ct_state_invalid_dropped_pkts',
  localhostNodePorts: 'localhost_nps_accepted_pkts',
} as const;

/** Go's `%#08x`, which counts the digits without the prefix. */
export const markText = (mark: number): string => `0x${mark.toString(16).padStart(8, '0')}`;

/** Contents of the shared chains that do not depend on services, lines starting with `-A`. */
export function fixedChains(o: FixedRules): Map<string, readonly string[]> {
  const mark = markText(o.masqueradeMark);
  const count = o.nfacct ? ` -m nfacct --nfacct-name ${PACKET_COUNTERS.invalid}` : '';
  const forward = [
    `-A KUBE-FORWARD ${comment('kubernetes forwarding rules')} -m mark --mark ${mark}/${mark} -j ACCEPT`,
    `-A KUBE-FORWARD ${comment('kubernetes forwarding conntrack rule')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  ];
  if (o.dropInvalid) forward.unshift(`-A KUBE-FORWARD -m conntrack --ctstate INVALID${count} -j DROP`);
  const chains = new Map<string, readonly string[]>([
    ['filter KUBE-FORWARD', forward],
    [
      'nat KUBE-POSTROUTING',
      [
        `-A KUBE-POSTROUTING -m mark ! --mark ${mark}/${mark} -j RETURN`,
        // Cleared, so that a packet that comes by again inside a tunnel is not masqueraded twice.
        `-A KUBE-POSTROUTING -j MARK --xor-mark ${mark}`,
        `-A KUBE-POSTROUTING ${comment('kubernetes service traffic requiring SNAT')} -j MASQUERADE${o.randomFully ? ' --random-fully' : ''}`,
      ],
    ],
    ['nat KUBE-MARK-MASQ', [`-A KUBE-MARK-MASQ -j MARK --or-mark ${mark}`]],
  ]);
  if (usesKubeletFirewall(o)) {
    chains.set('filter KUBE-FIREWALL', [
      `-A KUBE-FIREWALL ${comment('block incoming localnet connections')} -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP`,
    ]);
  }
  return chains;
}

/** Node ports on 127.0.0.1 need route_localnet, and that needs a guard against packets from outside to 127/8. */
export const usesKubeletFirewall = (o: Pick<FixedRules, 'family' | 'localhostNodePorts'>): boolean =>
  o.family === 'IPv4' && o.localhostNodePorts;
