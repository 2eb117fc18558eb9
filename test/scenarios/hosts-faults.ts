// Faults at random, one after the other, repeatable by their seed: kill, freeze, pulled cable, a clock that jumps, a full
// disk and a slow one; of servers, agents and members of etcd. Whoever calls starts again who has ended.
import { setTimeout as sleep } from 'node:timers/promises';

import { AGENTS, type Host, type Hosts, type Managed } from './hosts-fixture.ts';

const KINDS = ['kill', 'freeze', 'cable', 'clock', 'full', 'slow'] as const;
export type FaultKind = (typeof KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  readonly host: Host;
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

const LONGEST_MS = 3000;
const PAUSE_MS = 1500;
/** Below the five minutes by which certificates are dated back, as everywhere in Kubernetes. */
const SKEW_MS = 240_000;

export async function runFaults(
  hosts: Hosts,
  { seconds, random }: { seconds: number; random: () => number },
): Promise<Fault[]> {
  const pick = <T>(list: readonly T[]): T => {
    const picked = list[Math.floor(random() * list.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  };
  const processes = new Map<Host, Managed>([
    ...hosts.servers,
    ...AGENTS.map((agent) => [agent, hosts.agents[agent]] as const),
    ...hosts.members,
  ]);
  const all = [...processes.keys()];
  // Members do not ask libc for the time, and their leases run by the monotonic clock.
  const skewable = all.filter((host) => !hosts.members.has(host));
  const targets: Record<FaultKind, readonly Host[]> = {
    kill: all,
    freeze: all,
    cable: all,
    clock: skewable,
    full: [...hosts.disks.keys()],
    slow: [...hosts.disks.keys()],
  };

  async function carryOut(kind: FaultKind, host: Host, lasts: number): Promise<void> {
    const process_ = processes.get(host);
    const disk = hosts.disks.get(host);
    switch (kind) {
      case 'kill':
        return process_?.stop('SIGKILL');
      case 'freeze':
        process_?.signal('SIGSTOP');
        await sleep(lasts);
        return process_?.signal('SIGCONT');
      case 'cable':
        hosts.cable(host, false);
        await sleep(lasts);
        return hosts.cable(host, true);
      case 'clock':
        hosts.clock(host).set((2 * random() - 1) * SKEW_MS);
        await sleep(lasts);
        return hosts.clock(host).set(0);
      case 'full':
        disk?.fill();
        await sleep(lasts);
        return disk?.empty();
      case 'slow':
        return disk?.slowFor(lasts);
    }
  }

  const done: Fault[] = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const kind = pick(KINDS);
    const host = pick(targets[kind]);
    const lasts = 500 + random() * (LONGEST_MS - 500);
    const pause = random() * PAUSE_MS;
    const from = performance.now();
    await carryOut(kind, host, lasts);
    done.push({ kind, host, from, to: performance.now() });
    await sleep(pause);
  }
  return done;
}
