// A work queue that begins when the informers it reads from are filled: before that every judgement would be wrong.
import type { Informer, WorkQueue } from '../../client/index.ts';
import { createWorkQueue } from '../../client/index.ts';
import type { ControllerContext } from './context.ts';

export interface ReconcilerOptions {
  name: string;
  needs: readonly Informer<unknown>[];
  reconcile: (key: string) => Promise<void>;
  workers?: number;
  retryMs?: { first: number; longest: number };
}

export function startReconciler(context: ControllerContext, options: ReconcilerOptions): WorkQueue {
  const stopped = new AbortController();
  let filled = false;
  let filling: Promise<void> | undefined;
  const fill = async (): Promise<void> => {
    await Promise.all(options.needs.map((informer) => informer.synced(stopped.signal)));
    filled = true;
  };
  const queue = createWorkQueue({
    name: options.name,
    workers: options.workers ?? 4,
    clock: context.clock,
    log: context.log,
    ...(options.retryMs === undefined ? {} : { retryMs: options.retryMs }),
    process: async (key) => {
      try {
        if (!filled) await (filling ??= fill());
      } catch (e) {
        if (stopped.signal.aborted) return;
        throw e;
      }
      await options.reconcile(key);
    },
  });
  return {
    add: (key) => queue.add(key),
    addAfter: (key, ms) => queue.addAfter(key, ms),
    get size() {
      return queue.size;
    },
    idle: () => queue.idle(),
    stop() {
      stopped.abort(new Error('stopped'));
      return queue.stop();
    },
  };
}
