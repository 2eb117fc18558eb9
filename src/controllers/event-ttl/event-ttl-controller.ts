// Lets events go when their time is over, for servers that keep them for ever.
import { events, isNotFound } from '../../api/index.ts';
import type { CoreEvent } from '../../api/index.ts';
import { createInformer, splitKey } from '../../client/index.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';

export interface EventTtlOptions {
  /** @default one hour */
  ttlMs?: number | undefined;
}

const SWEEP_MS = 60_000;
const AT_A_TIME = 16;

/** When the event was last told of. */
function lastTold(event: CoreEvent): number {
  const { lastTimestamp, eventTime, series, metadata } = event;
  const times = [lastTimestamp, eventTime, series?.lastObservedTime, metadata.creationTimestamp];
  return Math.max(...times.map((t) => Date.parse(t ?? '')).filter((t) => !Number.isNaN(t)), 0);
}

export function startEventTtlController(context: ControllerContext, options: EventTtlOptions = {}): Running {
  const { client, clock, log } = context;
  const ttlMs = options.ttlMs ?? 3_600_000;
  const api = client.resource(events);
  // Of its own: the others need no events, and this one only their times.
  const informer = createInformer(client, events, { log, clock, transform: lastTold });
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let timer = clock.after(SWEEP_MS, () => next());

  const sweep = async (): Promise<void> => {
    const over = [...informer.items].filter(([, told]) => clock.now() - told >= ttlMs).map(([key]) => key);
    while (over.length > 0 && !stopped) {
      await Promise.all(
        over.splice(0, AT_A_TIME).map(async (key) => {
          const { namespace = '', name } = splitKey(key);
          try {
            await api.delete(name, { namespace });
          } catch (e) {
            if (!isNotFound(e)) log.debug('cannot delete an old event', { event: key, error: String(e) });
          }
        }),
      );
    }
  };
  const next = () => {
    running = sweep().finally(() => {
      if (!stopped) timer = clock.after(SWEEP_MS, next);
    });
  };
  return {
    async stop() {
      stopped = true;
      clock.clear(timer);
      informer.stop();
      await running;
    },
  };
}
