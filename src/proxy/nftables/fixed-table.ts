// The part of the table that no service changes: sets, base chains, and the few rules that look things up. Pure.
import type { NftStatement } from '../../linux/index.ts';
import type { Family, LocalDetector } from '../contract.ts';
import { pickChain, pickRules } from './pick.ts';
import {
  MASQUERADE,
  NODE_PORT_KEY,
  REJECT,
  TO_THIS_NODE,
  destination,
  localSource,
  source,
  virtualKey,
} from './matches.ts';
import { BASE_CHAINS, COUNTS, SHARED_SETS, countedSet, type NftOp, type Rule } from './objects.ts';

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

export const addMark = (c: Pick<TableContext, 'masqueradeMark'>): NftStatement => ({
  set: 'meta mark',
  to: { or: c.masqueradeMark },
});

/** Which local addresses have node ports. */
const nodePortMatch = (c: TableContext): NftStatement =>
  c.nodePortAddresses === undefined ? TO_THIS_NODE : { match: destination(c.family), in: 'node-ips' };

function servicesRules(c: TableContext): Rule[] {
  const { family } = c;
  const rules: Rule[] = [];
  const outside = localSource(c.detector, family, '!=');
  const toClusterIp: NftStatement = { match: destination(family), in: 'cluster-ips' };
  if (c.masqueradeAll) rules.push([toClusterIp, addMark(c)]);
  else if (outside !== undefined) rules.push([toClusterIp, outside, addMark(c)]);
  for (const n of COUNTS) rules.push([{ match: virtualKey(family), in: countedSet(n) }, { goto: pickChain(n) }]);
  rules.push([{ vmap: virtualKey(family), in: 'services' }]);
  const loopback = family === 'IPv4' ? '127.0.0.0/8' : '::1';
  const notLoopback: NftStatement = { match: destination(family), op: '!=', value: loopback };
  const where = c.nodePortAddresses === undefined ? [TO_THIS_NODE, notLoopback] : [nodePortMatch(c)];
  rules.push([...where, { vmap: NODE_PORT_KEY, in: 'node-ports' }]);
  return rules;
}

/** Rules of the fixed chains. */
export function fixedRules(c: TableContext): readonly (readonly [string, readonly Rule[]])[] {
  const { family, masqueradeMark: mark } = c;
  const isNew: NftStatement = { match: 'ct state', value: ['new'] };
  const newTo = (jump: string): Rule => [isNew, { jump }];
  const dropped = c.serviceCidrs.map((value): Rule => [{ match: destination(family), value }, 'drop']);
  const flow = [source(family), destination(family), 'meta l4proto', 'th dport'] as const;
  return [
    ...COUNTS.map((n) => [pickChain(n), pickRules('endpoints', virtualKey(family), n, family)] as const),
    ['services', servicesRules(c)],
    [
      'service-endpoints-check',
      [
        [{ match: virtualKey(family), in: 'rejected-services' }, REJECT],
        [{ match: virtualKey(family), in: 'dropped-services' }, 'drop'],
      ],
    ],
    [
      'node-port-endpoints-check',
      [
        [nodePortMatch(c), { match: NODE_PORT_KEY, in: 'rejected-node-ports' }, REJECT],
        [nodePortMatch(c), { match: NODE_PORT_KEY, in: 'dropped-node-ports' }, 'drop'],
      ],
    ],
    // An unused port of a cluster IP answers like a closed port; an address of no service answers nothing.
    ['cluster-ips-check', [[{ match: destination(family), in: 'cluster-ips' }, REJECT], ...dropped]],
    ['firewall-check', [[{ vmap: virtualKey(family), in: 'firewalls' }]]],
    [
      'masquerading',
      [
        // The mark is cleared, so that a packet that comes by again inside a tunnel is not masqueraded twice.
        [
          { match: { mask: 'meta mark', and: mark }, op: '!=', value: 0 },
          { set: 'meta mark', to: { xor: mark } },
          MASQUERADE,
        ],
        [{ match: 'ct status', value: ['dnat'] }, { match: flow, in: 'hairpins' }, MASQUERADE],
      ],
    ],
    ['filter-prerouting-pre-dnat', [newTo('firewall-check')]],
    ['filter-output-pre-dnat', [newTo('firewall-check')]],
    ['filter-input', [newTo('node-port-endpoints-check'), newTo('service-endpoints-check')]],
    ['filter-forward', [newTo('service-endpoints-check'), newTo('cluster-ips-check')]],
    ['filter-output', [newTo('service-endpoints-check'), newTo('cluster-ips-check')]],
    ['nat-output', [[{ jump: 'services' }]]],
    ['nat-prerouting', [[{ jump: 'services' }]]],
    ['nat-postrouting', [[{ jump: 'masquerading' }]]],
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
    { op: 'add-elements', set: 'node-ips', elements: (c.nodePortAddresses ?? []).map((key) => ({ key })) },
  ];
}
