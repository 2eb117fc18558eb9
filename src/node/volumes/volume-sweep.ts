// Removes the folders of volumes that are gone from the API server: with its object a volume's data goes.
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { isNotFound, persistentVolumes } from '../../api/objects.ts';
import type { Client } from '../../client/index.ts';
import type { Clock, Timer } from '../../clock/index.ts';
import { errorText } from '../../errors/index.ts';
import type { Logger } from '../../log/index.ts';

const SWEEP_MS = 5000;

export interface VolumeSweepOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  /** Its folders are named after their volumes. */
  readonly dir: string;
}

/** Looks now and every 5 s from then on; a node without volumes asks nothing. */
export function startVolumeSweep(o: VolumeSweepOptions): Disposable {
  let timer: Timer;
  let stopped = false;
  const run = async (): Promise<void> => {
    try {
      await sweepVolumes(o);
    } catch (error) {
      o.log.debug('volumes could not be looked through, trying again', { error: errorText(error) });
    }
    if (!stopped) timer = o.clock.after(SWEEP_MS, () => void run());
  };
  void run();
  return {
    [Symbol.dispose]() {
      stopped = true;
      o.clock.clear(timer);
    },
  };
}

export async function sweepVolumes({ client, log, dir }: Omit<VolumeSweepOptions, 'clock'>): Promise<void> {
  for (const name of foldersIn(dir)) {
    try {
      await client.resource(persistentVolumes).get(name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      log.info('the data of a volume that is gone is removed', { volume: name });
      rmSync(path.join(dir, name), { recursive: true, force: true });
    }
  }
}

function foldersIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
