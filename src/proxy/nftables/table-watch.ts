// Notices within milliseconds that another process changed our tables, by the kernel's nftables notifications.
import process from 'node:process';
import { monitorNft } from '../../linux/index.ts';
import type { Family } from '../contract.ts';
import { TABLE, nftFamily } from './objects.ts';

const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

export class TableWatch {
  readonly #netns: string | undefined;
  readonly #changed: (family: Family, why: string) => void;
  #monitor: { close(): void } | undefined;
  /** Families that the transaction whose messages are coming in is about. */
  readonly #touched = new Set<Family>();
  #stopped = false;

  constructor(netns: string | undefined, changed: (family: Family, why: string) => void) {
    this.#netns = netns;
    this.#changed = changed;
    this.resume();
  }

  pause(): void {
    this.#monitor?.close();
    this.#monitor = undefined;
    this.#touched.clear();
  }

  resume(): void {
    if (this.#stopped || this.#monitor !== undefined) return;
    this.#monitor = monitorNft(this.#netns, (event) => {
      if (event.kind === 'overflow') {
        this.#touched.clear();
        for (const family of FAMILIES) this.#changed(family, 'notifications of the kernel were lost');
      } else if (event.kind === 'generation') {
        // Comes last in a transaction and says who made it.
        if (event.processId !== process.pid) {
          for (const f of this.#touched) this.#changed(f, `by ${event.processName} (process ${event.processId})`);
        }
        this.#touched.clear();
      } else if (event.table === TABLE) {
        const family = FAMILIES.find((f) => nftFamily(f) === event.family);
        if (family !== undefined) this.#touched.add(family);
      }
    });
  }

  stop(): void {
    this.#stopped = true;
    this.pause();
  }
}
