// Notices within milliseconds that another process changed our tables, by the kernel's nftables notifications.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { monitorNft } from '../../linux/index.ts';
import type { Family } from '../contract.ts';
import { TABLE, nftFamily } from './objects.ts';

const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

export class TableWatch {
  readonly #netns: string | undefined;
  readonly #changed: (family: Family, why: string) => void;
  /** The program that writes for us; undefined: this process. */
  readonly #writer: string | undefined;
  #monitor: { close(): void } | undefined;
  /** Families that the transaction whose messages are coming in is about. */
  readonly #touched = new Set<Family>();
  /** Transactions of ours whose notification is still to come. */
  #expected = 0;
  #stopped = false;

  constructor(
    netns: string | undefined,
    changed: (family: Family, why: string) => void,
    options: { readonly writer?: string } = {},
  ) {
    this.#netns = netns;
    this.#changed = changed;
    this.#writer = options.writer;
    this.resume();
  }

  /** Runs one of our own transactions. */
  async own(run: () => Promise<void>): Promise<void> {
    const watching = this.#monitor !== undefined;
    if (watching) this.#expected++;
    try {
      await run();
    } catch (e) {
      // What was refused is not notified.
      if (watching && this.#expected > 0) this.#expected--;
      throw e;
    }
  }

  pause(): void {
    this.#expected = 0;
    this.#monitor?.close();
    this.#monitor = undefined;
    this.#touched.clear();
  }

  resume(): void {
    if (this.#stopped || this.#monitor !== undefined) return;
    this.#monitor = monitorNft(this.#netns, (event) => {
      if (event.kind === 'overflow') {
        this.#touched.clear();
        this.#expected = 0;
        for (const family of FAMILIES) this.#changed(family, 'notifications of the kernel were lost');
      } else if (event.kind === 'generation') {
        // Comes last in a transaction and says who made it.
        if (!this.#isOwn(event)) {
          for (const f of this.#touched) this.#changed(f, `by ${event.processName} (process ${event.processId})`);
        }
        this.#touched.clear();
      } else if (event.table === TABLE) {
        const family = FAMILIES.find((f) => nftFamily(f) === event.family);
        if (family !== undefined) this.#touched.add(family);
      }
    });
  }

  /** Somebody else changed something while the watch was paused: perhaps our table. */
  missed(family: Family): void {
    this.#changed(family, 'perhaps, during a large transaction of ours');
  }

  /**
   * The kernel gives the number outside of all PID namespaces: inside one, our own is another. If somebody else's program
   * of the same name comes first it is taken for ours, and ours for somebody else's: that makes one repair all the same.
   */
  #isOwn(event: { processId: number; processName: string }): boolean {
    const name = this.#writer ?? threadName();
    const own = event.processId === process.pid || (this.#expected > 0 && event.processName === name);
    if (own && this.#expected > 0) this.#expected--;
    return own;
  }

  stop(): void {
    this.#stopped = true;
    this.pause();
  }
}

const threadName = (): string => readFileSync('/proc/thread-self/comm', 'utf8').trimEnd();
