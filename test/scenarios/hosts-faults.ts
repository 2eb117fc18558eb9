// Faults at random, one after the other, repeatable by their seed: kill, freeze, pulled cable. Who is killed is started
// again, as a service manager would.
import { setTimeout as sleep } from 'node:timers/promises';

import { AGENTS, type Hosts } from './hosts-fixture.ts';

export interface Fault {
  readonly kind: 'kill' | 'freeze' | 'cable';
  readonly host: string;
  /** Monotonic milliseconds. */
  readonly from: number;
  readonly to: number;
}

/** mulberry32: small, and the same numbers for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const RESTART_MS = 300;
const LONGEST_MS = 3000;
const PAUSE_MS = 1500;

export async function runFaults(
  hosts: Hosts,
  { seconds, random }: { seconds: number; random: () => number },
): Promise<Fault[]> {
  const pick = <T>(list: readonly [T, ...T[]]): T => list[Math.floor(random() * list.length)] ?? list[0];
  const done: Fault[] = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const kind = pick(['kill', 'kill', 'freeze', 'cable'] as const);
    const host = pick(['server', ...AGENTS] as const);
    const lasts = 500 + random() * (LONGEST_MS - 500);
    const pause = random() * PAUSE_MS;
    const process_ = host === 'server' ? hosts.server : hosts.agents[host];
    const from = performance.now();
    switch (kind) {
      case 'kill':
        await process_.stop('SIGKILL');
        await sleep(RESTART_MS);
        process_.start();
        break;
      case 'freeze':
        process_.signal('SIGSTOP');
        await sleep(lasts);
        process_.signal('SIGCONT');
        break;
      case 'cable':
        hosts.cable(host, false);
        await sleep(lasts);
        hosts.cable(host, true);
        break;
    }
    done.push({ kind, host, from, to: performance.now() });
    await sleep(pause);
  }
  return done;
}
