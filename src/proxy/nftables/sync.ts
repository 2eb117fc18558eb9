// Applies table plans in one transaction each. A full sync reads our table once and writes what differs; after that
// nothing is read: the book knows what the kernel holds.
import type { Clock, Timer } from '../../clock/index.ts';
import { isErrno } from '../../linux/index.ts';
import type { Logger } from '../../log/index.ts';
import type { ServiceKey, ServiceState, StateChange, StateChanges } from '../contract.ts';
import type { RuleSync, SyncReport } from '../rule-sync.ts';
import { NftBook } from './book.ts';
import { fixedOps, type TableContext } from './fixed-table.ts';
import type { NftOp } from './objects.ts';
import { withRoom } from './room.ts';
import { diffTable, numberingIn, type KernelTable } from './table-diff.ts';
import { TableModel } from './table-model.ts';

/** Our table in the kernel, in one family. */
export interface NftKernel {
  /**
   * Whether rules may be written into a table that stands. The nft program (1.0.6) refuses a rule that translates by a
   * map of the kernel, but takes it beside the map's own definition: such a table is only ever replaced as a whole.
   */
  readonly amendsRules: boolean;
  /** All or nothing. */
  apply(ops: readonly NftOp[]): Promise<void>;
  /** Undefined: there is no such table. */
  read(): Promise<KernelTable | undefined>;
  exists(): Promise<boolean>;
  close(): void;
}

export interface NftSyncOptions {
  readonly kernel: NftKernel;
  /** Asked on each full sync. */
  readonly context: () => TableContext;
  readonly clock: Clock;
  readonly log: Logger;
  readonly cleanupFailed: () => void;
}

/** Kernels before 6.2 count references from elements that a transaction just deleted for a moment longer. */
const GARBAGE_AFTER_MS = 1500;

export class NftSync implements RuleSync {
  readonly #o: NftSyncOptions;
  #book = new NftBook();
  #context: TableContext | undefined;
  #needFull = true;
  /** Grows with each wish for a full sync: one that comes while such a sync runs is about facts it has not seen. */
  #wishes = 0;
  #garbageTimer: Timer;
  #stopped = false;
  /** One transaction at a time: plans build on each other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: NftSyncOptions) {
    this.#o = options;
  }

  requireFull(): void {
    this.#needFull = true;
    this.#wishes++;
  }

  stop(): void {
    this.#stopped = true;
    if (this.#garbageTimer !== undefined) this.#o.clock.clear(this.#garbageTimer);
    this.#o.kernel.close();
  }

  sync(changes: StateChanges, all: () => Iterable<[ServiceKey, ServiceState]>): Promise<SyncReport> {
    return this.#inTurn(() => this.#sync(changes, all));
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const next = this.#last.then(run, run);
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #sync(changes: StateChanges, all: () => Iterable<[ServiceKey, ServiceState]>): Promise<SyncReport> {
    if (this.#needFull || this.#context === undefined) {
      await this.#syncFully(all);
      this.#scheduleGarbage();
      return { kind: 'full' };
    }
    const plan = this.#book.plan(changes, this.#context);
    if (plan.ops.length === 0) {
      plan.commit();
      return { kind: 'none' };
    }
    if (!this.#o.kernel.amendsRules && plan.ops.some((o) => o.op === 'write-chain' && o.rules.length > 0)) {
      await this.#syncFully(all);
      return { kind: 'full' };
    }
    try {
      await this.#o.kernel.apply(plan.ops);
    } catch (e) {
      this.#needFull = true;
      if (!isErrno(e, 'ENFILE')) throw e;
      this.#o.log.info('a set of the table is full: the table is replaced by one with more room');
      await this.#syncFully(all, 'replace');
      return { kind: 'full' };
    }
    plan.commit();
    this.#scheduleGarbage();
    return { kind: 'partial' };
  }

  async #syncFully(all: () => Iterable<[ServiceKey, ServiceState]>, how?: 'replace'): Promise<void> {
    const wishes = this.#wishes;
    const context = this.#o.context();
    const have = this.#o.kernel.amendsRules && how !== 'replace' ? await this.#o.kernel.read() : undefined;
    try {
      this.#book = await this.#build(context, all, have);
    } catch (error) {
      if (have === undefined) throw error;
      // Perhaps the table is somebody else's, or of another version: replace it, still in one transaction.
      this.#o.log.warn('the table that stands in the kernel cannot be taken over and is replaced', { error });
      this.#book = await this.#build(context, all, undefined);
    }
    this.#context = context;
    this.#needFull = this.#wishes !== wishes;
  }

  async #build(
    context: TableContext,
    all: () => Iterable<[ServiceKey, ServiceState]>,
    have: KernelTable | undefined,
  ): Promise<NftBook> {
    const everything = new Map<ServiceKey, StateChange>();
    for (const [key, after] of all()) everything.set(key, { after });
    const book = new NftBook(have === undefined ? undefined : (port) => numberingIn(have, port));
    const plan = book.plan(everything, context);
    const build = [...fixedOps(context), ...plan.ops];
    if (have === undefined) {
      await this.#o.kernel.apply([{ op: 'delete-table' }, ...withRoom(build)]);
    } else {
      const want = new TableModel();
      want.apply(build);
      const diff = diffTable(have, want, build);
      await this.#o.kernel.apply(diff.ops);
      for (const { name, kind } of diff.obsolete) book.addObsolete(name, kind);
    }
    plan.commit();
    return book;
  }

  #scheduleGarbage(): void {
    if (this.#garbageTimer !== undefined || this.#stopped || this.#book.obsolete === 0) return;
    this.#garbageTimer = this.#o.clock.after(GARBAGE_AFTER_MS, () => {
      this.#garbageTimer = undefined;
      void this.#inTurn(() => this.#collectGarbage());
    });
  }

  async #collectGarbage(): Promise<void> {
    if (this.#stopped || this.#needFull) return;
    const plan = this.#book.collectGarbage();
    if (plan.ops.length === 0) return;
    try {
      await this.#o.kernel.apply(plan.ops);
      plan.commit();
    } catch (error) {
      // Harmless: unused chains cost nothing. The next sync schedules another try.
      this.#o.cleanupFailed();
      this.#o.log.debug('could not remove unused chains', { error });
    }
  }

  /** The notification group tells of foreign changes at once; this is the net below it. */
  async verify(): Promise<boolean> {
    return this.#needFull || (await this.#o.kernel.exists());
  }

  present(): Promise<boolean> {
    return this.#o.kernel.exists();
  }
}
