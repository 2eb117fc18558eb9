// Renews a certificate before it ends: between 70 and 90 % of its life, spread so that nodes do not come all at once.
import type { Clock, Timer } from '../clock/index.ts';
import { errorText } from '../errors/index.ts';
import type { Logger } from '../log/index.ts';
import { certificateValidity } from '../pki/index.ts';

export interface RenewalOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly what: string;
  /** The certificate as it stands. */
  readonly current: () => string;
  /** Asks for the next one and puts it into use. */
  readonly renew: () => Promise<void>;
  /** 0 ≤ n < 1 */
  readonly random?: () => number;
}

const AGAIN_MS = 60_000;
/** Timers count in 31 bits; a certificate of a year is looked at again. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** When a certificate is due, epoch milliseconds. `random` 0 ≤ n < 1. */
export function renewalDueMs(certPem: string, random: number): number {
  const { notBefore, notAfter } = certificateValidity(certPem);
  const life = notAfter.getTime() - notBefore.getTime();
  return notBefore.getTime() + life * (0.7 + 0.2 * random);
}

export interface Renewal {
  /** The names it stands for have changed: renew now. */
  now(): void;
  stop(): void;
}

export function startRenewal(options: RenewalOptions): Renewal {
  const { clock, log, what, current, renew, random = Math.random } = options;
  let timer: Timer;
  let stopped = false;
  let running = false;

  function plan(dueMs: number): void {
    if (stopped) return;
    clock.clear(timer);
    const wait = Math.max(0, dueMs - clock.now());
    timer = clock.after(Math.min(wait, LONGEST_WAIT_MS), () => {
      if (clock.now() < dueMs) plan(dueMs);
      else void run();
    });
  }

  async function run(): Promise<void> {
    if (running) return;
    running = true;
    try {
      await renew();
      if (!stopped) {
        const { notAfter } = certificateValidity(current());
        log.info(`the ${what} was renewed`, { until: notAfter.toISOString() });
        plan(renewalDueMs(current(), random()));
      }
    } catch (error) {
      const { notAfter } = certificateValidity(current());
      log.error(`the ${what} could not be renewed; trying again`, {
        error: errorText(error),
        until: notAfter.toISOString(),
      });
      plan(clock.now() + AGAIN_MS);
    } finally {
      running = false;
    }
  }

  plan(renewalDueMs(current(), random()));
  return {
    now: () => plan(clock.now()),
    stop() {
      stopped = true;
      clock.clear(timer);
    },
  };
}
