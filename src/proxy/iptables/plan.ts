// What the two tables hold, chain by chain, and the smallest `iptables-restore --noflush` input that leads from what
// the kernel has to what it should have. Pure: no kernel here.
import type { Family, ServiceKey, ServiceState, StateChanges } from '../contract.ts';
import { CANARY, CANARY_TABLES, SHARED_CHAINS, jumpRule, type Jump, type Table } from './fixed-chains.ts';
import { serviceRules, type RuleContext, type ServiceRules } from './rules.ts';

/** `table chain`, e.g. `nat KUBE-SERVICES`. */
export type ChainId = string;
/** The lines of a chain joined by newlines; undefined: the chain is to go. */
export type ChainText = string | undefined;
/** Chains → contents. */
export type Chains = ReadonlyMap<ChainId, string>;

export interface NodePortTail {
  readonly family: Family;
  /** Undefined: on every local address. */
  readonly addresses: readonly string[] | undefined;
  readonly localhostNodePorts: boolean;
}

const LAST = `-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"`;

/** The end of nat KUBE-SERVICES: which local addresses lead to the node ports. */
export function nodePortTail(o: NodePortTail): string[] {
  const to = (match: string) => `-A KUBE-SERVICES ${LAST} ${match} -j KUBE-NODEPORTS`;
  const loopback = o.family === 'IPv4' && o.localhostNodePorts;
  if (o.addresses === undefined) {
    const local = '-m addrtype --dst-type LOCAL';
    const except = o.family === 'IPv6' ? ' ! -d ::1/128' : loopback ? '' : ' ! -d 127.0.0.0/8';
    return [to(local + except)];
  }
  const isLoopback = (ip: string) => ip.startsWith('127.') || ip === '::1';
  return o.addresses.filter((ip) => loopback || !isLoopback(ip)).map((ip) => to(`-d ${ip}`));
}

/** The part of a service in the chains it shares with others, and the names of its own chains. */
interface Share {
  readonly shared: Readonly<Record<SharedPart, string>>;
  readonly own: readonly string[];
  readonly endpoints: number;
}

const SHARED_PARTS = {
  filterServices: 'filter KUBE-SERVICES',
  filterExternal: 'filter KUBE-EXTERNAL-SERVICES',
  filterNodePorts: 'filter KUBE-NODEPORTS',
  filterFirewall: 'filter KUBE-PROXY-FIREWALL',
  natServices: 'nat KUBE-SERVICES',
  natNodePorts: 'nat KUBE-NODEPORTS',
} as const satisfies Record<string, ChainId>;
type SharedPart = keyof typeof SHARED_PARTS;
const PART_NAMES = Object.keys(SHARED_PARTS).filter((k): k is SharedPart => k in SHARED_PARTS);

const EMPTY_SHARE: Share = {
  shared: {
    filterServices: '',
    filterExternal: '',
    filterNodePorts: '',
    filterFirewall: '',
    natServices: '',
    natNodePorts: '',
  },
  own: [],
  endpoints: 0,
};

function shareOf(rules: ServiceRules, endpoints: number): Share {
  const text = (lines: readonly string[]) => lines.join('\n');
  return {
    shared: {
      filterServices: text(rules.filterServices),
      filterExternal: text(rules.filterExternal),
      filterNodePorts: text(rules.filterNodePorts),
      filterFirewall: text(rules.filterFirewall),
      natServices: text(rules.natServices),
      natNodePorts: text(rules.natNodePorts),
    },
    own: [...rules.chains.keys()],
    endpoints,
  };
}

/** kube-proxy's threshold for leaving comments out of endpoint rules. */
export const LARGE_CLUSTER_ENDPOINTS = 1000;

const endpointsOf = (s: ServiceState | undefined): number => s?.ports.reduce((n, p) => n + p.all.length, 0) ?? 0;

export type PlanContext = Omit<RuleContext, 'largeCluster'> & {
  /** Contents of the chains that no service touches. */
  readonly fixed: ReadonlyMap<ChainId, readonly string[]>;
  readonly tail: readonly string[];
};

export interface RulePlan {
  /** Chains that differ from the kernel, with their new contents. */
  readonly chains: ReadonlyMap<ChainId, ChainText>;
  readonly shares: ReadonlyMap<ServiceKey, Share>;
  readonly tail: string;
}

/** The rules of one family as the kernel last took them. */
export class RuleBook {
  #have = new Map<ChainId, string>();
  #shares = new Map<ServiceKey, Share>();
  #sorted: ServiceKey[] | undefined;
  #endpoints = 0;
  #tail = '';

  get chains(): Chains {
    return this.#have;
  }

  get largeCluster(): boolean {
    return this.#endpoints > LARGE_CLUSTER_ENDPOINTS;
  }

  /** What must change for these services; with an empty book: everything. */
  plan(changes: StateChanges, context: PlanContext): RulePlan {
    let endpoints = this.#endpoints;
    for (const [key, { after }] of changes) {
      endpoints += endpointsOf(after) - (this.#shares.get(key)?.endpoints ?? 0);
    }
    const rules: RuleContext = { ...context, largeCluster: endpoints > LARGE_CLUSTER_ENDPOINTS };
    const chains = new Map<ChainId, ChainText>();
    const shares = new Map<ServiceKey, Share>();
    const touched = new Set<SharedPart>();
    for (const [key, { after }] of changes) {
      const old = this.#shares.get(key) ?? EMPTY_SHARE;
      const written = after === undefined ? undefined : serviceRules(after, rules);
      const share = written === undefined ? EMPTY_SHARE : shareOf(written, endpointsOf(after));
      shares.set(key, share);
      for (const part of PART_NAMES) if (old.shared[part] !== share.shared[part]) touched.add(part);
      for (const name of old.own) if (!written?.chains.has(name)) chains.set(`nat ${name}`, undefined);
      for (const [name, lines] of written?.chains ?? []) this.#set(chains, `nat ${name}`, lines.join('\n'));
    }
    this.#planShared(chains, touched, shares, context);
    return { chains, shares, tail: context.tail.join('\n') };
  }

  #set(chains: Map<ChainId, ChainText>, id: ChainId, text: string): void {
    if (this.#have.get(id) !== text) chains.set(id, text);
  }

  #planShared(
    chains: Map<ChainId, ChainText>,
    touched: ReadonlySet<SharedPart>,
    shares: ReadonlyMap<ServiceKey, Share>,
    context: PlanContext,
  ): void {
    for (const [id, lines] of context.fixed) this.#set(chains, id, lines.join('\n'));
    for (const part of PART_NAMES) {
      const id = SHARED_PARTS[part];
      const tail = part === 'natServices' ? context.tail : [];
      const tailChanged = part === 'natServices' && tail.join('\n') !== this.#tail;
      // A chain without rules must exist all the same: jumps lead to it.
      if (!touched.has(part) && !tailChanged && this.#have.has(id)) continue;
      const texts: string[] = [];
      for (const key of this.#order(shares)) {
        const text = (shares.get(key) ?? this.#shares.get(key) ?? EMPTY_SHARE).shared[part];
        if (text !== '') texts.push(text);
      }
      this.#set(chains, id, [...texts, ...tail].join('\n'));
    }
  }

  /** Every service, those of the plan included, in an order that does not depend on history. */
  #order(shares: ReadonlyMap<ServiceKey, Share>): readonly ServiceKey[] {
    this.#sorted ??= [...this.#shares.keys()].toSorted();
    const news = [...shares.keys()].filter((k) => !this.#shares.has(k));
    return news.length === 0 ? this.#sorted : [...this.#sorted, ...news].toSorted();
  }

  /** The kernel took the plan. */
  commit(plan: RulePlan): void {
    for (const [id, text] of plan.chains) {
      if (text === undefined) this.#have.delete(id);
      else this.#have.set(id, text);
    }
    for (const [key, share] of plan.shares) {
      const known = this.#shares.get(key);
      this.#endpoints += share.endpoints - (known?.endpoints ?? 0);
      if ((known === undefined) !== (share === EMPTY_SHARE)) this.#sorted = undefined;
      if (share === EMPTY_SHARE) this.#shares.delete(key);
      else this.#shares.set(key, share);
    }
    this.#tail = plan.tail;
  }
}

export interface RestoreExtras {
  /** Jumps to put at the head of their chains, in this order. */
  readonly jumps?: readonly Jump[];
  /** Chains to remove that the plan does not know. */
  readonly stale?: readonly ChainId[];
  readonly canaries?: boolean;
}

const TABLES: readonly Table[] = ['filter', 'nat', 'mangle'];
const SHARED_ORDER = new Map(SHARED_CHAINS.map(({ table, chain }, i) => [`${table} ${chain}`, i]));

/** Input for `iptables-restore --noflush`; empty when there is nothing to do. */
export function restoreInput(chains: ReadonlyMap<ChainId, ChainText>, extras: RestoreExtras = {}): string {
  const { jumps = [], stale = [], canaries = false } = extras;
  const rank = (id: ChainId) => SHARED_ORDER.get(id) ?? SHARED_ORDER.size;
  const ids = [...chains.keys()].toSorted((a, b) => rank(a) - rank(b));
  const out: string[] = [];
  for (const table of TABLES) {
    const declared: string[] = [];
    const rules: string[] = [];
    const removed: string[] = [];
    const prefix = `${table} `;
    for (const id of ids) {
      if (!id.startsWith(prefix)) continue;
      const name = id.slice(prefix.length);
      const text = chains.get(id);
      declared.push(`:${name} - [0:0]`);
      if (text === undefined) removed.push(`-X ${name}`);
      else if (text !== '') rules.push(text);
    }
    for (const id of stale) {
      if (!id.startsWith(prefix)) continue;
      const name = id.slice(prefix.length);
      declared.push(`:${name} - [0:0]`);
      removed.push(`-X ${name}`);
    }
    if (canaries && CANARY_TABLES.includes(table)) declared.push(`:${CANARY} - [0:0]`);
    for (const j of jumps) if (j.table === table) rules.push(`-I ${jumpRule(j)}`);
    if (declared.length + rules.length === 0) continue;
    const part = [`*${table}`, declared.join('\n')];
    if (rules.length > 0) part.push(rules.join('\n'));
    if (removed.length > 0) part.push(removed.join('\n'));
    out.push(...part, 'COMMIT');
  }
  return out.length === 0 ? '' : `${out.join('\n')}\n`;
}

/** Number of rules a table holds, for the metric. */
export function countRules(chains: ReadonlyMap<ChainId, ChainText>, table: Table): number {
  let n = 0;
  for (const [id, text] of chains) {
    if (!id.startsWith(table) || text === '' || text === undefined) continue;
    n++;
    for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) n++;
  }
  return n;
}
