// What every long-running role does around its work: a logger, a way to end on a signal, and no silent death.
import process from 'node:process';

import { createLogger, type Level, type Logger } from '../log/index.ts';

/** Aborts on the first SIGTERM or SIGINT; a second one ends the process at once. */
export function endOnSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(1);
      controller.abort();
    });
  }
  return controller.signal;
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** A role's logger. An error nobody caught is logged and ends the process: whoever supervises starts it anew. */
export function roleLogger(component: string, level: Level = 'info'): Logger {
  const log = createLogger({ level }).with({ component });
  const die = (error: unknown) => {
    log.error('uncaught error', { error });
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
  return log;
}
