// One leader among several processes, by a Lease that the leader keeps renewing.
import { isAlreadyExists, isConflict, isNotFound, leases } from '../api/objects.ts';
import type { Lease } from '../api/objects.ts';
import { systemClock } from '../clock/index.ts';
import type { Clock, Timer } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { Client } from './contract.ts';

export interface LeaderElectionOptions {
  namespace: string;
  name: string;
  /** Unique per process. */
  identity: string;
  leaseDurationMs?: number;
  /** A leader that could not renew for this long steps down, before others may take over. */
  renewDeadlineMs?: number;
  retryPeriodMs?: number;
  /** Called each time this process becomes the leader; the signal aborts when it no longer is. */
  onLeading: (signal: AbortSignal) => void;
  clock?: Clock;
  log?: Logger;
}

export interface LeaderElection {
  readonly isLeader: boolean;
  /** Steps down and gives the lease back, so that the next leader need not wait. */
  stop(): Promise<void>;
}

export function runLeaderElection(client: Client, options: LeaderElectionOptions): LeaderElection {
  const { namespace, name, identity } = options;
  const clock = options.clock ?? systemClock;
  const leaseDurationMs = options.leaseDurationMs ?? 15_000;
  const renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
  const retryPeriodMs = options.retryPeriodMs ?? 2000;
  const api = client.resource(leases);
  let leading: AbortController | undefined;
  let deadline: Timer;
  let stopped = false;
  let timer: Timer;
  let running: Promise<void> = Promise.resolve();
  // Others' clocks may differ from ours: what counts is how long *we* have seen the same record.
  let seen: { version: string; at: number } | undefined;

  const stepDown = (why: string) => {
    if (leading === undefined) return;
    options.log?.warn('no longer the leader', { lease: name, why });
    clock.clear(deadline);
    leading.abort();
    leading = undefined;
  };
  const lead = () => {
    // Whatever a request waits for meanwhile: others count from the last renewal too.
    clock.clear(deadline);
    deadline = clock.after(renewDeadlineMs, () => stepDown(`the lease was not renewed for ${renewDeadlineMs} ms`));
    if (leading !== undefined) return;
    leading = new AbortController();
    options.log?.info('leading', { lease: name, identity });
    options.onLeading(leading.signal);
  };

  const attempt = async (): Promise<void> => {
    const now = new Date(clock.now()).toISOString().replace('Z', '000Z');
    let lease: Lease;
    try {
      lease = await api.get(name, namespace);
    } catch (e) {
      if (!isNotFound(e)) throw e;
      const spec = specOf(identity, leaseDurationMs, now, now, 0);
      await api.create({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace }, spec });
      return lead();
    }
    const { holderIdentity: holder = '', acquireTime = now, leaseTransitions = 0 } = lease.spec ?? {};
    const version = lease.metadata.resourceVersion;
    if (seen?.version !== version) seen = { version, at: clock.monotonic() };
    const mine = holder === identity;
    if (!mine) {
      stepDown(`the lease is held by ${holder === '' ? 'nobody' : holder}`);
      const theirDurationMs = (lease.spec?.leaseDurationSeconds ?? leaseDurationMs / 1000) * 1000;
      if (holder !== '' && clock.monotonic() - seen.at < theirDurationMs) return;
    }
    const spec = mine
      ? specOf(identity, leaseDurationMs, acquireTime, now, leaseTransitions)
      : specOf(identity, leaseDurationMs, now, now, leaseTransitions + 1);
    await api.update({ ...lease, spec: { ...lease.spec, ...spec } });
    lead();
  };

  const round = async (): Promise<void> => {
    try {
      await attempt();
    } catch (error) {
      if (isConflict(error) || isAlreadyExists(error)) stepDown('another process was first');
      else options.log?.debug('cannot renew the lease', { lease: name, error: String(error) });
    }
    if (stopped) return;
    timer = clock.after(retryPeriodMs, () => {
      running = round();
    });
  };
  running = round();

  return {
    get isLeader() {
      return leading !== undefined;
    },
    async stop() {
      stopped = true;
      clock.clear(timer);
      await running;
      const held = leading !== undefined;
      clock.clear(deadline);
      leading?.abort();
      leading = undefined;
      if (held) await release(client, options);
    },
  };
}

function specOf(holder: string, durationMs: number, acquireTime: string, renewTime: string, transitions: number) {
  return {
    holderIdentity: holder,
    leaseDurationSeconds: Math.ceil(durationMs / 1000),
    acquireTime,
    renewTime,
    leaseTransitions: transitions,
  };
}

async function release(client: Client, options: LeaderElectionOptions): Promise<void> {
  const api = client.resource(leases);
  try {
    const lease = await api.get(options.name, options.namespace);
    if (lease.spec?.holderIdentity !== options.identity) return;
    // Left out: Kubernetes refuses an empty one.
    const { holderIdentity: _, ...spec } = lease.spec;
    await api.update({ ...lease, spec: { ...spec, leaseDurationSeconds: 1 } });
  } catch (error) {
    options.log?.warn('cannot give the lease back; it runs out by itself', {
      lease: options.name,
      error: String(error),
    });
  }
}
