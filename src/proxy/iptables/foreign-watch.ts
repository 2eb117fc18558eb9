// Notices that somebody else removed our iptables rules, by the kernel's nftables notifications (iptables-nft keeps its
// rules there). With iptables-legacy there are none; the canary chains are then the only sign.
import { monitorNft } from '../../linux/index.ts';
import type { Clock, Timer } from '../../clock/index.ts';
import type { Family } from '../contract.ts';
import { nftFamily } from '../nftables/objects.ts';
import { CANARY, JUMPS, SHARED_CHAINS } from './fixed-chains.ts';
import { OWNED_CHAIN } from './names.ts';

const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];
const TABLES = new Set(['filter', 'nat']);
const SHARED = new Set([...SHARED_CHAINS.map((c) => c.chain), CANARY]);
const BUILT_IN = new Set(JUMPS.map((j) => j.from));
/** The iptables programs make several transactions in a row. */
const SETTLE_MS = 50;
/** Notifications of our own restore may come a moment after the process ended. */
const OWN_ECHO_MS = 100;

export interface ForeignWatchOptions {
  readonly netns: string | undefined;
  readonly clock: Clock;
  /** Rules of ours are gone. */
  readonly lost: (family: Family, why: string) => void;
  /** Rules of a built-in chain are gone, perhaps our jumps among them. */
  readonly checkJumps: (family: Family) => void;
}

type Loss = 'rules' | 'jumps';

export class ForeignWatch {
  readonly #o: ForeignWatchOptions;
  #monitor: { close(): void } | undefined;
  #busy = 0;
  #quietUntil = -Infinity;
  /** What the transaction whose messages are coming in removed. */
  readonly #touched = new Map<Family, Loss>();
  readonly #seen = new Map<Family, Loss>();
  #timer: Timer;
  #by = '';

  constructor(options: ForeignWatchOptions) {
    this.#o = options;
    this.#open();
  }

  /** Runs one of our own restores; with many rules the notifications would overflow the socket. */
  async own(large: boolean, run: () => Promise<void>): Promise<void> {
    this.#busy++;
    if (large) this.#close();
    try {
      await run();
    } finally {
      this.#busy--;
      this.#quietUntil = this.#o.clock.monotonic() + OWN_ECHO_MS;
      if (large) this.#open();
    }
  }

  #close(): void {
    this.#monitor?.close();
    this.#monitor = undefined;
    this.#touched.clear();
  }

  #open(): void {
    this.#monitor ??= monitorNft(this.#o.netns, (event) => {
      if (event.kind === 'overflow') {
        this.#touched.clear();
      } else if (event.kind === 'generation') {
        const echo = this.#busy > 0 || this.#o.clock.monotonic() < this.#quietUntil;
        const own = echo && /^ip6?tables-/.test(event.processName);
        if (!own) for (const [family, loss] of this.#touched) this.#note(family, loss, event.processName);
        this.#touched.clear();
      } else if (event.action === 'delete' && TABLES.has(event.table)) {
        const family = FAMILIES.find((f) => nftFamily(f) === event.family);
        if (family === undefined) return;
        const chain = event.name ?? '';
        if (event.kind === 'table' || SHARED.has(chain) || OWNED_CHAIN.test(chain)) this.#touched.set(family, 'rules');
        else if (event.kind === 'rule' && BUILT_IN.has(chain) && this.#touched.get(family) === undefined) {
          this.#touched.set(family, 'jumps');
        }
      }
    });
  }

  #note(family: Family, loss: Loss, by: string): void {
    if (this.#seen.get(family) !== 'rules') this.#seen.set(family, loss);
    this.#by = by;
    this.#timer ??= this.#o.clock.after(SETTLE_MS, () => {
      this.#timer = undefined;
      const seen = [...this.#seen];
      this.#seen.clear();
      for (const [f, what] of seen) {
        if (what === 'rules') this.#o.lost(f, `removed by ${this.#by}`);
        else this.#o.checkJumps(f);
      }
    });
  }

  stop(): void {
    if (this.#timer !== undefined) this.#o.clock.clear(this.#timer);
    this.#close();
  }
}
