// What every controller is started with.
import type { Client, EventRecorder } from '../../client/index.ts';
import { createEventRecorder } from '../../client/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import type { SharedInformers } from './shared-informers.ts';

export interface ControllerContext {
  readonly client: Client;
  readonly informers: SharedInformers;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface Running {
  /** Resolves when the last running step has ended. */
  stop(): Promise<void>;
}

export function recorderOf(context: ControllerContext, component: string): EventRecorder {
  return createEventRecorder(context.client, { component, clock: context.clock, log: context.log });
}
