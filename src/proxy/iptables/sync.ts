// Applies rule plans through iptables-restore: one process a sync, and only the chains that differ.
// A full sync also reads the tables once, for jumps that are missing and chains that nobody needs any more.
import type { Clock } from '../../clock/index.ts';
import type { ServiceKey, ServiceState, StateChange, StateChanges } from '../contract.ts';
import type { RuleSync, SyncReport } from '../rule-sync.ts';
import {
  CANARY,
  CANARY_TABLES,
  JUMPS,
  KUBELET_JUMPS,
  fixedChains,
  jumpRule,
  usesKubeletFirewall,
  type FixedRules,
  type Jump,
  type Table,
} from './fixed-chains.ts';
import { OWNED_CHAIN } from './names.ts';
import { RuleBook, type ChainId, type ChainText, type PlanContext, type RestoreExtras, type RulePlan } from './plan.ts';
import { restoreParts } from './restore-parts.ts';

/** iptables of one family in the node's namespace. */
export interface IptablesKernel {
  /** Chains that one restore should write at most; a larger plan is cut. */
  readonly chainsAtOnce: number;
  /** `iptables-restore --noflush --counters`. Rejects without any change when the kernel or the parser refuses. */
  restore(input: string): Promise<void>;
  /** `iptables-save`, of all tables or of one. */
  save(table?: Table): Promise<string>;
  /** Puts a jump at the head of its chain unless it is there; true when it was. */
  ensureJump(jump: Jump): Promise<boolean>;
}

export interface IptablesSyncOptions {
  readonly kernel: IptablesKernel;
  readonly fixed: FixedRules;
  /** Asked on each sync: node addresses come and go. */
  readonly context: () => Omit<PlanContext, 'fixed'>;
  readonly clock: Clock;
}

const FULL_SYNC_EVERY_MS = 3_600_000;

/** The chains and rules of `iptables-save` output. */
export function parseSave(text: string): { chains: Set<ChainId>; rules: Set<string> } {
  const chains = new Set<ChainId>();
  const rules = new Set<string>();
  let table = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    else if (line.startsWith(':')) chains.add(`${table} ${line.slice(1).split(' ')[0] ?? ''}`);
    else if (line.startsWith('-A ')) rules.add(`${table} ${line.slice(3)}`);
  }
  return { chains, rules };
}

export class IptablesSync implements RuleSync {
  readonly #kernel: IptablesKernel;
  readonly #jumps: readonly Jump[];
  readonly #options: IptablesSyncOptions;
  readonly #fixedLines: ReadonlyMap<ChainId, readonly string[]>;
  #book = new RuleBook();
  #needFull = true;
  /** Grows with each wish for a full sync: one that comes while such a sync runs is about facts it has not seen. */
  #wishes = 0;
  #lastFullAt = -Infinity;
  #lastChains: ReadonlyMap<ChainId, ChainText> = new Map();

  constructor(options: IptablesSyncOptions) {
    this.#options = options;
    this.#kernel = options.kernel;
    this.#jumps = usesKubeletFirewall(options.fixed) ? [...JUMPS, ...KUBELET_JUMPS] : JUMPS;
    this.#fixedLines = fixedChains(options.fixed);
  }

  /** The rules as the kernel last took them. */
  get book(): RuleBook {
    return this.#book;
  }

  /** The chains that the last sync wrote. */
  get lastChains(): ReadonlyMap<ChainId, ChainText> {
    return this.#lastChains;
  }

  requireFull(): void {
    this.#needFull = true;
    this.#wishes++;
  }

  async sync(changes: StateChanges, all: () => Iterable<[ServiceKey, ServiceState]>): Promise<SyncReport> {
    const idle = this.#options.clock.monotonic() - this.#lastFullAt;
    if (idle > FULL_SYNC_EVERY_MS && !this.#book.largeCluster) this.#needFull = true;
    if (this.#needFull) {
      await this.#syncFully(all());
      return { kind: 'full' };
    }
    const plan = this.#book.plan(changes, { ...this.#options.context(), fixed: this.#fixedLines });
    if (plan.chains.size === 0) {
      this.#book.commit(plan);
      return { kind: 'none' };
    }
    try {
      await this.#restore(plan);
    } catch (e) {
      this.#needFull = true;
      throw e;
    }
    this.#book.commit(plan);
    this.#lastChains = plan.chains;
    return { kind: 'partial' };
  }

  async #restore(plan: RulePlan, extras: RestoreExtras = {}): Promise<void> {
    for (const input of restoreParts(plan, this.#kernel.chainsAtOnce, extras)) await this.#kernel.restore(input);
  }

  async #syncFully(all: Iterable<[ServiceKey, ServiceState]>): Promise<void> {
    const wishes = this.#wishes;
    const found = parseSave(await this.#kernel.save());
    const book = new RuleBook();
    const everything = new Map<ServiceKey, StateChange>();
    for (const [key, after] of all) everything.set(key, { after });
    const plan = book.plan(everything, { ...this.#options.context(), fixed: this.#fixedLines });
    const stale = [...found.chains].filter(
      (id) => id.startsWith('nat ') && OWNED_CHAIN.test(id.slice(4)) && !plan.chains.has(id),
    );
    const jumps = this.#jumps.filter((j) => !found.rules.has(`${j.table} ${jumpRule(j)}`));
    await this.#restore(plan, { jumps, stale, canaries: true });
    book.commit(plan);
    this.#book = book;
    this.#lastChains = plan.chains;
    this.#needFull = this.#wishes !== wishes;
    this.#lastFullAt = this.#options.clock.monotonic();
  }

  /** Somebody who flushes tables takes the canaries with them; the mangle table is small, so looking is cheap. */
  async verify(): Promise<boolean> {
    if (this.#needFull) return true;
    for (const table of CANARY_TABLES) {
      if (!(await this.#kernel.save(table)).includes(`:${CANARY} `)) return false;
    }
    return true;
  }

  /** Puts back the jumps that are missing; the number of them. */
  async restoreJumps(): Promise<number> {
    if (this.#needFull) return 0;
    let missing = 0;
    for (const jump of this.#jumps) if (!(await this.#kernel.ensureJump(jump))) missing++;
    return missing;
  }

  async present(): Promise<boolean> {
    return (await this.#kernel.save('nat')).includes(':KUBE-SERVICES ');
  }
}
