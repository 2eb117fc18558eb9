// One service port → the entries it wants in the shared maps, and the chains of its own. Pure.
import { cidrContains } from '../../ip/index.ts';
import { isExternallyAccessible, type EndpointState, type PortState } from '../contract.ts';
import { addMark, type TableContext } from './fixed-table.ts';
import { FROM_THIS_NODE, NODE_PORT_KEY, localSource, source, virtualKey } from './matches.ts';
import { endpointBase, portBase } from './names.ts';
import { MOST_IN_SETS, countedSet, type Rule, type SetSpec } from './objects.ts';
import { pickChain, pickRules } from './pick.ts';
import type { Slots } from './slots.ts';

/** What stands behind one virtual address and port, or one node port. Compared by value. */
export interface Listener {
  readonly kind: 'address' | 'nodePort';
  /** Where the key stands, and with which verdict. */
  readonly entry: { readonly set: string; readonly verdict?: string } | undefined;
  /** Set of those that are refused where nothing was translated. */
  readonly refusal: string | undefined;
  /** Verdict in `firewalls`. */
  readonly firewall: string | undefined;
  readonly cluster: Slots;
  readonly local: Slots;
}

export interface Numbering {
  readonly cluster: Slots;
  readonly local: Slots;
}

export interface PortEntries {
  /** Map key (`10.96.0.1 . tcp . 80`, or `tcp . 30080`) → what is behind it. */
  readonly listeners: ReadonlyMap<string, Listener>;
  /** Plain set elements that several ports may want: `cluster-ips 10.96.0.10`. */
  readonly members: readonly string[];
  /** Chains shared by all ports with the same number of endpoints: name → rules. */
  readonly sharedChains: ReadonlyMap<string, readonly Rule[]>;
  /** Chains that are this port's own: name → rules. */
  readonly ownChains: ReadonlyMap<string, readonly Rule[]>;
  readonly ownSets: readonly SetSpec[];
}

const NONE: Slots = [];
const NO_CHAINS: ReadonlyMap<string, readonly Rule[]> = new Map();

/** Shared chains are the same for every port: made once for a context. */
const RULES = new WeakMap<TableContext, Map<string, readonly Rule[]>>();

function cached(context: TableContext, name: string, make: () => readonly Rule[]): readonly Rule[] {
  let rules = RULES.get(context);
  if (rules === undefined) RULES.set(context, (rules = new Map()));
  let found = rules.get(name);
  if (found === undefined) rules.set(name, (found = make()));
  return found;
}

/** Names and rules of the chains that pick an endpoint by its number, and of those that lead to them. */
class SharedChains {
  chains: Map<string, readonly Rule[]> | undefined;
  readonly #context: TableContext;

  constructor(context: TableContext) {
    this.#context = context;
  }

  #put(name: string, make: () => readonly Rule[]): void {
    (this.chains ??= new Map()).set(name, cached(this.#context, name, make));
  }

  pick(kind: Listener['kind'], list: 'cluster' | 'local', count: number): string {
    const node = kind === 'nodePort';
    const name = `${node ? 'node-port-' : ''}${list === 'local' ? 'local-' : ''}pick-${count}`;
    // These stand in every table.
    if (!node && list === 'cluster' && count <= MOST_IN_SETS) return pickChain(count);
    const map = `${node ? 'node-port-' : ''}${list === 'local' ? 'local-' : ''}endpoints`;
    const { family } = this.#context;
    this.#put(name, () => pickRules(map, node ? NODE_PORT_KEY : virtualKey(family), count, family));
    return name;
  }

  external(kind: Listener['kind'], count: number): string {
    const name = `${kind === 'nodePort' ? 'node-port-' : ''}external-${count}`;
    const pick = this.pick(kind, 'cluster', count);
    this.#put(name, () => [[addMark(this.#context)], [{ goto: pick }]]);
    return name;
  }

  /** externalTrafficPolicy Local: our pods and the node itself may use every endpoint, others only local ones. */
  externalLocal(kind: Listener['kind'], cluster: number, local: number): string {
    const name = `${kind === 'nodePort' ? 'node-port-' : ''}external-${cluster}-local-${local}`;
    const all = this.pick(kind, 'cluster', cluster);
    const here = local === 0 ? undefined : this.pick(kind, 'local', local);
    this.#put(name, () => externalLocalRules(this.#context, all, here));
    return name;
  }
}

function externalLocalRules(c: TableContext, all: string, here: string | undefined): Rule[] {
  const pods = localSource(c.detector, c.family, '==');
  return [
    ...(pods === undefined ? [] : [[pods, { goto: all }]]),
    [FROM_THIS_NODE, addMark(c)],
    [FROM_THIS_NODE, { goto: all }],
    ...(here === undefined ? [] : [[{ goto: here }]]),
  ];
}

/** Verdicts of a port for its three kinds of entry. */
interface Verdicts {
  internal: (kind: Listener['kind']) => string;
  external: (kind: Listener['kind']) => string;
}

function sharedVerdicts(port: PortState, shared: SharedChains): Verdicts {
  const { cluster, local } = port;
  return {
    internal: (kind) =>
      port.internalLocal ? shared.pick(kind, 'local', local.length) : shared.pick(kind, 'cluster', cluster.length),
    external: (kind) =>
      port.externalLocal
        ? shared.externalLocal(kind, cluster.length, local.length)
        : shared.external(kind, cluster.length),
  };
}

/** Session affinity: chains of the port's own, and for each endpoint a set of the clients that belong to it. */
function affinityVerdicts(
  port: PortState,
  context: TableContext,
  own: Map<string, readonly Rule[]>,
  sets: SetSpec[],
): Verdicts {
  const base = portBase(port);
  const from = source(context.family);
  const endpointChain = (e: EndpointState): string => {
    const name = endpointBase(port, e);
    if (!own.has(`endpoint-${name}`)) {
      sets.push({ name: `affinity-${name}`, key: ['addr'], timeoutSeconds: port.affinitySeconds });
      own.set(`endpoint-${name}`, [
        [{ dynset: 'update', key: from, set: `affinity-${name}`, timeoutSeconds: port.affinitySeconds }],
        [{ match: 'meta l4proto', value: port.protocol }, { dnat: { address: e.ip, port: e.port } }],
      ]);
    }
    return `endpoint-${name}`;
  };
  const choice = (name: string, endpoints: readonly EndpointState[]): string => {
    if (own.has(name)) return name;
    const chains = endpoints.map(endpointChain);
    const known = chains.map((c): Rule => [
      { match: from, in: `affinity-${c.slice('endpoint-'.length)}` },
      { goto: c },
    ]);
    const entries = chains.map((c, i) => [i, { goto: c }] as const);
    own.set(name, [...known, [{ vmap: { numgen: 'random', mod: chains.length }, entries }]]);
    return name;
  };
  const all = () => choice(`service-${base}`, port.cluster);
  const here = () => choice(`local-${base}`, port.local);
  return {
    internal: () => (port.internalLocal ? here() : all()),
    external: () => {
      const name = `external-${base}`;
      if (!port.externalLocal) own.set(name, [[addMark(context)], [{ goto: all() }]]);
      else own.set(name, externalLocalRules(context, all(), port.local.length === 0 ? undefined : here()));
      return name;
    },
  };
}

function firewallRules(port: PortState, context: TableContext): Rule[] {
  const { nodeIp } = context;
  const allow = [...port.sourceRanges];
  // A node that uses the address sends from the address itself when a load balancer bound it to a local device.
  if (nodeIp !== undefined && allow.some((r) => cidrContains(r, nodeIp))) allow.push(...port.loadBalancerIps);
  return [...allow.map((value): Rule => [{ match: source(context.family), value }, 'return']), ['drop']];
}

const ENTRIES = new Map<string, NonNullable<Listener['entry']>>();

/** Where a listener that leads to a chain shared by many ports stands: one value for all of them. */
function entryFor(kind: Listener['kind'], chain: string): NonNullable<Listener['entry']> {
  if (kind === 'nodePort') return { set: 'node-ports', verdict: `goto ${chain}` };
  const count = /^pick-(\d+)$/.exec(chain)?.[1];
  if (count === undefined) return { set: 'services', verdict: `goto ${chain}` };
  let entry = ENTRIES.get(chain);
  if (entry === undefined) {
    entry =
      Number(count) <= MOST_IN_SETS
        ? { set: countedSet(Number(count)) }
        : { set: 'services', verdict: `goto ${chain}` };
    ENTRIES.set(chain, entry);
  }
  return entry;
}

/** @example portEntries(port, numbering, context).listeners.get('10.96.0.1 . tcp . 80')?.entry // { set: 'services-2' } */
export function portEntries(port: PortState, numbering: Numbering, context: TableContext): PortEntries {
  const shared = new SharedChains(context);
  const ownChains = new Map<string, readonly Rule[]>();
  const ownSets: SetSpec[] = [];
  const affinity = port.affinitySeconds > 0;
  const verdicts = affinity ? affinityVerdicts(port, context, ownChains, ownSets) : sharedVerdicts(port, shared);
  const cluster = affinity ? NONE : numbering.cluster;
  const local = affinity ? NONE : numbering.local;
  const refusal = (policyLocal: boolean) =>
    !port.hasEndpoints ? 'rejected' : policyLocal && port.local.length === 0 ? 'dropped' : undefined;
  const refuseInternal = refusal(port.internalLocal);
  const refuseExternal = refusal(port.externalLocal);

  const listeners = new Map<string, Listener>();
  const put = (key: string, listener: Listener) => {
    if (!listeners.has(key)) listeners.set(key, listener);
  };
  const key = (ip: string) => `${ip} . ${port.protocol} . ${port.port}`;
  put(key(port.clusterIp), {
    kind: 'address',
    entry: refuseInternal === undefined ? entryFor('address', verdicts.internal('address')) : undefined,
    refusal: refuseInternal && `${refuseInternal}-services`,
    firewall: undefined,
    cluster: refuseInternal === undefined && !port.internalLocal ? cluster : NONE,
    local: refuseInternal === undefined && port.internalLocal ? local : NONE,
  });
  if (isExternallyAccessible(port)) {
    const external = (kind: Listener['kind'], firewall?: string): Listener => ({
      kind,
      entry: port.hasEndpoints ? entryFor(kind, verdicts.external(kind)) : undefined,
      refusal: refuseExternal && `${refuseExternal}-${kind === 'nodePort' ? 'node-ports' : 'services'}`,
      firewall,
      cluster: port.hasEndpoints ? cluster : NONE,
      local: port.hasEndpoints && port.externalLocal ? local : NONE,
    });
    for (const ip of port.externalIps) put(key(ip), external('address'));
    if (port.loadBalancerIps.length > 0) {
      let firewall: string | undefined;
      if (port.sourceRanges.length > 0) {
        const chain = `firewall-${portBase(port)}`;
        ownChains.set(chain, firewallRules(port, context));
        firewall = `goto ${chain}`;
      }
      for (const ip of port.loadBalancerIps) put(key(ip), external('address', firewall));
    }
    if (port.nodePort !== 0) put(`${port.protocol} . ${port.nodePort}`, external('nodePort'));
  }
  const members = [`cluster-ips ${port.clusterIp}`];
  const hairpin = (e: EndpointState) => {
    if (e.local) members.push(['hairpins', e.ip, '.', e.ip, '.', port.protocol, '.', e.port].join(' '));
  };
  if (port.usesCluster) for (const e of port.cluster) hairpin(e);
  // Local ones stand in both lists, unless they are only finishing their work.
  if (port.usesLocal) for (const e of port.local) if (!port.usesCluster || !port.cluster.includes(e)) hairpin(e);
  return { listeners, members, sharedChains: shared.chains ?? NO_CHAINS, ownChains, ownSets };
}
