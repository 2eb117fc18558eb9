// What our table holds because of services, and the operations that lead from there to what it should hold. The cost
// of a plan depends on the services that changed, never on how many there are. Pure: no kernel here.
import type { PortState, ServiceState, StateChanges } from '../contract.ts';
import type { TableContext } from './fixed-table.ts';
import { portEntries, type Listener, type Numbering, type PortEntries } from './listeners.ts';
import { ElementBatches, type NftOp, type Rule, type SetSpec } from './objects.ts';
import { renumber, slotData, slotsOf, type Slots } from './slots.ts';

/** Several ports may claim one address; the one whose name comes first in the alphabet has it, whatever the history. */
interface Claim {
  readonly owner: string;
  readonly listener: Listener;
}

/** What decides what one port has in the table: its entries are worked out again when it changes, and not kept. */
interface PortRecord {
  readonly port: PortState;
  readonly numbering: Numbering;
}

const NOTHING: readonly string[] = [];
const NO_SLOTS: Slots = [];
const NO_NUMBERING: Numbering = { cluster: NO_SLOTS, local: NO_SLOTS };

export const ownerOf = (port: { id: string; protocol: string }): string => `${port.id}/${port.protocol}`;

/** A map that shows changes over another one until they are taken over. */
class Overlay<V> {
  readonly base: Map<string, V>;
  readonly changed = new Map<string, V | undefined>();

  constructor(base: Map<string, V>) {
    this.base = base;
  }

  get(key: string): V | undefined {
    const value = this.changed.get(key);
    return value !== undefined || this.changed.has(key) ? value : this.base.get(key);
  }

  set(key: string, value: V | undefined): void {
    this.changed.set(key, value);
  }

  apply(): void {
    for (const [key, value] of this.changed) {
      if (value === undefined) this.base.delete(key);
      else this.base.set(key, value);
    }
  }
}

export interface NftPlan {
  readonly ops: readonly NftOp[];
  /** To be called when the kernel took the operations. */
  readonly commit: () => void;
}

interface Parts {
  readonly sets: NftOp[];
  readonly chains: NftOp[];
  readonly rules: NftOp[];
  readonly deletions: ElementBatches;
  readonly additions: ElementBatches;
}

export class NftBook {
  readonly #claims = new Map<string, readonly Claim[]>();
  readonly #records = new Map<string, PortRecord>();
  /** `set key` → how many ports want it. */
  readonly #members = new Map<string, number>();
  /** Chain → how many ports use it. */
  readonly #shared = new Map<string, number>();
  /** Own chains and sets in the kernel: chain → rules as text, set → ''. */
  readonly #own = new Map<string, string>();
  readonly #sets = new Map<string, SetSpec>();
  /** Chains and sets that nobody needs any more, still in the kernel. */
  readonly #obsolete = new Map<string, 'chain' | 'set'>();
  readonly #seed: (port: PortState) => Numbering;

  /** `seed` gives the numbers that endpoints have in the kernel already, for ports this book does not know yet. */
  constructor(seed: (port: PortState) => Numbering = () => NO_NUMBERING) {
    this.#seed = seed;
  }

  /** Left behind by an earlier proxy; to be removed with the next garbage. */
  addObsolete(name: string, kind: 'chain' | 'set'): void {
    this.#obsolete.set(name, kind);
  }

  get obsolete(): number {
    return this.#obsolete.size;
  }

  plan(changes: StateChanges, context: TableContext): NftPlan {
    const parts: Parts = {
      sets: [],
      chains: [],
      rules: [],
      deletions: new ElementBatches('delete-elements'),
      additions: new ElementBatches('add-elements'),
    };
    const claims = new Overlay(this.#claims);
    const records = new Overlay(this.#records);
    const members = new Overlay(this.#members);
    const shared = new Overlay(this.#shared);
    const own = new Overlay(this.#own);
    const sets = new Overlay(this.#sets);
    const obsolete = new Overlay(this.#obsolete);
    const chainRules = new Map<string, readonly Rule[]>();

    const claim = (owner: string, key: string, listener: Listener | undefined) => {
      const known = claims.get(key);
      if (known === undefined || (known.length === 1 && known[0]?.owner === owner)) {
        claims.set(key, listener === undefined ? undefined : [{ owner, listener }]);
        return;
      }
      const others = known.filter((c) => c.owner !== owner);
      const next = listener === undefined ? others : [...others, { owner, listener }];
      claims.set(key, next.length === 0 ? undefined : next.toSorted((a, b) => (a.owner < b.owner ? -1 : 1)));
    };
    const count = (overlay: Overlay<number>, key: string, by: number) => {
      const n = (overlay.get(key) ?? 0) + by;
      overlay.set(key, n === 0 ? undefined : n);
    };

    const change = (owner: string, port: PortState | undefined) => {
      const record = records.get(owner);
      const old = record === undefined ? undefined : portEntries(record.port, record.numbering, context);
      let entries: PortEntries | undefined;
      if (port !== undefined) {
        const known = record?.numbering ?? this.#seed(port);
        const numbering = {
          cluster: renumber(known.cluster, port.usesCluster ? slotsOf(port.cluster) : NO_SLOTS),
          local: renumber(known.local, port.usesLocal ? slotsOf(port.local) : NO_SLOTS),
        };
        entries = portEntries(port, numbering, context);
        records.set(owner, { port, numbering });
      } else records.set(owner, undefined);
      for (const key of old?.listeners.keys() ?? NOTHING) {
        if (!entries?.listeners.has(key)) claim(owner, key, undefined);
      }
      for (const [key, listener] of entries?.listeners ?? []) claim(owner, key, listener);
      for (const member of entries?.members ?? NOTHING) count(members, member, 1);
      for (const member of old?.members ?? NOTHING) count(members, member, -1);
      for (const [name, rules] of entries?.sharedChains ?? []) {
        chainRules.set(name, rules);
        count(shared, name, 1);
      }
      for (const name of old?.sharedChains.keys() ?? []) count(shared, name, -1);
      for (const name of old?.ownChains.keys() ?? []) {
        if (entries?.ownChains.has(name)) continue;
        // References to it go in this transaction; its rules at once, so that nothing they refer to is kept.
        parts.rules.push({ op: 'write-chain', name, rules: [] });
        own.set(name, undefined);
        obsolete.set(name, 'chain');
      }
      for (const [name, rules] of entries?.ownChains ?? []) {
        const text = JSON.stringify(rules);
        if (own.get(name) === text) continue;
        if (own.get(name) === undefined) parts.chains.push({ op: 'add-chain', name });
        parts.rules.push({ op: 'write-chain', name, rules });
        own.set(name, text);
        obsolete.set(name, undefined);
      }
      for (const set of old?.ownSets ?? []) {
        if (entries?.ownSets.some((s) => s.name === set.name)) continue;
        obsolete.set(set.name, 'set');
      }
      for (const set of entries?.ownSets ?? []) {
        // An `add` of a set that exists gives it the new timeout (kernels before 6.2 leave it; the rule has it, too).
        if (sets.get(set.name)?.timeoutSeconds !== set.timeoutSeconds) parts.sets.push({ op: 'add-set', set });
        obsolete.set(set.name, undefined);
        sets.set(set.name, set);
      }
    };

    for (const [, { before, after }] of changes) changeService(before, after, change);

    for (const [name, n] of shared.changed) {
      const had = this.#shared.has(name);
      if (n === undefined && had) obsolete.set(name, 'chain');
      if (n === undefined || had) continue;
      // A chain that waits to be removed has its rules still.
      if (this.#obsolete.has(name)) obsolete.set(name, undefined);
      else {
        parts.chains.push({ op: 'add-chain', name });
        parts.rules.push({ op: 'write-chain', name, rules: chainRules.get(name) ?? [] });
      }
    }
    for (const [id, n] of members.changed) {
      const had = this.#members.has(id);
      if ((n !== undefined) === had) continue;
      const space = id.indexOf(' ');
      const batches = n === undefined ? parts.deletions : parts.additions;
      batches.push(id.slice(0, space), { key: id.slice(space + 1) });
    }
    for (const [key, next] of claims.changed) {
      diffListener(key, this.#claims.get(key)?.[0]?.listener, next?.[0]?.listener, parts);
    }
    return {
      ops: [...parts.sets, ...parts.chains, ...parts.rules, ...parts.deletions.ops, ...parts.additions.ops],
      commit: () => {
        for (const o of [claims, records, members, shared, own, sets, obsolete]) o.apply();
      },
    };
  }

  /** Removes the chains and sets that nobody needs; a transaction of its own, some time after the plan. */
  collectGarbage(): NftPlan {
    const chains = [...this.#obsolete].filter(([, kind]) => kind === 'chain').map(([name]) => name);
    const sets = [...this.#obsolete].filter(([, kind]) => kind === 'set').map(([name]) => name);
    return {
      ops: [
        ...chains.map((name): NftOp => ({ op: 'write-chain', name, rules: [] })),
        ...chains.map((name): NftOp => ({ op: 'delete-chain', name })),
        ...sets.map((name): NftOp => ({ op: 'delete-set', name })),
      ],
      commit: () => {
        for (const name of chains) this.#obsolete.delete(name);
        for (const name of sets) {
          this.#obsolete.delete(name);
          this.#sets.delete(name);
        }
      },
    };
  }
}

function changeService(
  before: ServiceState | undefined,
  after: ServiceState | undefined,
  change: (owner: string, port: PortState | undefined) => void,
): void {
  for (const port of before?.ports ?? []) {
    const owner = ownerOf(port);
    if (after?.ports.some((p) => ownerOf(p) === owner) !== true) change(owner, undefined);
  }
  for (const port of after?.ports ?? []) change(ownerOf(port), port);
}

function diffVerdict(set: string, key: string, old: string | undefined, next: string | undefined, parts: Parts): void {
  if (old === next) return;
  if (old !== undefined) parts.deletions.push(set, { key });
  if (next !== undefined) parts.additions.push(set, { key, data: next });
}

function diffSlots(set: string, key: string, old: Slots, next: Slots, parts: Parts): void {
  if (old === next) return;
  for (let i = 0; i < Math.max(old.length, next.length); i++) {
    const [from, to] = [old[i], next[i]];
    if (from === to) continue;
    const element = `${key} . ${i}`;
    if (from !== undefined) parts.deletions.push(set, { key: element });
    if (to !== undefined) parts.additions.push(set, { key: element, data: slotData(to) });
  }
}

/** Elements that differ between two listeners at one key. */
function diffListener(key: string, old: Listener | undefined, next: Listener | undefined, parts: Parts): void {
  const node = (old ?? next)?.kind === 'nodePort';
  const prefix = node ? 'node-port-' : '';
  const [from, to] = [old?.entry, next?.entry];
  if (from?.set === to?.set) {
    if (to !== undefined) diffVerdict(to.set, key, from?.verdict, to.verdict, parts);
  } else {
    if (from !== undefined) parts.deletions.push(from.set, { key });
    if (to !== undefined) parts.additions.push(to.set, to.verdict === undefined ? { key } : { key, data: to.verdict });
  }
  if (old?.refusal !== next?.refusal) {
    if (old?.refusal !== undefined) parts.deletions.push(old.refusal, { key });
    if (next?.refusal !== undefined) parts.additions.push(next.refusal, { key });
  }
  diffVerdict('firewalls', key, old?.firewall, next?.firewall, parts);
  diffSlots(`${prefix}endpoints`, key, old?.cluster ?? NO_SLOTS, next?.cluster ?? NO_SLOTS, parts);
  diffSlots(`${prefix}local-endpoints`, key, old?.local ?? NO_SLOTS, next?.local ?? NO_SLOTS, parts);
}
