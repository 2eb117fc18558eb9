// One address family from changes to kernel: tracker → sync, paced, measured, watched for foreign changes.
import type { Clock, Timer } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { ChangeTracker } from './changes.ts';
import type { Family, ServiceKey, ServiceState, StateChanges } from './contract.ts';
import type { ProxyMetrics } from './metrics.ts';
import { createPacer, type Pacer } from './pacer.ts';
import type { RuleSync } from './rule-sync.ts';

export interface FamilyLoopOptions {
  readonly tracker: ChangeTracker;
  readonly sync: RuleSync;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: ProxyMetrics;
  readonly syncPeriodMs: number;
  readonly minSyncPeriodMs: number;
  readonly pacing: 'adaptive' | 'fixed';
  readonly failed: (kind: 'full' | 'partial') => void;
  /** Called after each successful sync that changed the kernel. */
  readonly synced: (changes: StateChanges) => void;
}

const FIRST_RETRY_MS = 500;
const LONGEST_IDLE_MS = 3_600_000;

export interface FamilyHealth {
  /** Wall clock of the last success; undefined: none yet. */
  readonly lastUpdated: number | undefined;
  /** Monotonic clock since when a change waits; undefined: none does. */
  readonly queuedSince: number | undefined;
}

export class FamilyLoop {
  readonly family: Family;
  readonly tracker: ChangeTracker;
  readonly firstSync: Promise<void>;
  readonly #o: FamilyLoopOptions;
  readonly #pacer: Pacer;
  #resolveFirst: () => void;
  #verifyTimer: Timer;
  #triggers = new Set<number>();
  #lastUpdated: number | undefined;
  #queuedSince: number | undefined;
  #synced = false;
  #running = false;
  #stopped = false;

  constructor(options: FamilyLoopOptions) {
    this.#o = options;
    this.tracker = options.tracker;
    this.family = options.tracker.family;
    const first = Promise.withResolvers<void>();
    this.firstSync = first.promise;
    this.#resolveFirst = first.resolve;
    const { minSyncPeriodMs, pacing, clock, syncPeriodMs } = options;
    this.#pacer = createPacer(() => this.#run(), {
      clock,
      pauseMs: (lastRunMs) => (pacing === 'fixed' ? minSyncPeriodMs : Math.min(minSyncPeriodMs, lastRunMs)),
      longestIdleMs: LONGEST_IDLE_MS,
      firstRetryMs: Math.min(FIRST_RETRY_MS, syncPeriodMs),
      longestRetryMs: syncPeriodMs,
    });
    this.#scheduleVerify();
  }

  get health(): FamilyHealth {
    return { lastUpdated: this.#lastUpdated, queuedSince: this.#queuedSince };
  }

  /** A slice changed at this time (epoch ms) because of a change elsewhere; measured at the next sync. */
  noteTrigger(at: number): void {
    this.#triggers.add(at);
  }

  request(): void {
    if (this.#queuedSince === undefined) {
      this.#queuedSince = this.#o.clock.monotonic();
      this.#o.metrics.lastQueued.set(this.#o.clock.now() / 1000, { ip_family: this.family });
    }
    this.#pacer.request();
  }

  /** Somebody else changed our rules: write them all again. */
  repair(why: string): void {
    // Before the first sync there are no rules of ours; during it somebody may undo what it wrote or read.
    if (this.#stopped || !(this.#synced || this.#running)) return;
    this.#o.log.warn('rules were changed by somebody else; writing them again', { family: this.family, why });
    this.#o.metrics.repairs.inc({ ip_family: this.family });
    this.#o.sync.requireFull();
    this.request();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#verifyTimer !== undefined) this.#o.clock.clear(this.#verifyTimer);
    await this.#pacer.stop();
  }

  /** What the kernel should hold: what it holds, with these changes. Nothing is worked out a second time. */
  *#all(changes: StateChanges): Iterable<[ServiceKey, ServiceState]> {
    for (const [key, state] of this.tracker.committed) if (!changes.has(key)) yield [key, state];
    for (const [key, { after }] of changes) if (after !== undefined) yield [key, after];
  }

  async #run(): Promise<void> {
    const { clock, metrics, log, sync } = this.#o;
    const label = { ip_family: this.family };
    const triggers = this.#triggers;
    this.#triggers = new Set();
    const queuedSince = this.#queuedSince;
    this.#queuedSince = undefined;
    const began = clock.monotonic();
    const changes = this.tracker.take();
    const wasSynced = this.#synced;
    this.#running = true;
    try {
      const report = await sync.sync(changes, () => this.#all(changes));
      this.tracker.commit(changes);
      const seconds = (clock.monotonic() - began) / 1000;
      if (report.kind !== 'none') {
        metrics.syncDuration.observe(seconds, label);
        const by = report.kind === 'full' ? metrics.fullSyncDuration : metrics.partialSyncDuration;
        by.observe(seconds, label);
        log.debug('synced', { family: this.family, kind: report.kind, services: changes.size, seconds });
      }
      const now = clock.now();
      this.#lastUpdated = now;
      metrics.lastSync.set(now / 1000, label);
      for (const at of triggers) metrics.networkProgramming.observe(Math.max(0, now - at) / 1000, label);
      this.#synced = true;
      if (!wasSynced) this.#resolveFirst();
      // Also when no rule differs: an endpoint that was only finishing its work is gone now, and so must its UDP flows.
      if (report.kind !== 'none' || changes.size > 0) this.#o.synced(changes);
    } catch (error) {
      this.tracker.abort(changes);
      for (const at of triggers) this.#triggers.add(at);
      this.#queuedSince = queuedSince ?? this.#queuedSince ?? clock.monotonic();
      this.#o.failed(wasSynced ? 'partial' : 'full');
      log.error('the kernel refused the rules; the old ones stay and it is tried again', {
        family: this.family,
        error: error instanceof Error ? error : new Error(String(error)),
      });
      throw error;
    } finally {
      this.#running = false;
    }
  }

  #scheduleVerify(): void {
    this.#verifyTimer = this.#o.clock.after(this.#o.syncPeriodMs, () => void this.#verify());
  }

  async #verify(): Promise<void> {
    try {
      if (this.#synced && !(await this.#o.sync.verify())) this.repair('the canary chain is gone');
    } catch (error) {
      // For example the xtables lock is held: that says nothing about our rules.
      this.#o.log.debug('could not look at the rules', { family: this.family, error });
    }
    if (!this.#stopped) this.#scheduleVerify();
  }
}
