// What only one server of a cluster may run at a time: controllers and scheduler.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { StatusError } from '../api/objects.ts';
import { runLeaderElection, type Client } from '../client/index.ts';
import type { Logger } from '../log/index.ts';
import { aborted } from './lifecycle.ts';

export interface LeadOptions {
  readonly client: Client;
  /** False: nobody else can be there, and no lease is asked for. */
  readonly shared: boolean;
  /** How this server is called in the lease. */
  readonly name: string;
  readonly log: Logger;
  /** Starts the work; the result ends it. The signal says that the term is over. */
  readonly start: (signal: AbortSignal) => Promise<Ending>;
}

export type Ending = () => Promise<void>;

/**
 * A leader that ended without a word is followed after at most 7 s, one that could say goodbye after 1 s. The work
 * tolerates two leaders for a moment, as every write of it is a compare and set.
 */
const TIMES = { leaseDurationMs: 6000, renewDeadlineMs: 4000, retryPeriodMs: 1000 };

/** Runs `start` while this server leads. The result ends it and gives the lead away. */
export function lead({ client, shared, name, log, start }: LeadOptions): Ending {
  // One after the other: a new term begins when the last one's work has ended.
  let work = Promise.resolve();
  const term = (signal: AbortSignal) => {
    // A failure ends the process, as any error that nobody catches: another server takes the lead.
    work = work.then(async () => {
      if (signal.aborted) return;
      const end = await start(signal);
      await aborted(signal);
      await end();
    });
  };
  if (!shared) {
    const stop = new AbortController();
    term(stop.signal);
    return async () => {
      stop.abort();
      await work;
    };
  }
  const election = runLeaderElection(client, {
    namespace: 'kube-system',
    name: 'portico-server',
    identity: `${name}_${randomUUID()}`,
    ...TIMES,
    onLeading: term,
    log,
  });
  return async () => {
    await election.stop();
    await work;
  };
}

const AGAIN_MS = 1000;

/** Tries until it succeeds or the term is over, while the store takes no writes. @throws what is no passing trouble */
export async function untilWritten(
  write: () => Promise<void>,
  { signal, log }: { signal: AbortSignal; log: Logger },
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof StatusError) || error.code < 500) throw error;
      log.warn('the store takes no writes; it will be tried again', { error });
    }
    await sleep(AGAIN_MS);
  }
}
